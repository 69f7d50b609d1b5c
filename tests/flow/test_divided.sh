# Heavy operators of a chain are divided among ranks, and among workers where
# these are asked for; the bytes stay.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$top/tests/flow/make_chain.py" "$work/chain.onnx" "$work/d.h5" || exit 1

run() { # ranks, output, further options
  n=$1 output=$2
  shift 2
  ranks "$n" "$espalier" run --model "$work/chain.onnx" --input "$work/d.h5:/x" \
    --output "$output" --restart --summary "$work/summary.json" --tune off \
    --trace "$work/trace.json" "$@" >"$work/log" 2>&1 || {
    cat "$work/log"
    fail "-n $n $*"
  }
}

run 1 "$work/one.h5" --workers 1 --width 1 --batch 1
grep -q 'conv0\[:,' "$work/trace.json" && fail "one worker has parts of an operator"
while read -r n options; do
  # shellcheck disable=SC2086 -- options are words
  run "$n" "$work/other.h5" $options
  grep -q 'conv0\[:,' "$work/trace.json" || fail "-n $n $options: conv0 is not divided"
  h5diff "$work/one.h5" "$work/other.h5" /outputs/y || fail "-n $n $options: other bytes"
done <<LIST
2 --replicas 1 --batch 1
3 --replicas 1 --batch 1 --oversubscribe
1 --streams 1 --workers 2 --width 1 --batch 1
2 --objective latency --batch 1
LIST
finish
