# What ran when, for a viewer: replicas, streams and branches over ranks.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
incep=$top/jobs/fashion-mnist/fmnist_incep.onnx
trace() { # ranks, options; leaves $work/trace.json
  n=$1
  shift
  rm -f "$work/trace.json"
  ranks "$n" "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
    --scale 1/255 --samples 1000 --batch 64 --restart --output "$work/out.h5" \
    --progress none --trace "$work/trace.json" "$@" >"$work/table" 2>"$work/err" ||
    { cat "$work/err"; fail "a run with $*"; }
}
look() { # ranks, batches, options of check_trace.py
  /usr/bin/python3 "$top/tests/flow/check_trace.py" "$work/trace.json" "$@" ||
    fail "the trace of $1 ranks"
}
trace 1 --streams 1 --workers 2 --width 1
look 1 16
trace 1 --streams 2 --workers 1 --width 1
look 1 16
trace 1 --streams 1 --workers 1 --width 2
look 1 16
grep -q 'OpenMP team of 2"' "$work/trace.json" || fail "no lane of a team"
trace 3
look 3 16
trace 2 --replicas 1
look 2 16 arrows
sum "$work/out.h5" >"$work/traced"
ranks 1 "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
  --scale 1/255 --samples 1000 --batch 64 --output "$work/plain.h5" >/dev/null 2>&1
[ "$(sum "$work/plain.h5")" = "$(cat "$work/traced")" ] || fail "tracing changes results"

ranks 2 "$espalier" run --model "$incep" --input "$work/data.h5:/test/images" \
  --output "$work/none.h5" --trace "$work/no/trace.json" >"$work/table" 2>"$work/err"
[ $? = 1 ] && grep -q 'trace: cannot write .*No such file' "$work/err" &&
  [ ! -e "$work/none.h5" ] || { cat "$work/err"; fail "a trace that cannot be written"; }
finish
