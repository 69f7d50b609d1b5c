"""Compares what the runtime costs with StarPU, OpenMP and plain loops.

usage: runtime.py FOLDER_OF_PROGRAMS [--rounds N]

Every measurement is a process of its own; rounds are interleaved; figures are
medians over rounds with the range in brackets.
"""
import os
import statistics
import subprocess
import sys

folder = sys.argv[1]
rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 7
cores = len(os.sched_getaffinity(0))

RUNS = {
    "espalier, from a thread of the user": ["bench_runtime", "outside", str(cores)],
    "espalier, inside a task": ["bench_runtime", "inside", str(cores)],
    "OpenMP task and taskwait": ["bench_openmp", "each", str(cores)],
    "StarPU, synchronous task": ["bench_starpu", "each"],
    "espalier, 20,000 at once": ["bench_runtime", "batch", str(cores)],
    "OpenMP, 20,000 at once": ["bench_openmp", "batch", str(cores)],
    "StarPU, 20,000 at once": ["bench_starpu", "batch"],
    "two equal tasks against one after the other": ["bench_runtime", "two-tasks"],
    "chain of 1,000 Tanh of 64 against the kernels in a loop": ["bench_runtime", "chain", "64"],
    "chain of 1,000 Tanh of 1,024 against the kernels in a loop": ["bench_runtime", "chain", "1024"],
    "an operator above its kernel, ns": ["bench_runtime", "operator", "16"],
    "a wide and a narrow loop in turn, ns the pair": ["bench_runtime", "widths"],
    "processor seconds in a second of idling, 4 workers x width 2": ["bench_runtime", "idle"],
}


def measure(command):
    path = os.path.join(folder, command[0])
    if not os.path.exists(path):
        return None
    environment = dict(os.environ, STARPU_SILENT="1", STARPU_NCUDA="0", STARPU_NOPENCL="0",
                       STARPU_NCPU=str(cores))
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True, env=environment)
    return float(done.stdout) if done.returncode == 0 else None


found = {name: [] for name in RUNS}
for _ in range(rounds):
    for name, command in RUNS.items():
        value = measure(command)
        if value is not None:
            found[name].append(value)


def median(name):
    return statistics.median(found[name]) if found[name] else None


for name, values in found.items():
    if not values:
        print(f"{name:62} not measured: the program is not there or failed")
        continue
    print(f"{name:62} {median(name):10.3f}  [{min(values):.3f}, {max(values):.3f}]")
for ours, theirs in (("espalier, inside a task", "OpenMP task and taskwait"),
                     ("espalier, from a thread of the user", "OpenMP task and taskwait"),
                     ("espalier, from a thread of the user", "StarPU, synchronous task"),
                     ("espalier, 20,000 at once", "OpenMP, 20,000 at once"),
                     ("espalier, 20,000 at once", "StarPU, 20,000 at once")):
    if found[ours] and found[theirs]:
        print(f"{ours} / {theirs}: {median(ours) / median(theirs):.2f}")
