#!/usr/bin/python3
"""What branches, and parts of heavy operators, give on workers and on ranks, a batch at a time.

usage: plans.py ESPALIER MODEL.onnx... [--rounds N] [--seconds S]

Each round runs `ESPALIER run --objective latency --batch 1` in every way once for every model, so
that a drift of the machine meets all; a run before the rounds has measured the operators in its
way, so that they begin planned.  Gains are over one thread, medians of the rounds (smallest to
largest); *bound* is what no schedule of these operators can beat, from their measured times in
that way; *off* how much longer a batch took than its plan was predicted to take; *nothing set*
the gain where Espalier chooses; *two batches* the gain of a batch on each core, which is what
this machine's second core was worth meanwhile.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

from rows import feed

parser = argparse.ArgumentParser()
parser.add_argument("espalier")
parser.add_argument("models", nargs="+")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=int, default=2)
o = parser.parse_args()
folder = tempfile.TemporaryDirectory()
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                  OMPI_MCA_mpi_yield_when_idle="1", ESPALIER_CACHE=f"{folder.name}/cache")
ONE = ["--streams", "1", "--workers", "1", "--width", "1"]
WAYS = {
    "one": ([], ONE),
    "two workers": ([], ["--streams", "1", "--workers", "2", "--width", "1"]),
    "two ranks": (["mpirun", "--bind-to", "none", "-n", "2"], ["--replicas", "1"] + ONE),
    "width 2": ([], ["--streams", "1", "--workers", "1", "--width", "2"]),
    "nothing set": ([], []),
    "two batches": ([], ["--streams", "2", "--workers", "1", "--width", "1"]),
}


def run(model, given, way, seconds):
    before, options = WAYS[way]
    objective = "throughput" if way == "two batches" else "latency"
    said = subprocess.run(
        before + [o.espalier, "run", "--model", model, "--batch", "1", "--objective", objective,
                  "--output", f"{folder.name}/r.h5", "--restart", "--max-seconds", str(seconds),
                  "--summary", f"{folder.name}/s.json", "--progress", "none"] + given + options,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if said.returncode not in (0, 75):
        raise SystemExit(said.stdout.decode())
    with open(f"{folder.name}/s.json", encoding="utf-8") as file:
        return json.load(file)


def seconds_of(summary, way):
    measured = summary["certificate"]["measured_s"]
    if way == "two batches" or measured == 0:  # 0: it was stopped right after a change of plan
        return 1 / summary["samples_per_second"]
    return measured


def told(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


found = {model: [] for model in o.models}
fed = {}
for i, model in enumerate(o.models):
    fed[model] = feed(model, f"{folder.name}/d{i}.h5")
    for way in WAYS:
        run(model, fed[model], way, 2 * o.seconds)
for _ in range(o.rounds):
    for model in o.models:
        found[model].append({way: run(model, fed[model], way, o.seconds) for way in WAYS})
print("| model | one, ms | two workers | bound | off | two ranks | bound | off | width 2 "
      "| nothing set | two batches |\n|" + " --- |" * 11)
for model in o.models:
    rounds = found[model]
    one = [seconds_of(r["one"], "one") for r in rounds]
    cells = [f"{1e3 * statistics.median(one):.3g}"]
    for way in list(WAYS)[1:]:
        cells.append(told([a / seconds_of(r[way], way) for a, r in zip(one, rounds)]))
        if way not in ("two workers", "two ranks"):
            continue
        certificates = [r[way]["certificate"] for r in rounds]
        cells.append(f"{statistics.median(a / c['lower_bound_s'] for a, c in zip(one, certificates)):.2f}")
        off = statistics.median(c["measured_s"] / c["predicted_s"] for c in certificates)
        cells.append(f"{100 * off - 100:+.0f} %")
    print(f"| {os.path.basename(model)[:-5]} | " + " | ".join(cells) + " |", flush=True)
