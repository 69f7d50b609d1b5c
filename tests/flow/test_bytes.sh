# Any ranks, replicas, workers, widths and batches give the bytes of one.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1

run() { # ranks, model, output, further options
  n=$1 model=$2 output=$3
  shift 3
  ranks "$n" "$espalier" run --model "$top/jobs/fashion-mnist/$model.onnx" \
    --input "$work/data.h5:/test/images" --labels "$work/data.h5:/test/labels" \
    --scale 1/255 --samples 500 --output "$output" --restart \
    --summary "$work/summary.json" "$@" >"$work/log" 2>&1
}

for model in fmnist_incep fmnist_bilstm; do
  run 1 $model "$work/one.h5" --workers 1 --width 1 --batch 16 || {
    cat "$work/log"
    fail "$model on one rank"
    continue
  }
  while read -r n options; do
    rm -f "$work/other.h5"
    # shellcheck disable=SC2086 -- options are words
    if ! run "$n" $model "$work/other.h5" $options; then
      cat "$work/log"
      fail "$model -n $n $options"
    elif ! h5diff "$work/one.h5" "$work/other.h5" /outputs/logits; then
      fail "$model -n $n $options gives other bytes"
    else
      echo "same bytes: $model -n $n $options"
    fi
  done <<LIST
1 --workers 2
1 --width 2
1 --batch 1
1 --batch 7
1 --batch 64
1 --batch 64 --micro-batch 4
1 --workers 2 --batch 64 --micro-batch 32
2 --replicas 1 --batch 64 --micro-batch 16
2 --replicas 2
2 --replicas 1 --batch 64
3 --replicas 1 --batch 64
3 --replicas 1 --workers 2 --batch 7 --oversubscribe
3 --replicas 3 --streams 2 --oversubscribe
LIST
done

# The branches really are on different ranks, with tensors sent between them.
run 2 fmnist_incep "$work/other.h5" --replicas 1 --batch 250
grep -q '"nodes_per_rank"' "$work/summary.json" || fail "no plan in the summary"
tr -d ' \n' <"$work/summary.json" | grep -q '"nodes_per_rank":\[[0-9]*,0\]' &&
  fail "the second rank of a replica has no nodes"
finish
