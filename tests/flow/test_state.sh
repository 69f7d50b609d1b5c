# What a model leaves for the next row of a sequence.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$top/tests/flow/make_state.py" "$work/state.onnx" || exit 1
/usr/bin/python3 - "$work" <<'P'
import sys, h5py
import numpy as np
random = np.random.default_rng(1)
lengths = [700, 1, 350, 2, 1200, 30, 17, 800]
with h5py.File(sys.argv[1] + "/data.h5", "w") as f:
    f["x"] = random.integers(-8, 8, (sum(lengths), 4), dtype=np.int16)
    ids = np.concatenate([np.full(n, i % 2, np.int32) for i, n in enumerate(lengths)])
    f["ids"] = ids
    f["other"] = ids[::-1]
    f["few"] = ids[:100]
    f["wide"] = f["x"][()]
for i in range(3):
    with h5py.File("%s/file%d.h5" % (sys.argv[1], i), "w") as f:
        f["x"] = random.integers(-8, 8, (0 if i == 1 else 200 + i, 4), dtype=np.int16)
P
data=$work/data.h5
state=--state\ h=next
run() { # ranks, options
  n=$1
  shift
  ranks "$n" "$espalier" run --model "$work/state.onnx" $state \
    --inputs gain=3 --progress none "$@" >"$work/table" 2>"$work/err"
}
expect() { # exit status, part of the message, options
  want=$1 part=$2
  shift 2
  run 2 --output "$work/x.h5" "$@"
  got=$?
  if [ $got != "$want" ] || ! grep -q "$part" "$work/err"; then
    fail "exit $got: $(cat "$work/err"), expected $want and \"$part\""
  fi
}

for n in 1 2 3; do
  run $n --input "$data:/x" --sequence "$data:/ids" --output "$work/$n.h5" ||
    { cat "$work/err"; fail "on $n ranks"; }
done
run 2 --input "$data:/x" --sequence "$data:/ids" --output "$work/shared.h5" \
  --replicas 1 || { cat "$work/err"; fail "one replica of two ranks"; }
run 2 --input "$work/file*.h5:/x" --output "$work/apart.h5" ||
  { cat "$work/err"; fail "a sequence for each file"; }
# Cut off in the middle of sequences, several times; and grown.
run 2 --input "$data:/x" --sequence "$data:/ids" --output "$work/cut.h5" \
  --samples 1500 || { cat "$work/err"; fail "the first rows"; }
run 1 --input "$data:/x" --sequence "$data:/ids" --output "$work/cut.h5" \
  --grown continue || { cat "$work/err"; fail "those that were added"; }
/usr/bin/python3 - "$work" <<'P' || fail "the results"
import glob, sys, h5py
import numpy as np
work = sys.argv[1]
def reference(x, begins):
    h, out = np.zeros((2, 1, 4), np.float32), []
    for row, first in zip(x.astype(np.float32), begins):
        h = (0 if first else h) * np.float32(0.5) + row
        h = np.broadcast_to(h, (2, 1, 4)).astype(np.float32)
        out.append((h.sum(0)[0] * np.float32(3), h))
    return [np.stack(a) for a in zip(*out)]
with h5py.File(work + "/data.h5") as f:
    x, ids = f["x"][()], f["ids"][()]
begins = np.concatenate([[True], ids[1:] != ids[:-1]])
want = reference(x, begins)
for name in ("1", "2", "3", "shared", "cut"):
    with h5py.File("%s/%s.h5" % (work, name)) as f:
        assert (f["outputs/y"][()] == want[0]).all(), name
        assert (f["outputs/next"][()] == want[1]).all(), name
x = np.concatenate([h5py.File(n)["x"][()] for n in sorted(glob.glob(work + "/file*.h5"))])
begins = np.zeros(len(x), bool)
begins[[0, 200]] = True
with h5py.File(work + "/apart.h5") as f:
    assert (f["outputs/y"][()] == reference(x, begins)[0]).all(), "files"
P

# One long sequence, asked to stop in its middle: it goes on from its state.
/usr/bin/python3 - "$work/long.h5" <<'P'
import sys, h5py
import numpy as np
with h5py.File(sys.argv[1], "w") as f:
    f["x"] = np.random.default_rng(2).integers(-8, 8, (80000, 4), dtype=np.int16)
P
run 1 --input "$work/long.h5:/x" --output "$work/whole.h5" ||
  { cat "$work/err"; fail "a long sequence"; }
starts=0
while :; do
  timeout 60 mpirun --oversubscribe --bind-to none -n 2 "$espalier" run \
    --model "$work/state.onnx" --state h=next --inputs gain=3 --progress none \
    --input "$work/long.h5:/x" --output "$work/pieces.h5" >"$work/table" \
    2>"$work/err" &
  launcher=$!
  if [ $starts -lt 2 ]; then
    for i in $(seq 100); do
      pgrep -P "$(pgrep -P $launcher)" >/dev/null 2>&1 &&
        [ -e "$work/pieces.h5" ] && break
      sleep 0.05
    done
    sleep 0.7
    # The rank that has the sequence is told; the second time it is killed.
    signal=USR1
    [ $starts = 1 ] && signal=KILL
    for rank in $(pgrep -P "$(pgrep -P $launcher)"); do
      kill -$signal "$rank" 2>/dev/null
    done
  fi
  wait $launcher
  got=$?
  starts=$((starts + 1))
  [ $got = 0 ] || [ $starts = 4 ] && break
  [ $starts = 1 ] && [ $got != 75 ] && fail "asked to stop: exit $got"
done
[ $got = 0 ] || { cat "$work/err"; fail "going on: exit $got"; }
echo "a long sequence in $starts starts"
/usr/bin/python3 - "$work" <<'P' || fail "a sequence in pieces"
import sys, h5py
a, b = (h5py.File("%s/%s.h5" % (sys.argv[1], n)) for n in ("whole", "pieces"))
for name in a["outputs"]:
    assert (a["outputs"][name][()] == b["outputs"][name][()]).all(), name
P

expect 2 "one by one" --input "$data:/x" --batch 4
expect 2 "given twice" --input "$data:/x" --state h=next
state=
expect 2 'no output named "nest"' --input "$data:/x" --state h=nest
expect 2 'no input named "k"; it has x, h' --input "$data:/x" --state k=next
expect 2 "INPUT=OUTPUT, two names" --input "$data:/x" --state h
expect 3 'output "y" is float \[1,4\], but input "h" takes float \[2,1,4\]' \
  --input "$data:/x" --state h=y
state=--state\ h=next
expect 3 "100 rows for 3100 samples" --input "$data:/x" --sequence "$data:/few"
expect 3 "one integer for each row" --input "$data:/x" --sequence "$data:/wide"
expect 2 'no input named "loss"' --input "$data:/x" --inputs loss=1
run 1 --input "$data:/x" --sequence "$data:/other" --output "$work/1.h5" &&
  fail "other sequences were taken for the same job"
grep -q input_data "$work/err" || fail "other sequences: $(cat "$work/err")"
finish
