#!/usr/bin/python3
"""Espalier beside ONNX Runtime and libtorch, on the same cores, in turn.

usage: peers.py ESPALIER PEER_ORT LIBRARY FOLDER [--models A,B] [--batches 1,8,32]
                [--rounds N] [--seconds S] [--no-torch] [--no-latency] [--json F]
       peers.py ESPALIER PEER_ORT LIBRARY FOLDER --resources [--models A,B] [--batches 1,8,32]

FOLDER holds what make_peers.py makes.  Latency is of batch 1; throughput of each batch.  A peer
runs with each of its settings (a session of every core; one of one thread; for throughput one
thread on each core; libtorch also with branches forked by hand onto a thread of its inter-op pool
for each core), Espalier with nothing set; every round runs all of them once.  The table
has medians, the smallest and the largest round of the ratio to the best setting of the peer (of
its medians), and geometric means.  More than 1: Espalier is faster.

--resources: what a batch needs beside weights (Espalier: the block of its values and scratch
memory; ONNX Runtime: the most that its process grew by after the session was made), and the
seconds from the file to the first result, both on all cores; medians of the rounds.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser()
for name in ("espalier", "ort", "library", "folder"):
    parser.add_argument(name)
parser.add_argument("--models")
parser.add_argument("--batches", default="1,8,32")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seconds", type=float, default=1.5)
parser.add_argument("--no-torch", action="store_true")
parser.add_argument("--no-latency", action="store_true")
parser.add_argument("--json")
parser.add_argument("--resources", action="store_true")
o = parser.parse_args()
CORES = len(os.sched_getaffinity(0))


def run(command):
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(said.stdout) if said.returncode == 0 else None


def espalier(model, batch, objective):
    found = run([o.espalier, "bench", f"{o.folder}/{model}.onnx", "--batch", str(batch),
                 "--objective", objective, "--seconds", str(o.seconds), "--json"])
    if found is None:
        return None
    found["median_ms"] = found["latency_ms"]["median"]
    return found


def settings(objective):
    several = [(1, 1)] if objective == "latency" else [(1, CORES)]
    return [(CORES, 1)] + (several if CORES > 1 else [])


def peers(model, batch, objective):
    """What is run beside Espalier: (peer, setting, how)."""
    for threads, at_once in settings(objective):
        tail = [str(batch), str(threads), str(at_once), str(o.seconds)]
        yield "ort", f"{threads}x{at_once}", [o.ort, o.library, f"{o.folder}/{model}.onnx"] + tail
        if not o.no_torch:
            yield "torch", f"{threads}x{at_once}", [
                "/usr/bin/python3", f"{HERE}/peer_torch.py", f"{o.folder}/{model}.pt"] + tail


    forked = f"{o.folder}/{model}.fork.pt"
    if not o.no_torch and CORES > 1 and os.path.exists(forked):
        yield "torch", "forked", ["/usr/bin/python3", f"{HERE}/peer_torch.py", forked, str(batch),
                                  "1", "1", str(o.seconds), str(CORES)]


def speed(found, objective):
    """Larger is better."""
    if found is None:
        return float("nan")
    return 1e3 / found["median_ms"] if objective == "latency" else found["samples_per_second"]


def measure(model, batch, objective):
    rounds = []
    for _ in range(o.rounds):
        mine = espalier(model, batch, objective)
        row = {("espalier", ""): speed(mine, objective)}
        for peer, setting, command in peers(model, batch, objective):
            row[peer, setting] = speed(run(command), objective)
        rounds.append(row)
    median = {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
    return rounds, median, mine


def compare(rounds, median, peer):
    ways = {k: v for k, v in median.items() if k[0] == peer and not math.isnan(v)}
    if not ways:
        return None
    best = max(ways, key=ways.get)
    ratios = [r["espalier", ""] / r[best] for r in rounds]
    return {"setting": best[1], "peer": median[best],
            "ratio": median["espalier", ""] / median[best],
            "low": min(ratios), "high": max(ratios)}


def told(found, objective):
    return f"{1e3 / found:.2f} ms" if objective == "latency" else f"{found:.1f}/s"


def resources():
    for batch in map(int, o.batches.split(",")):
        print(f"\nbatch {batch}\n\n| model | espalier | ort | part | load | ort | part |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for model in models:
            mine, its = [], []
            for _ in range(o.rounds):
                mine.append(run([o.espalier, "bench", f"{o.folder}/{model}.onnx", "--batch", str(batch),
                                 "--streams", "1", "--workers", "1", "--width", str(CORES),
                                 "--seconds", str(o.seconds), "--json"]))
                its.append(run([o.ort, o.library, f"{o.folder}/{model}.onnx", str(batch), str(CORES),
                                "1", str(o.seconds)]))
            def middle(rows, key):
                return statistics.median(r[key] for r in rows)
            a, b = middle(mine, "peak_bytes"), middle(its, "run_bytes")
            s, t = middle(mine, "load_s"), middle(its, "load_s")
            print(f"| {model} | {a / 1e6:.1f} MB | {b / 1e6:.1f} MB | **{a / b:.2f}** | {s:.3f} s "
                  f"| {t:.3f} s | **{s / t:.2f}** |", flush=True)


NAMES = (["ort"] if o.no_torch else ["ort", "torch"])
models = o.models.split(",") if o.models else sorted(
    f[:-5] for f in os.listdir(o.folder) if f.endswith(".onnx"))
if o.resources:
    resources()
    sys.exit(0)
cases = [] if o.no_latency else [("latency", 1)]
cases += [("throughput", int(b)) for b in o.batches.split(",") if b]
everything = []
for objective, batch in cases:
    print(f"\n{objective}, batch {batch}\n\n| model | espalier | its plan | "
          + " | ".join(f"{n}, best | ratio" for n in NAMES) + " |")
    print("|" + " --- |" * (3 + 2 * len(NAMES)), flush=True)
    sums = {n: [] for n in NAMES}
    for model in models:
        rounds, median, mine = measure(model, batch, objective)
        plan = mine["plan"] if mine else {"streams": 0, "workers": 0, "width": 0}
        molded = " molded" if plan.get("method") == "molded" else ""
        line = [model, told(median["espalier", ""], objective),
                f"{plan['streams']} x {plan['workers']} x {plan['width']}{molded}"]
        for n in NAMES:
            c = compare(rounds, median, n)
            if c is None or math.isnan(c["ratio"]):
                line += ["-", "-"]
                continue
            sums[n].append(c["ratio"])
            line += [f"{told(c['peer'], objective)} ({c['setting']})",
                     f"**{c['ratio']:.2f}** ({c['low']:.2f} to {c['high']:.2f})"]
            everything.append({"objective": objective, "batch": batch, "model": model,
                               "peer": n, "plan": plan, **c})
        print("| " + " | ".join(line) + " |", flush=True)
    for n in NAMES:
        if sums[n]:
            mean = math.exp(statistics.mean(map(math.log, sums[n])))
            print(f"\ngeometric mean to {n}: {mean:.2f}, smallest {min(sums[n]):.2f}", flush=True)
if o.json:
    with open(o.json, "w", encoding="utf-8") as out:
        json.dump(everything, out, indent=1)
sys.exit(0 if everything else 1)
