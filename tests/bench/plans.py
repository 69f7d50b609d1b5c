#!/usr/bin/python3
"""What branches give on workers and on ranks, beside what no schedule can beat.

usage: plans.py ESPALIER MODEL.onnx... [--rounds N]

Each round runs `mpirun -n 2 ESPALIER explain MODEL --measure --json` once for every model, so
that a drift of the machine meets all; medians and the range are printed.  Gains are over one
thread in the same run: measured; of what no schedule can beat on two workers (from the
measured times of the operators); and of two independent batches, one on each core, which is
what this machine's second core was worth meanwhile.
"""
import argparse
import json
import os
import statistics
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("espalier")
parser.add_argument("models", nargs="+")
parser.add_argument("--rounds", type=int, default=5)
options = parser.parse_args()
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                  OMPI_MCA_mpi_yield_when_idle="1")
COLUMNS = ("workers", "bound", "ranks", "ranks planned", "width", "two batches")
found = {model: {c: [] for c in COLUMNS} for model in options.models}
for _ in range(options.rounds):
    for model in options.models:
        said = subprocess.run(
            ["mpirun", "--bind-to", "none", "-n", "2", options.espalier, "explain", model,
             "--measure", "--json"], check=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        d = json.loads(said.stdout)
        shapes = d["measured"]["shapes"]
        one = shapes["one"]["seconds"]
        row = found[model]
        row["workers"].append(one / shapes["workers"]["seconds"])
        row["bound"].append(d["measured"]["workers"][-1]["at_most"])
        row["ranks"].append(one / d["ranks"]["measured_s"])
        row["ranks planned"].append(d["ranks"]["gain"])
        row["width"].append(one / shapes["width"]["seconds"])
        row["two batches"].append(one / shapes["replicas"]["seconds"])
print("| model | " + " | ".join(COLUMNS) + " |\n|" + " --- |" * (len(COLUMNS) + 1))
for model in options.models:
    cells = [f"{statistics.median(v):.2f} ({min(v):.2f} to {max(v):.2f})"
             for v in found[model].values()]
    print(f"| {os.path.basename(model)[:-5]} | " + " | ".join(cells) + " |")
