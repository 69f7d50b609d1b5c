# Jobs that are disturbed: requeued, cancelled, at their time limit, with a node
# that falls silent or is powered off; and an array.  All end with the bytes of
# an undisturbed run.  On a real Slurm of four nodes.
. "$(dirname "$0")/../flow/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
. "$here/slurm.sh"
slurm_begin 4

source=/usr/share/datasets/fashion-mnist
"$espalier" pack "images=$source/train-images-idx3-ubyte.gz" \
  "labels=$source/train-labels-idx1-ubyte.gz" --output "$work/data.h5" || exit 1
cd "$work" || exit 1
# The images several times over, a few at a time, so that a job takes a while.
write_job() { # how many times
  echo "model: $top/jobs/fashion-mnist/fmnist_incep.onnx"
  echo "input:"
  for _ in $(seq "$1"); do echo "  - $work/data.h5:/images"; done
  echo "scale: 1/255"
  echo "batch: 4"
  echo "streams: 1"
  echo "journal_seconds: 1"
  echo "progress: none"
}
write_job 3 >job.yaml
"$espalier" run job.yaml --output whole.h5 >table 2>err ||
  { cat err; fail "the undisturbed run"; }
head -2 table

form=job.yaml
submit() { # name, options: submits $form, gives the job's number in $job
  name=$1
  shift
  said=$(lab_exec head "$espalier" submit "$form" --output "$work/$name.h5" "$@" \
    -- --output="$work/$name.out")
  job=${said##* }
}
begun() { # name: waits until it can be disturbed
  wait_for_some "$1.h5" 60 || cat "$1.out"
}
state_of() { # job
  lab_exec head scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'
}
# Until its script has ended, 30 seconds at most; a job with a lost node then is
# COMPLETING, until Slurm misses the node itself.
wait_while_running() {
  for _ in $(seq 300); do
    [ "$(state_of "$job")" = RUNNING ] || break
    sleep 0.1
  done
}
since_began() { # milliseconds
  echo $((($(date +%s%N) - began) / 1000000))
}
wait_until_whole() { # name, whichever job of a chain ends it
  for _ in $(seq 600); do
    case $("$espalier" inspect "$1.h5" 2>/dev/null) in
    *"complete: 1"*) return ;;
    esac
    sleep 0.5
  done
}
starts_of() { # name
  "$espalier" inspect "$1.h5" | sed -n 's/.*; \([0-9]*\) starts*$/\1/p'
}
expect_disturbed() { # name
  starts=$(starts_of "$1")
  [ "$starts" -gt 1 ] || fail "$1: it was not disturbed at all"
  echo "$1: the same bytes, in $starts starts"
}
expect_whole() { # name
  h5diff whole.h5 "$1.h5" /outputs/logits /outputs/logits ||
    fail "$1: other bytes"
  expect_disturbed "$1"
}
finished() { # name
  slurm_wait "$job" || { cat "$1.out"; fail "$1: it did not end well"; }
}

# Requeued by hand, in the middle.
submit requeued --nodes 2 --requeue
begun requeued
lab_exec head scontrol requeue "$job"
finished requeued
expect_whole requeued

# Cancelled, and submitted again.
submit cancelled --nodes 2
begun cancelled
lab_exec head scancel "$job"
slurm_wait "$job" && fail "a cancelled job is said to be complete"
[ "$(state_of "$job")" = CANCELLED ] || fail "cancelled: $(state_of "$job")"
submit cancelled --nodes 1
finished cancelled
expect_whole cancelled

# One rank is killed, which srun tells no other: the ranks do.
submit killed --nodes 2
begun killed
for pid in $(pgrep -x espalier); do
  grep -qz '^SLURM_PROCID=1$' "/proc/$pid/environ" &&
    grep -qz 'killed.h5' "/proc/$pid/cmdline" && kill -9 "$pid" && break
