#!/usr/bin/python3
"""A run with nothing set beside the ways to use the cores that one could set by hand.

usage: hand.py ESPALIER MODEL.onnx... [--batches 1,8,32] [--rounds N] [--seconds S]

For each model and batch: a first run of a long job, which tries ways (three times as long), then
rounds of all in turn, over as many samples as take so many seconds: nothing set, which begins with what the first has found; and by hand a stream on
each core, a worker on each core, one operator on all cores, and a rank on each core
(`mpirun --replicas`).  Rows are made up (zeros), and results go to a temporary file.  The table
has medians of samples a second, and the ratio of nothing set to the best way of those medians.
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
parser.add_argument("--batches", default="1,8,32")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seconds", type=int, default=2)
o = parser.parse_args()
cores = len(os.sched_getaffinity(0))
ranks = ["mpirun", "--bind-to", "none", "-n", str(cores)]
WAYS = {
    "streams": ([], ["--streams", str(cores), "--workers", "1", "--width", "1"]),
    "workers": ([], ["--streams", "1", "--workers", str(cores), "--width", "1"]),
    "width": ([], ["--streams", "1", "--workers", "1", "--width", str(cores)]),
    "replicas": (ranks, ["--replicas", str(cores), "--streams", "1", "--workers", "1",
                         "--width", "1"]),
}
folder = tempfile.TemporaryDirectory()
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                  OMPI_MCA_mpi_yield_when_idle="1", ESPALIER_CACHE=f"{folder.name}/cache")

def run(model, given, batch, before, options, limit):
    said = subprocess.run(
        before + [o.espalier, "run", "--model", model, "--batch", str(batch), "--output",
                  f"{folder.name}/r.h5", "--restart", "--summary",
                  f"{folder.name}/s.json", "--progress", "none"] + limit + given + options,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if said.returncode not in (0, 75):
        raise SystemExit(said.stdout.decode())
    with open(f"{folder.name}/s.json", encoding="utf-8") as file:
        return json.load(file)


def told(summary):
    c = summary["plan"]
    return f"{c['streams']} x {c['workers']} x {c['width']}"


print("| model | batch | first | nothing set | its plan | " + " | ".join(WAYS) + " | ratio |\n|"
      + " --- |" * (6 + len(WAYS)))
for model in o.models:
    given = feed(model, f"{folder.name}/d.h5")
    for batch in map(int, o.batches.split(",")):
        first = run(model, given, batch, [], [], ["--max-seconds", str(3 * o.seconds)])
        batches = max(4 * cores, round(o.seconds * first["samples_per_second"] / batch))
        limit = ["--samples", str(batch * batches)]
        found = {name: [] for name in ("nothing", *WAYS)}
        for _ in range(o.rounds):
            now = run(model, given, batch, [], [], limit)
            found["nothing"].append(now["samples_per_second"])
            for name, (before, options) in WAYS.items():
                found[name].append(
                    run(model, given, batch, before, options, limit)["samples_per_second"])
        median = {k: statistics.median(v) for k, v in found.items()}
        best = max(median[k] for k in WAYS)
        print(f"| {os.path.basename(model)[:-5]} | {batch} | {first['samples_per_second']:.1f} "
              f"| {median['nothing']:.1f} ({min(found['nothing']):.1f} to "
              f"{max(found['nothing']):.1f}) | {told(now)} | "
              + " | ".join(f"{median[k]:.1f}" for k in WAYS)
              + f" | **{median['nothing'] / best:.2f}** |", flush=True)
