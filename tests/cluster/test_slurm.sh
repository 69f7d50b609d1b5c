# slurm/espalier.sbatch on a real Slurm of two nodes: the bytes of one rank, with
# srun and with mpirun inside the allocation.
. "$(dirname "$0")/../flow/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lab.sh"
. "$here/slurm.sh"
PATH=$PATH:/usr/sbin:/sbin

skip() {
  echo "skipped: $*"
  exit 77
}
[ "$(id -u)" = 0 ] || skip "hosts made of namespaces need root"
for tool in slurmctld slurmd munged sbatch ip nsenter unshare; do
  command -v $tool >/dev/null || skip "there is no $tool"
done
unshare -n -u -m -i true 2>/dev/null || skip "no namespaces are to be had"

trap 'slurm_down; lab_down; rm -rf "$work"' EXIT
chmod 755 "$work"
lab_up "$work/lab" 2 && slurm_up || {
  cat "$work"/lab/slurm/log/* 2>/dev/null | tail -20
  exit 1
}

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

# Messages between hosts go over their own network.
export OMPI_MCA_btl_tcp_if_include=10.77.0.0/24
export OMPI_MCA_oob_tcp_if_include=10.77.0.0/24
export ESPALIER="$espalier"
cd "$work" || exit 1
submit() { # launcher, result, options
  launcher=$1 output=$2
  shift 2
  job=$(ESPALIER_LAUNCHER=$launcher lab_exec head sbatch --parsable --nodes=2 \
    --output="$work/slurm.out" "$top/slurm/espalier.sbatch" "$work/job.yaml" \
    --output "$output" "$@")
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
