# Ranks on hosts of their own, with mpirun: the same bytes over networks that are
# slow or far; a host that falls silent and one whose plug is pulled, in the middle
# of a run: the job ends soon, says why once, leaves no process, goes on elsewhere.
. "$(dirname "$0")/../flow/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
switch=$3
trap 'lab_down; rm -rf "$work"' EXIT
lab_needs mpirun tc
lab_up "$work/lab" 3 || exit 1

source=/usr/share/datasets/fashion-mnist
"$espalier" pack "images=$source/train-images-idx3-ubyte.gz" \
  --output "$work/data.h5" || exit 1
cd "$work" || exit 1
cat >job.yaml <<JOB
model: $top/jobs/fashion-mnist/fmnist_incep.onnx
input: $work/data.h5:/images
scale: 1/255
batch: 4
streams: 1
journal_seconds: 1
progress: none
JOB
"$espalier" run job.yaml --output whole.h5 >table 2>err ||
  { cat err; fail "the undisturbed run"; }

# What espalier submit writes into its scripts.
eval "$(grep -h '^export OMPI_MCA_oob' "$top/slurm/many-nodes.sbatch")"
on() { # hosts, ranks, result, options
  on_hosts=$1 n=$2 output=$3
  shift 3
  lab_mpirun "$on_hosts" -n "$n" "$espalier" run job.yaml \
    --output "$work/$output.h5" "$@" >"$output.out" 2>&1
}
ranks_left() {
  ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c -- "-> $espalier\$"
}

# 200 Mbit/s between the hosts.  Replicas, and the branches of one.
for i in 1 2 3; do
  lab_exec "node$i" tc qdisc add dev eth0 root tbf rate 200mbit burst 64kb latency 50ms ||
    fail "no rate for node$i"
done
on "node1 node2 node3" 6 slow --samples 6000 || { cat slow.out; fail "six ranks"; }
on "node1 node2" 3 branches --samples 6000 --replicas 1 --batch 100 ||
  { cat branches.out; fail "branches over hosts"; }
"$espalier" run job.yaml --samples 6000 --output few.h5 >table 2>&1 || fail "few"
for result in slow branches; do
  h5diff few.h5 $result.h5 /outputs /outputs || fail "$result: other bytes"
done
grep -h '^plan' slow.out branches.out

# 5 ms from host to host.
lab_delay "$switch" 5000
# A refusal is one way and back.
took=$(lab_exec node1 bash -c 'for i in 1 2; do # the first asks for the address too
    before=$(date +%s%N)
    (: </dev/tcp/10.77.0.2/9) 2>/dev/null
    echo $((($(date +%s%N) - before) / 1000000))
  done' | tail -1)
[ "$took" -ge 10 ] && [ "$took" -lt 60 ] || fail "there and back takes $took ms"
on "node1 node2 node3" 6 far --samples 6000 || { cat far.out; fail "far ranks"; }
on "node1 node2" 3 far_branches --samples 6000 --replicas 1 --batch 500 ||
  { cat far_branches.out; fail "branches over far hosts"; }
lab_no_delay
for result in far far_branches; do
  h5diff few.h5 $result.h5 /outputs /outputs || fail "$result: other bytes"
done
echo "there and back in $took ms: $(grep -h '^samples' far.out far_branches.out)"

# One of three hosts goes, in some way, when something is on the disk.
goes() { # way, host, what is said of it
  way=$1 host=$2 reason=$3
  name=$way-$host
  on "node1 node2 node3" 6 "$name" &
  job=$!
  wait_for_some "$name.h5" 15
  began=$(date +%s%N)
  "lab_$way" "$host"
  for _ in $(seq 300); do
    kill -0 $job 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 $job 2>/dev/null; then
    fail "$name: mpirun goes on"
    kill -9 "$(pgrep -P $job)" $job
  fi
  wait $job && fail "$name: a lost host is no failure"
  ended=$((($(date +%s%N) - began) / 1000000))
  for _ in $(seq 100); do
    left=$(ranks_left)
    [ "$left" = 0 ] && break
    sleep 0.1
  done
  gone=$((($(date +%s%N) - began) / 1000000))
  echo "$name: mpirun ended after $ended ms, the last rank after $gone ms"
  [ "$ended" -lt 10000 ] || fail "$name: too late"
  [ "$left" = 0 ] || { ps -eo pid,stat,args | grep 'espalier ru[n]'; fail "$name: $left ranks are left"; }
  [ "$(grep -cE "$reason" "$name.out")" = 1 ] ||
    { cat "$name.out"; fail "$name: the reason is not said once"; }
  "$espalier" inspect "$name.h5" | grep 'samples are done' || fail "$name: inspect"
}
goes_on() { # hosts, ranks
  on "$1" "$2" "$name" || { cat "$name.out"; fail "$name: it does not go on"; }
  grep -q '^resumed' "$name.out" || fail "$name: it was whole before"
  h5diff whole.h5 "$name.h5" /outputs /outputs || fail "$name: other bytes"
}
# Both mpirun and a rank of a host that hears them no more can say it.
lost='lost communication with a remote daemon|no sign of life'
goes cut node2 "$lost"
goes_on "node1 node3" 4
lab_mend node2
goes cut node1 "$lost" # rank 0, which deals the batches
lab_mend node1
goes_on "node1 node2" 3
goes unplug node3 "$lost|unable to reliably start one or more daemons"
goes_on "node2" 2
finish
