# A run that is cut off, by whatever, goes on to the same bytes.
. "$(dirname "$0")/lib.sh"
source=/usr/share/datasets/fashion-mnist
"$espalier" pack "images=$source/train-images-idx3-ubyte.gz" \
  "labels=$source/train-labels-idx1-ubyte.gz" --output "$work/data.h5" || exit 1
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx

# start RANKS OUTPUT OPTIONS...: in the background, as $launcher.  The images are
# taken twice, so that a run takes some seconds.
images=$work/data.h5:/images labels=$work/data.h5:/labels
start() {
  n=$1 output=$2
  shift 2
  timeout 60 mpirun --oversubscribe --bind-to none -n "$n" "$espalier" run \
    --model "$incep" --input "$images" --input "$images" --labels "$labels" \
    --labels "$labels" --scale 1/255 --argmax --batch 32 --progress none \
    --output "$output" "$@" >"$work/out" 2>"$work/err" &
  launcher=$!
}

run() { # the same, to its end
  start "$@"
  wait $launcher
}

# The ranks of what start() has started: children of mpirun, which is one of
# timeout.
ranks_of() {
  pgrep -P "$(pgrep -P "$launcher")"
}

run 2 "$work/whole.h5" || { cat "$work/err"; fail "the undisturbed run"; }
whole=$(sum "$work/whole.h5")
accuracy=$(grep accuracy "$work/out")
cp "$work/out" "$work/whole.out"
expect_whole() { # output, after what
  got=$(sum "$1")
  [ "$got" = "$whole" ] || fail "after $2: $got, expected $whole"
  [ "$(grep accuracy "$work/out")" = "$accuracy" ] ||
    fail "accuracy after $2: $(grep accuracy "$work/out")"
}

# What another run may have left that was killed while it opened a file of the
# same name: nobody waits for it.
head -c 32 /dev/zero >/dev/shm/sem.OMPIO_locked.h5.part
cp /dev/shm/sem.OMPIO_locked.h5.part /dev/shm/sem.OMPIO_locked.h5
run 2 "$work/locked.h5" --samples 100 || fail "a semaphore that was left"
rm -f /dev/shm/sem.OMPIO_locked.h5.part /dev/shm/sem.OMPIO_locked.h5

# Killed at some moment, launcher and ranks at once; again and again.
seed=${CHECK_SEED:-$$}
echo "seed $seed"
draw() { # below $1
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  drawn=$((seed / 65536 % $1))
}
stop_all() { # SIGKILL to launcher and ranks; what was not begun yet is awaited
  for i in $(seq 50); do
    mpirun=$(pgrep -P "$launcher") && break
    sleep 0.02
  done
  [ -z "$mpirun" ] || kill -9 $mpirun $(pgrep -P "$mpirun") 2>/dev/null
  wait "$launcher"
}
start 2 "$work/killed.h5" --journal-seconds 0
wait_for_some "$work/killed.h5" 10
stop_all
for kill in 1 2 3 4 5; do
  draw 3
  start $((drawn + 1)) "$work/killed.h5" --journal-seconds 0
  draw 15
  sleep $((drawn / 10)).$((drawn % 10))
  stop_all
  sum "$work/killed.h5" >/dev/null || fail "does not open after kill $kill"
  "$espalier" inspect "$work/killed.h5" | grep 'samples are done'
done
run 3 "$work/killed.h5" || { cat "$work/err"; fail "going on after kills"; }
# A fast machine may have done all of it between two kills.
if grep -q 'nothing to do' "$work/out"; then
  cp "$work/whole.out" "$work/out"
else
  grep -q resumed "$work/out" || fail "it was not said that a run was resumed"
fi
expect_whole "$work/killed.h5" kills
run 2 "$work/killed.h5" || fail "a finished job"
grep -q 'nothing to do' "$work/out" || fail "a finished job: $(cat "$work/out")"

# Killed with a record every two seconds: what was computed before that is kept.
start 2 "$work/late.h5" --journal-seconds 2 --batch 4
wait_for_some "$work/late.h5" 30
sleep 3
stop_all
done=$("$espalier" inspect "$work/late.h5" | sed -n 's/^\([0-9]*\) of .* samples are done.*/\1/p')
/usr/bin/python3 - "$work/late.h5" "$done" <<'P' || fail "more than two seconds are lost"
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    notes, rows = f["espalier/computed"][()], f["outputs/logits"].shape[0]
    seconds = notes[notes[:, 0] > 0, 2]  # whole seconds, for a few rows each
    early = int((seconds < seconds.max() - 2).sum()) * rows // len(notes)
    print("%d rows are kept, %d computed two seconds before the kill" % (int(sys.argv[2]), early))
    assert 0 < early <= int(sys.argv[2]), sys.argv[2]
P
run 1 "$work/late.h5" || fail "after a kill between two records"
expect_whole "$work/late.h5" "a kill between two records"

# Killed when the file had its name and its journal no record yet.
cp "$work/whole.h5" "$work/begun.h5"
/usr/bin/python3 - "$work/begun.h5" <<'P'
import h5py, sys
with h5py.File(sys.argv[1], "r+") as f:
    f.attrs.modify("complete", 0)
    f["espalier/journal"][...] = 0
    for name in f["outputs"]:
        f["outputs"][name][...] = 0
