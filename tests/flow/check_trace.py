"""Reads a trace as a viewer does: is everything in it, once, and can it be?

usage: check_trace.py TRACE RANKS BATCHES [ARROWS]
"""
import collections
import json
import sys

trace = json.load(open(sys.argv[1]))["traceEvents"]
ranks, batches = int(sys.argv[2]), int(sys.argv[3])
arrows = len(sys.argv) > 4
assert {e["pid"] for e in trace} == set(range(ranks))
named = {(e["pid"], e["tid"]) for e in trace if e["name"] == "thread_name"}
slices = [e for e in trace if e["ph"] == "X"]
assert {(e["pid"], e["tid"]) for e in slices} <= named

# On a lane one thing at a time.
lanes = collections.defaultdict(list)
for e in slices:
    assert e["ts"] >= -1 and e["dur"] >= 0, e
    lanes[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
for lane in lanes.values():
    lane.sort()
    assert all(a[1] <= b[0] + 0.002 for a, b in zip(lane, lane[1:]))

# Every operator once in every batch; every batch read and written once.
nodes = collections.Counter((e["args"]["batch"], e["name"]) for e in slices if e["cat"] == "operator")
assert set(nodes.values()) == {1}
assert len({batch for batch, _ in nodes}) == batches
for what in "read", "write":
    done = [e["args"]["batch"] for e in slices if e["cat"] == "file" and e["name"] == what]
    assert sorted(done) == list(range(batches)), what

# An arrow has two ends, on slices, and points forward.
ends = collections.defaultdict(dict)
for e in trace:
    if e["ph"] in "sf":
        assert e["ph"] not in ends[e["id"]], e
        ends[e["id"]][e["ph"]] = e
        assert any(a <= e["ts"] <= b for a, b in lanes[e["pid"], e["tid"]]), e
both = [v for v in ends.values() if len(v) == 2]
assert all(v["s"]["ts"] <= v["f"]["ts"] and v["s"]["pid"] != v["f"]["pid"] for v in both)
assert bool(both) == arrows, len(both)
opened = collections.Counter(e["ph"] for e in trace)
assert opened["b"] == opened["e"] and bool(opened["b"]) == arrows
print("%d slices on %d lanes, %d arrows" % (len(slices), len(lanes), len(both)))
