# What bench prints; how fast it is, is nobody's test.
. "$(dirname "$0")/lib.sh"
model=$top/jobs/fashion-mnist/fmnist_incep.onnx
bench() { timeout 60 "$espalier" bench "$@" >"$work/out" 2>"$work/err"; }
expect() { # exit status, part of the message, arguments
  want=$1 part=$2
  shift 2
  bench "$@"
  got=$?
  [ $got = "$want" ] && grep -q -- "$part" "$work/err" ||
    fail "exit $got: $(cat "$work/err"), expected $want and \"$part\""
}

bench "$model" --seconds 0.2 --json || fail "latency: $(cat "$work/err")"
/usr/bin/python3 - "$work/out" <<'P' || fail "latency as JSON"
import json, sys
b = json.load(open(sys.argv[1]))
assert b["batch"] == 1 and b["objective"] == "latency", b
assert 0 < b["latency_ms"]["median"] <= b["latency_ms"]["p99"]
plan = b["plan"]
assert plan["streams"] == 1 and plan["workers"] >= 1 and plan["width"] >= 1
assert b["certificate"]["predicted_s"] >= b["certificate"]["lower_bound_s"] > 0
assert abs(b["gflops"] / b["peak_gflops"] - b["share_of_peak"]) < 1e-6 and b["share_of_peak"] < 1
assert 0 < b["peak_bytes"] < b["process_bytes"] and b["load_s"] > 0
assert b["noise"]["noisy"] in (True, False) and "sweep" not in b
P
bench "$model" --objective throughput --batch 8 --sweep --seconds 0.2 --json ||
  fail "a sweep: $(cat "$work/err")"
/usr/bin/python3 - "$work/out" <<'P' || fail "a sweep as JSON"
import json, os, sys
b = json.load(open(sys.argv[1]))
cores = len(os.sched_getaffinity(0))
ways = {(w["streams"], w["workers"], w["width"], w["molded"]) for w in b["sweep"]}
assert (1, 1, 1, False) in ways and len(ways) == len(b["sweep"]), ways
assert all(s * w * t <= cores for s, w, t, _ in ways), ways
if cores > 1:
    plain = {(cores, 1, 1, False), (1, cores, 1, False), (1, 1, cores, False)}
    assert plain <= ways and all(w[:3] == (1, 1, cores) for w in ways if w[3]), ways
assert b["samples_per_second"] == max(w["samples_per_second"] for w in b["sweep"])
assert b["batch"] == 8
P
bench "$model" --streams 1 --workers 1 --width 1 --seconds 0.2 ||
  fail "by hand: $(cat "$work/err")"
grep -q "1 stream x 1 worker x width 1" "$work/out" || fail "$(cat "$work/out")"
# A model that can only be walked.
/usr/bin/python3 "$top/tests/flow/make_if.py" "$work/if.onnx" 0.28 || exit 1
bench "$work/if.onnx" --seconds 0.2 || fail "walked: $(cat "$work/err")"
grep -q "walked a node at a time" "$work/out" || fail "$(cat "$work/out")"
# An open dimension that is not the batch.
/usr/bin/python3 - "$top/tests/flow" "$work/open.onnx" <<'P'
import sys
sys.path.insert(0, sys.argv[1])
from onnx_bytes import chunk, node, value_info, write_model
write_model(sys.argv[2], chunk(1, node("Relu", ["x"], ["y"])) + chunk(2, "open") +
            chunk(11, value_info("x", ["n", "length"])) + chunk(12, value_info("y", ["n", "length"])))
P
expect 2 "give --dim length=N" "$work/open.onnx"
bench "$work/open.onnx" --dim length=7 --seconds 0.2 || fail "$(cat "$work/err")"
# Workers share the samples of a batch where there are no branches.
/usr/bin/python3 "$top/tests/flow/make_deep.py" "$work" deep 3 || exit 1
predicted() { # workers
  bench "$work/deep.onnx" --batch 64 --streams 1 --workers "$1" --width 1 \
    --seconds 0.1 --json || fail "$1 workers: $(cat "$work/err")"
  /usr/bin/python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["certificate"]["predicted_s"])' "$work/out"
}
if [ "$(nproc)" -gt 1 ]; then
  one=$(predicted 1) two=$(predicted 2)
  /usr/bin/python3 -c "assert $two < 0.7 * $one, ($one, $two)" ||
    fail "two workers do not share a batch"
fi
expect 2 "which model" --json
expect 2 "--objective speed is not understood" "$model" --objective speed
expect 2 "no way of" "$model" --width 7777
expect 1 "none.onnx" "$work/none.onnx"
finish
