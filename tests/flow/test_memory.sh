# A limit to the memory of a rank: models that are too large for one are spread
# over several, to the same bytes; what fits nowhere is refused.
. "$(dirname "$0")/lib.sh"
pack_images || exit 1
make() { /usr/bin/python3 "$top/tests/flow/make_deep.py" "$work" "$@" || exit 1; }
make deep 8 # 19.7 MB of weights
make other 4

run() { # ranks, output, further options
  n=$1 output=$2
  shift 2
  ranks "$n" "$espalier" run --input "$work/data.h5:/test/images" --scale 1/255 \
    --output "$output" --progress none --summary "${output%.h5}.json" \
    --oversubscribe "$@" >"$work/log" 2>&1
}
deep="--model $work/deep.onnx --samples 96"
# shellcheck disable=SC2086 -- options are words
{
  run 1 "$work/one.h5" $deep || fail "one rank: $(cat "$work/log")"
  for n in 2 4; do
    run $n "$work/$n.h5" $deep --memory 14 || fail "$n ranks: $(cat "$work/log")"
    h5diff "$work/one.h5" "$work/$n.h5" /outputs || fail "$n ranks give other bytes"
    grep -q "^memory     at most 14 MB a rank: " "$work/log" || fail "$(cat "$work/log")"
  done
  run 3 "$work/tail.h5" $deep --memory 16 --batch 7 || fail "a tail: $(cat "$work/log")"
  h5diff "$work/one.h5" "$work/tail.h5" /outputs || fail "a tail gives other bytes"
  # An ensemble: 29.5 MB.
  ensemble="--models $work/deep.onnx --models $work/other.onnx --samples 32"
  run 1 "$work/both1.h5" $ensemble || fail "an ensemble: $(cat "$work/log")"
  run 3 "$work/both.h5" $ensemble --memory 12 || fail "an ensemble on 3: $(cat "$work/log")"
  h5diff "$work/both1.h5" "$work/both.h5" /outputs || fail "an ensemble gives other bytes"
}
/usr/bin/python3 - "$work" <<'P' || fail "the summary"
import json, sys
def summary(name):
    return json.load(open(f"{sys.argv[1]}/{name}.json"))
assert summary("one")["memory"]["limit"] is None
for name, ranks, replicas, limit in (("2", 2, 1, 14e6), ("4", 2, 2, 14e6), ("both", 3, 1, 12e6)):
    s = summary(name)
    m, plan = s["memory"], s["plan"]
    assert m["limit"] == limit and plan["replicas"] == replicas, s
    assert plan["ranks_per_replica"] == len(m["weights"]) == ranks, s
    assert all(w > 0 and w + v <= limit for w, v in zip(m["weights"], m["values"])), m
    weights = 784 * 784 * 4 * (12 if name == "both" else 8)
    assert abs(sum(m["weights"]) - weights) < 1e5, m
    if name != "both":
        assert plan["method"] == "stages" and all(n > 0 for n in plan["nodes_per_rank"]), plan
# Products packed for batches of 7 and for the last one of 5.
m = summary("tail")["memory"]
assert all(2 * w + v <= 16e6 for w, v in zip(m["weights"], m["values"])), m
P

# shellcheck disable=SC2086
run 1 "$work/x.h5" $deep --memory 14 && fail "one rank held too much"
grep -q "memory: 1 rank with 14 MB each cannot hold the model: 20 MB of weights" "$work/log" ||
  fail "$(cat "$work/log")"
# shellcheck disable=SC2086
run 2 "$work/x.h5" $deep --memory 14 --replicas 2 && fail "two replicas held too much"
run 2 "$work/x.h5" --model "$top/jobs/fashion-mnist/fmnist_incep.onnx" --memory 1 &&
  fail "a small limit was passed over"
grep -q "saved as external data they would be mapped" "$work/log" || fail "$(cat "$work/log")"
[ -e "$work/x.h5" ] && fail "a refused job left a file"
finish
