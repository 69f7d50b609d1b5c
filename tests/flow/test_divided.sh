# Heavy operators of a chain, and the directions of a recurrent layer, are
# divided among ranks, and among workers where these are asked for; the bytes
# stay.
. "$(dirname "$0")/lib.sh"

run() { # model, ranks, output, further options
  model=$1 n=$2 output=$3
  shift 3
  ranks "$n" "$espalier" run --model "$work/$model.onnx" \
    --input "$work/$model.h5:/x" --output "$output" --restart \
    --summary "$work/summary.json" --tune off --trace "$work/trace.json" \
    "$@" >"$work/log" 2>&1 || {
    cat "$work/log"
    fail "$model, -n $n $*"
  }
}

# A part of this node stands in the trace.
is_divided() { # node
  grep -q "\"$1\\[:," "$work/trace.json"
}

compare() { # model, node; ranks and options from the list
  /usr/bin/python3 "$top/tests/flow/make_$1.py" "$work/$1.onnx" "$work/$1.h5" ||
    exit 1
  run "$1" 1 "$work/one.h5" --workers 1 --width 1 --batch 1
  is_divided "$2" && fail "$1: one worker has parts of an operator"
  while read -r many options; do
    # shellcheck disable=SC2086 -- options are words
    run "$1" "$many" "$work/other.h5" $options
    is_divided "$2" || fail "$1, -n $many $options: $2 is not divided"
    h5diff "$work/one.h5" "$work/other.h5" /outputs ||
      fail "$1, -n $many $options: other bytes"
  done
}

compare chain conv0 <<LIST
2 --replicas 1 --batch 1
3 --replicas 1 --batch 1 --oversubscribe
1 --streams 1 --workers 2 --width 1 --batch 1
2 --objective latency --batch 1
LIST
compare directions layer <<LIST
2 --replicas 1 --batch 1
3 --replicas 1 --batch 2 --oversubscribe
1 --streams 1 --workers 2 --width 1 --batch 1
LIST
finish
