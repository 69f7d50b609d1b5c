# espalier submit on a real Slurm of two nodes: the bytes of one rank, with srun
# and with mpirun inside the allocation.
. "$(dirname "$0")/../flow/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
. "$here/slurm.sh"
slurm_begin 2

pack_images || exit 1
cat >"$work/job.yaml" <<JOB
model: $top/jobs/fashion-mnist/fmnist_incep.onnx
input: $work/data.h5:/test/images
scale: 1/255
labels: $work/data.h5:/test/labels
samples: 2000
progress: lines
JOB
"$espalier" run "$work/job.yaml" --output "$work/one.h5" >/dev/null 2>&1 ||
  fail "one rank"

cd "$work" || exit 1
submit() { # launcher, result, options
  launcher=$1 output=$2
  shift 2
  said=$(lab_exec head "$espalier" submit job.yaml --nodes 2 --launcher "$launcher" \
    --output "$output" "$@" -- --output="$work/slurm.out")
  job=${said##* }
  if ! slurm_wait "$job"; then
    cat "$work/slurm.out"
    fail "$launcher $*"
  elif ! h5diff "$work/one.h5" "$output" /outputs/logits; then
    fail "$launcher $*: other bytes"
  elif ! grep -q "2 ranks" "$work/slurm.out"; then
    cat "$work/slurm.out"
    fail "$launcher $*: not on two ranks"
  else
    echo "same bytes on two nodes: $launcher $*"
  fi
}
submit srun "$work/srun.h5"
submit srun "$work/branches.h5" --replicas 1 --batch 100
submit mpirun "$work/mpirun.h5"
finish
