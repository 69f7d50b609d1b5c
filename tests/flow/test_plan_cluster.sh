# plan --cluster: divisions of machines that are not there; and drawings.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$top/tests/bench/make_big.py" 300 "$work/model.onnx" || fail "the model"
plan() { "$espalier" plan "$work/model.onnx" --cluster "$work/c.yaml" "$@"; }
cat >"$work/c.yaml" <<'Y'
nodes: 4
ranks_per_node: 2
cores_per_rank: 2
core_flops: 50e9
core_bandwidth: 10e9
rank_latency: 1e-7
network_latency: 1e-7
Y
plan --batch 64 --svg "$work/s.svg" --json >"$work/throughput.json" || fail "throughput"
plan --batch 64 --objective latency --json >"$work/latency.json" || fail "latency"
plan --batch 64 >"$work/words" || fail "words"
grep -q '^cluster    4 nodes x 2 ranks x 2 cores of 50 Gflop/s' "$work/words" || fail "words"
echo 'speeds: [3 x 1, 0.25]' >>"$work/c.yaml"
plan --batch 64 --json >"$work/slow.json" || fail "speeds"
/usr/bin/python3 - "$work" <<'P' || fail "what was found"
import json, sys, xml.etree.ElementTree as xml
work = sys.argv[1]
many, fast, slow = [json.load(open(f"{work}/{n}.json")) for n in ("throughput", "latency", "slow")]

def ranks(p):
    return p["replicas"] * p["ranks_per_replica"]

for found in many, fast, slow:
    cores = [t["streams"] * t["workers"] * t["width"] for t in found["tried"]]
    assert all(c == 2 for c in cores) and all(ranks(t) == 8 for t in found["tried"])
    assert found["plan"] in found["tried"]
    c = found["certificate"]
    assert 0 < c["lower_bound_s"] <= c["predicted_s"] * (1 + 1e-9), c
    assert abs(c["computed"] + c["idle"] - 1) < 1e-6
rate = lambda t: t["samples_per_second"]
assert rate(many["plan"]) == max(map(rate, many["tried"]))
assert fast["plan"]["predicted_s"] == min(t["predicted_s"] for t in fast["tried"])
# Nothing beats a batch on each core, and the best time of a batch takes several ranks.
assert (many["plan"]["replicas"], many["plan"]["streams"]) == (8, 2), many["plan"]
assert fast["plan"]["ranks_per_replica"] > 1 and fast["certificate"]["sent"] > 0, fast["plan"]
# Two of eight ranks at a quarter of the speed.
assert abs(rate(slow["plan"]) / rate(many["plan"]) - 6.5 / 8) < 1e-6
# Every node once, after what it reads; a worker does one thing at a time.
steps = [(r["rank"], s) for r in fast["replica"]["schedule"] for s in r["steps"]]
names = [s["name"] for _, s in steps if s["step"] == "run"]
assert len(names) == len(set(names)) > 0
for rank in {r for r, _ in steps}:
    events = [e for r, s in steps if r == rank and s["step"] == "run"
              for e in ((s["start_s"], 1), (s["finish_s"], -1))]
    busy = 0
    for _, change in sorted(events):
        busy += change
        assert busy <= fast["plan"]["workers"]
