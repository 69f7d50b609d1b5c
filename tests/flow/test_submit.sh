# Batch scripts: those in slurm/ are what espalier submit makes, and sbatch gets
# them.  A stand-in for sbatch keeps what it reads; tests/cluster has the real one.
. "$(dirname "$0")/lib.sh"
cd "$work" || exit 1
printf 'model: m.onnx\ninput: d.h5:/x\noutput: results.h5\n' >job.yaml
seq 10 | sed 's/$/.h5:\/x/' >inputs.txt
mkdir bin
printf '#!/bin/sh\ncat >"%s/submitted"\necho Submitted batch job 7\n' "$work" >bin/sbatch
chmod +x bin/sbatch

grep -v '^#' "$top/slurm/templates.txt" | while read -r name command; do
  # shellcheck disable=SC2086 -- words
  "$espalier" ${command#espalier } --dry-run | sed 's|^espalier=.*|espalier=${ESPALIER:-espalier}|' >made
  diff "$top/slurm/$name.sbatch" made || touch differs
  bash -n made || touch differs
  PATH=$work/bin:$PATH "$espalier" ${command#espalier } >said || touch differs
  grep -q 'batch job 7' said || touch differs
  sed 's|^espalier=.*|espalier=${ESPALIER:-espalier}|' submitted | cmp - made || touch differs
done
[ -e differs ] && fail "a template is not what espalier submit makes"
[ "$(ls "$top/slurm/"*.sbatch | wc -l)" = "$(grep -vc '^#' "$top/slurm/templates.txt")" ] ||
  fail "a template that nothing makes"

# Options of every kind, names that a shell would take apart.
cat job.yaml >"it's \$HOME.yaml"
"$espalier" submit "it's \$HOME.yaml" --launcher srun --cores-per-rank 8 --ranks-per-node=2 \
  --warning 300 --name fine --partition big,small --top-k 5 --restart --dry-run \
  -- --mem=64G --constraint=fast >made || fail "options"
for line in '#SBATCH --job-name=fine' '#SBATCH --cpus-per-task=8' '#SBATCH --ntasks-per-node=2' \
  '#SBATCH --partition=big,small' '#SBATCH --signal=B:USR1@300' '#SBATCH --mem=64G' \
  '#SBATCH --constraint=fast' 'launch="srun --mpi=pmix --cpu-bind=none --cpus-per-task=8"' \
  "\$launch \"\$espalier\" run 'it'\\''s \$HOME.yaml' --top-k 5 --restart \"\$@\" &"; do
  grep -qxF -- "$line" made || fail "no line $line"
done
grep -q exclusive made && fail "whole nodes, though cores are given"

refused() { # exit status, words of the message, arguments
  want=$1 words=$2
  shift 2
  PATH=$work/bin:$PATH "$espalier" submit "$@" >said 2>&1
  got=$?
  [ $got = "$want" ] || fail "submit $*: exit status $got, expected $want"
  grep -q -- "$words" said || fail "submit $*: $(cat said)"
}
rm -f submitted
refused 2 'which job' --nodes 2
refused 2 'expected a number of nodes' job.yaml --nodes none
refused 2 'did you mean "model"' job.yaml --modle x
refused 2 'time is "1 day"' job.yaml --time '1 day'
refused 2 'launcher is "ssh"' job.yaml --launcher ssh
refused 2 'one of them' job.yaml --requeue --chain 3
refused 2 'several lines' job.yaml -- '--mem=1
touch here'
refused 1 'cannot open nowhere' job.yaml --array nowhere
: >empty
refused 3 'names no input' job.yaml --array empty
[ -e submitted ] && fail "what was refused has been submitted"
PATH=/nowhere "$espalier" submit job.yaml >said 2>&1 && fail "no sbatch"
grep -q 'cannot start sbatch' said || fail "no sbatch: $(cat said)"
finish
