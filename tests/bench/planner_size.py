#!/usr/bin/python3
"""How the planner's time and memory grow with the graph and the cluster.

usage: planner_size.py ESPALIER [--nodes N]...

Makes models of very many small operators (make_big.py) and plans them on one core with
`plan --cluster --objective latency` for 64 and for 4,096 ranks.  Prints seconds, seconds for
1,000 nodes and edges, and the largest set of pages in memory.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser()
parser.add_argument("espalier")
parser.add_argument("--nodes", type=int, action="append")
options = parser.parse_args()
core = min(os.sched_getaffinity(0))
print("| nodes | ranks | seconds | a thousand nodes | MB |\n| --- | --- | --- | --- | --- |")
with tempfile.TemporaryDirectory() as folder:
    for nodes in options.nodes or [1000, 3000, 10000, 30000, 100000]:
        model = f"{folder}/{nodes}.onnx"
        subprocess.run([sys.executable, f"{here}/make_big.py", str(nodes), model], check=True)
        for ranks in 64, 4096:
            with open(f"{folder}/c.yaml", "w") as file:
                file.write(f"nodes: {ranks // 8}\nranks_per_node: 8\n")
            began = time.monotonic()
            child = subprocess.Popen(
                [options.espalier, "plan", model, "--cluster", f"{folder}/c.yaml",
                 "--objective", "latency"], stdout=subprocess.DEVNULL,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}))
            _, status, used = os.wait4(child.pid, 0)
            took = time.monotonic() - began
            assert status == 0, status
            print(f"| {nodes:,} | {ranks:,} | {took:.2f} | {1e3 * took / nodes:.3f} "
                  f"| {used.ru_maxrss / 1e3:.0f} |", flush=True)