svg = xml.parse(f"{work}/s.svg").getroot()
assert svg.tag.endswith("svg") and len(svg.findall(".//{*}title")) > 100
P
# A chain has no branches: its heavy operators are divided, over a fast network.
/usr/bin/python3 "$top/tests/flow/make_chain.py" "$work/chain.onnx" "$work/d.h5" || fail "the chain"
chain() { # latency of the network
  printf 'nodes: 4\nranks_per_node: 1\ncores_per_rank: 1\ncore_flops: 50e9\ncore_bandwidth: 10e9\nnetwork_bandwidth: 10e9\nnetwork_latency: %s\n' "$1" >"$work/n.yaml"
  "$espalier" plan "$work/chain.onnx" --cluster "$work/n.yaml" --objective latency --json
}
chain 1e-6 >"$work/near.json" || fail "a fast network"
chain 1 >"$work/far.json" || fail "a slow network"
/usr/bin/python3 - "$work" <<'P' || fail "parts"
import json, sys
near, far = (json.load(open(f"{sys.argv[1]}/{n}.json")) for n in ("near", "far"))
names = lambda p: [s["name"] for r in p["replica"]["schedule"] for s in r["steps"]]
assert any(n.startswith("conv0[:,") for n in names(near)), names(near)
assert not any("[:," in n for n in names(far))
assert near["certificate"]["predicted_s"] < 0.7 * far["certificate"]["predicted_s"]
P
refuse 2 "those of the file" plan "$work/model.onnx" --cluster "$work/c.yaml" --ranks 2
refuse 1 "cannot open the cluster file" plan "$work/model.onnx" --cluster "$work/none.yaml"
refuse 1 "cannot write" plan "$work/model.onnx" --svg "$work/none/s.svg"
refuse 2 "not understood" plan "$work/model.onnx" --cluster "$work/c.yaml" --objective speed
echo 'nodez: 3' >>"$work/c.yaml"
refuse 3 'c.yaml:9: there is no key "nodez"; did you mean "nodes"' \
  plan "$work/model.onnx" --cluster "$work/c.yaml"
# 20 MB of weights in a row, on ranks that hold half of them: stages, through
# which batches follow one another.
/usr/bin/python3 "$top/tests/flow/make_deep.py" "$work" deep 8 || fail "the deep model"
cat >"$work/m.yaml" <<'Y'
nodes: 2
ranks_per_node: 2
core_flops: 50e9
core_bandwidth: 10e9
rank_memory: 12e6
Y
deep() { "$espalier" plan "$work/deep.onnx" --cluster "$work/m.yaml" --batch 16 "$@"; }
deep --json >"$work/stages.json" || fail "stages"
deep >"$work/words" || fail "stages in words"
grep -q '0.012 GB of memory a rank' "$work/words" && grep -q '^stages  ' "$work/words" ||
  fail "stages: $(cat "$work/words")"
/usr/bin/python3 - "$work/stages.json" <<'P' || fail "stages: $(cat "$work/words")"
import json, sys
found = json.load(open(sys.argv[1]))
assert {t["ranks_per_replica"] for t in found["tried"]} == {2, 4}, found["tried"]
best = found["plan"]
assert best["period_s"] < 0.7 * best["predicted_s"], best
rate = best["replicas"] * 16 / best["period_s"]
assert abs(best["samples_per_second"] / rate - 1) < 1e-6, best
# Each rank has a run of the products, and no product is on two.
per_rank = [[s["name"] for s in r["steps"] if s["step"] == "run" and "product" in s["name"]]
            for r in found["replica"]["schedule"]]
assert all(0 < len(names) <= 4 for names in per_rank) and sum(map(len, per_rank)) == 8, per_rank
P
# Where sending is dear, the cut is where little goes over: at the waist, though
# the work is not the same on both sides of it.
/usr/bin/python3 "$top/tests/flow/make_deep.py" "$work" waist 784,784,784,784,16,784,784,10 ||
  fail "the waist"
cat >"$work/w.yaml" <<'Y'
nodes: 2
core_flops: 50e9
core_bandwidth: 10e9
network_bandwidth: 1e6
rank_memory: 12e6
Y
"$espalier" plan "$work/waist.onnx" --cluster "$work/w.yaml" --batch 16 --json >"$work/waist.json" ||
  fail "the plan of the waist"
/usr/bin/python3 - "$work/waist.json" <<'P' || fail "the waist: $(cat "$work/waist.json")"
import json, sys
found = json.load(open(sys.argv[1]))
sent = [s["name"] for r in found["replica"]["schedule"] for s in r["steps"] if s["step"] == "send"]
assert sent == ["v4", "y"], sent
P
sed -i 's/12e6/4e6/' "$work/m.yaml"
refuse 1 "4 ranks with 4 MB each cannot hold the model" \
  plan "$work/deep.onnx" --cluster "$work/m.yaml" --batch 16
"$espalier" plan "$work/model.onnx" --ranks 2 --workers 2 --svg "$work/t.svg" >/dev/null ||
  fail "a drawing without a cluster"
grep -q 'rank 0' "$work/t.svg" || fail "the drawing has no rank 0"
finish