done
began=$(date +%s%N)
wait_while_running
ended=$(since_began)
echo "killed: the script ended after $ended ms"
[ "$ended" -lt 10000 ] || { cat killed.out; fail "killed: too late"; }
slurm_wait "$job" && fail "killed: a lost rank is no failure"
[ "$(grep -c 'rank 1 on .* has ended without a word' killed.out)" = 1 ] ||
  { cat killed.out; fail "killed: the reason is not said once"; }
submit killed --nodes 1
finished killed
expect_whole killed

# Told by Slurm that its time ends; the next job of the chain goes on.  Slurm
# looks at the limits every half minute, and sends the warning from the tenth
# second on: a job of 45 seconds is stopped, however fast the machine is.  The
# undisturbed run may have been slowed by others; a job that then is too short
# is made longer.
rate=$(sed -n 's/.* \([0-9]*\) samples per second/\1/p' table)
times=$(((45 * rate + 59999) / 60000))
form=long.yaml
for _ in 1 2 3; do
  rm -f limited.h5
  write_job "$times" >$form
  submit limited --nodes 1 --time 1 --warning 50 --chain 20
  wait_until_whole limited
  [ "$(starts_of limited)" = 1 ] || break
  times=$((2 * times))
done
form=job.yaml
/usr/bin/python3 - "$times" <<'P' || fail "limited: other bytes"
import sys, h5py
with h5py.File("whole.h5") as whole, h5py.File("limited.h5") as limited:
    want, got = whole["outputs/logits"][:60000], limited["outputs/logits"]
    assert len(got) == 60000 * int(sys.argv[1])
    for first in range(0, len(got), 60000):
        assert (got[first:first + 60000] == want).all(), first
P
expect_disturbed limited
[ "$(lab_exec head scontrol show job "$job" | sed -n 's/.*ExitCode=//p')" = 75:0 ] ||
  { lab_exec head scontrol show job "$job"; fail "limited: it was not stopped"; }

# The network of its second node falls silent: the ranks say so, and end srun.
submit silent --nodes 2
begun silent
node=$(lab_exec head squeue -h -j "$job" -o %N | sed 's/.*\(.\)\]/node\1/')
lab_cut "$node"
began=$(date +%s%N)
for _ in $(seq 300); do
  grep -q 'rank 1 on .* no sign of life' silent.out && break
  sleep 0.1
done
said=$(since_began)
wait_while_running
ended=$(since_began)
echo "silent: said after $said ms, the script ended after $ended ms"
[ "$said" -lt 10000 ] || { cat silent.out; fail "silent: it is not noticed in time"; }
[ "$ended" -lt 25000 ] || fail "silent: too late"
[ "$(grep -c 'no sign of life' silent.out)" = 1 ] ||
  { cat silent.out; fail "silent: the reason is not said once"; }
lab_mend "$node"
slurm_wait "$job" && fail "silent: a lost node is no failure"
submit silent --nodes 2
finished silent
expect_whole silent

# The plug of a node is pulled; Slurm starts the job again on others.
submit unplugged --nodes 2
begun unplugged
node=$(lab_exec head squeue -h -j "$job" -o %N | sed 's/.*\[\(.\).*/node\1/')
kill -9 "$(cat "$lab/$node.outer.pid")" "$(cat "$lab/$node.pid")"
lab_exec head scontrol update nodename="$node" state=down reason=unplugged
finished unplugged
expect_whole unplugged

# A job for each file.
for i in 1 2 3; do
  /usr/bin/python3 - "$work/data.h5" "$work/part$i.h5" $i <<'P'
import sys, h5py
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2], "w") as out:
    first = 1000 * int(sys.argv[3])
    out["images"] = f["images"][first:first + 1000]
P
  echo "$work/part$i.h5:/images"
done >inputs.txt
cp job.yaml all.yaml
grep -v '^input\|^  - ' all.yaml >job.yaml
submit '{name}-results' --array inputs.txt
slurm_wait "$job" || fail "the array"
for i in 1 2 3; do
  "$espalier" run job.yaml --input "$work/part$i.h5:/images" --output "one$i.h5" \
    >table 2>err || { cat err; fail "part $i alone"; }
  h5diff "one$i.h5" "part$i-results.h5" /outputs /outputs || fail "part $i"
done
finish
