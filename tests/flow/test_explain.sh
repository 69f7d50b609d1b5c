# explain: its answer for the models of jobs/, and what it says of the shell in
# which it runs.
. "$(dirname "$0")/lib.sh"
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx
bilstm=$top/jobs/fashion-mnist/fmnist_bilstm.onnx
unset OMP_NUM_THREADS OMP_PROC_BIND GOMP_CPU_AFFINITY

says() { # words, then the command
  words=$1
  shift
  "$@" >"$work/said" 2>&1
  tr -s ' \n' '  ' <"$work/said" | grep -q -- "$words" ||
    fail "$* does not say \"$words\": $(cat "$work/said")"
}

says 'any number, each on a core of its own' "$espalier" explain "$incep" --cores 2
says '1 at a time [0-9]* %, 2 ' "$espalier" explain "$incep"
says 'no branches: the model is a chain' "$espalier" explain "$bilstm"
says 'OMP_NUM_THREADS=1 is set' env OMP_NUM_THREADS=1 "$espalier" explain "$incep"
if [ "$(nproc)" -gt 1 ]; then
  first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
  says 'only one core: .*taskset' taskset -c "$first" "$espalier" explain "$incep"
  says 'set by GOMP_CPU_AFFINITY' \
    env GOMP_CPU_AFFINITY="$first" "$espalier" explain "$incep"
fi
says 'medians of [0-9]* rounds' "$espalier" explain "$incep" --measure --batch 4
says '2 ranks, [0-9]* messages* ([0-9.]* MB) [0-9.]*x - [0-9.]*x' \
  ranks 2 "$espalier" explain "$incep" --measure --batch 16

# explain refuses what run refuses, in the same words.
printf 'not a model' >"$work/bad.onnx"
"$espalier" explain "$work/bad.onnx" 2>"$work/explain" && fail "a bad model is explained"
"$espalier" run --model "$work/bad.onnx" --input "$work/none.h5:/x" \
  --output "$work/out.h5" 2>"$work/run" && fail "a bad model runs"
cmp -s "$work/explain" "$work/run" ||
  fail "other words: $(cat "$work/explain" "$work/run")"
finish