P
"$espalier" inspect "$work/begun.h5" | grep -q 'nothing is done yet' ||
  fail "inspect of a file that has just begun"
run 2 "$work/begun.h5" || { cat "$work/err"; fail "going on from a file without a record"; }
expect_whole "$work/begun.h5" "a file without a record"

# One rank dies: the others end within ten seconds, the reason is printed.
start 3 "$work/dead.h5" --journal-seconds 0
wait_for_some "$work/dead.h5" 10
kill -9 "$(ranks_of | sed -n 2p)"
begin=$(date +%s)
wait "$launcher" && fail "a job of which a rank died"
[ $(($(date +%s) - begin)) -lt 10 ] || fail "the job hung after a rank died"
[ "$(grep -c 'signal 9' "$work/err")" = 1 ] || fail "reason: $(cat "$work/err")"
run 2 "$work/dead.h5" || fail "going on after a rank died"
expect_whole "$work/dead.h5" "a rank died"

# What started it dies, and nothing tells it: a launcher without Open MPI's own
# messages.
PMI_RANK=0 sh -c '"$@" & echo $! >"$0"; wait' "$work/orphan" "$espalier" run \
  --model "$incep" --input "$images" --scale 1/255 --batch 1 --journal-seconds 0 \
  --progress none --output "$work/orphan.h5" >"$work/out" 2>"$work/err" &
launcher=$!
wait_for_some "$work/orphan.h5" 10
kill -9 $launcher
wait $launcher 2>/dev/null
for _ in $(seq 60); do
  kill -0 "$(cat "$work/orphan")" 2>/dev/null || break
  sleep 0.05
done
kill -9 "$(cat "$work/orphan")" 2>/dev/null && fail "a rank without its launcher is left"
grep -q 'what started this rank is gone' "$work/err" || fail "orphan: $(cat "$work/err")"

# Stopped: by a signal to a rank that is not the first; by time; at once.
start 2 "$work/stopped.h5" --summary "$work/summary.json" --journal-seconds 0
wait_for_some "$work/stopped.h5" 10
kill -USR1 "$(ranks_of | sed -n 2p)"
wait "$launcher"
status=$?
[ $status = 75 ] || { cat "$work/err"; fail "exit $status after SIGUSR1"; }
grep -q 'the same command goes on' "$work/out" || fail "stop: $(cat "$work/out")"
/usr/bin/python3 - "$work/summary.json" <<'P' || fail "the summary of a stop"
import json, sys
summary = json.load(open(sys.argv[1]))
assert summary["exit"] == 75 and 0 < summary["done"] < 120000, summary
P
run 1 "$work/stopped.h5" --max-seconds 3
status=$?
[ $status = 75 ] || { cat "$work/err" "$work/out"; fail "exit $status by time"; }
grep -q resumed "$work/out" || fail "the second run began anew"
run 3 "$work/stopped.h5" || fail "going on after a stop"
expect_whole "$work/stopped.h5" stops
start 1 "$work/twice.h5" --journal-seconds 0
wait_for_some "$work/twice.h5" 10
kill -TERM "$(ranks_of)"
kill -INT "$(ranks_of)"
wait "$launcher"
status=$?
[ $status = 75 ] || { cat "$work/err"; fail "exit $status after two signals"; }

# Of another job: refused with the difference, and left as it was.
before=$(sum "$work/stopped.h5")
differs() { # part of the message, options
  part=$1
  shift
  run 2 "$work/stopped.h5" "$@"
  status=$?
  if [ $status != 3 ] || ! grep -q "$part" "$work/err"; then
    fail "exit $status: $(cat "$work/err"), expected \"$part\""
  fi
}
differs "scale 1/255, and this run has 1/128" --scale 1/128
differs "model_hash" --model "$top/jobs/fashion-mnist/fmnist_bilstm.onnx"
differs "top_k 0, and this run has 2" --top-k 2
differs "120000 samples, and this run has 100" --samples 100
/usr/bin/python3 - "$work/data.h5" "$work/other.h5" <<'P'
import sys, h5py
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2], "w") as other:
    other["images"] = f["images"][()][::-1]
P
images=$work/other.h5:/images
differs "input_data"
images=$work/data.h5:/images
/usr/bin/python3 - "$work/stopped.h5" <<'P'
import sys, h5py
with h5py.File(sys.argv[1], "r+") as f:
    f.attrs.modify("version", b"0.0")
P
differs "begun with version 0.0, and this run has"
[ "$(sum "$work/stopped.h5")" = "$before" ] || fail "a refused run wrote"
run 2 "$work/stopped.h5" --samples 100 --restart || fail "restart"

# More samples than before.
run 2 "$work/grown.h5" --samples 20001 || fail "a part of the samples"
before=$(sum "$work/grown.h5")
run 2 "$work/grown.h5"
if [ $? != 3 ] || ! grep -q 'set grown to continue' "$work/err"; then
  fail "grown: $(cat "$work/err")"
fi
[ "$(sum "$work/grown.h5")" = "$before" ] || fail "grown, refused and written"
run 2 "$work/grown.h5" --grown continue || { cat "$work/err"; fail "grown"; }
grep -q 'from 20' "$work/out" || fail "grown from: $(cat "$work/out")"
expect_whole "$work/grown.h5" grown
ls "$work" | grep '\.part' && fail "a file in the making was left"
finish
