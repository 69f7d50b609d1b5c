"""What a job costs beside computing.  Started by batch.sh.

Every round runs every variant once, so that a drift of the machine meets all of
them; what is printed are medians, and the smallest and the largest.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser()
parser.add_argument("espalier")
parser.add_argument("--rounds", type=int, default=7)
options = parser.parse_args()
folder = tempfile.TemporaryDirectory()
os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                  OMPI_MCA_mpi_yield_when_idle="1")


def place(name):
    return os.path.join(folder.name, name)


def job(*arguments, ranks=1):
    """Runs a job to its end and gives its summary."""
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks),
               options.espalier, "run", "--restart", "--progress", "none",
               "--output", place("r.h5"), "--summary", place("s.json"), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(place("s.json")) as file:
        return json.load(file)


def show(name, unit, figures):
    print("%-52s %8.3f %s (%.3f to %.3f)" % (
        name, statistics.median(figures), unit, min(figures), max(figures)))


ROWS, ROW_BYTES = 2048, 3 * 224 * 224 * 4


def plain_read(offset):
    """Seconds of reading the same bytes in the same pieces, without HDF5."""
    file = os.open(place("light.h5"), os.O_RDONLY)
    # As many places in memory as a run has batches in flight.
    pieces = [memoryview(bytearray(16 * ROW_BYTES)) for _ in range(3)]
    begin = time.perf_counter()
    for number, first in enumerate(range(0, ROWS * ROW_BYTES, 16 * ROW_BYTES)):
        assert os.preadv(file, [pieces[number % 3]], offset + first) == 16 * ROW_BYTES
    seconds = time.perf_counter() - begin
    os.close(file)
    return seconds


def reading():
    subprocess.run([os.path.join(here, "make_light.py"), place("light.onnx"),
                    place("light.h5"), str(ROWS)], check=True)
    with h5py.File(place("light.h5")) as file:
        offset = file["x"].id.get_offset()
    shares = {"x": [], "chunked": []}
    plain_read(offset)
    for _ in range(options.rounds):
        for name, found in shares.items():
            plain = plain_read(offset)
            run = job("--model", place("light.onnx"), "--input",
                      place("light.h5") + ":/" + name, "--batch", "16",
                      "--streams", "2", "--workers", "1", "--width", "1")
            found.append(plain / run["seconds"])
    show("a light model, of the bandwidth of pread: contiguous", "", shares["x"])
    show("the same: chunks of 16 rows", "", shares["chunked"])
    os.remove(place("light.h5"))


def computing():
    """A heavy model: the run beside the seconds in which its operators ran."""
    subprocess.run([os.path.join(here, "make_resnet50.py"), place("resnet.onnx")],
                   check=True)
    rows = np.random.default_rng(0).standard_normal((64, 3, 224, 224), np.float32)
    with h5py.File(place("heavy.h5"), "w") as file:
        file["x"] = rows
    extra = []
    for _ in range(options.rounds):
        run = job("--model", place("resnet.onnx"), "--input", place("heavy.h5") + ":/x",
                  "--batch", "8", "--streams", "1", "--workers", "1", "--width", "1")
        extra.append(100 * (run["seconds"] / run["compute_s"] - 1))
    show("ResNet-50: a run is longer than its operators by", "%", extra)


def journal():
    source = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"
    subprocess.run([options.espalier, "pack", "x=" + source, "--output",
                    place("images.h5")], check=True)
    model = os.path.join(here, "../../jobs/fashion-mnist/fmnist_incep.onnx")
    seconds = {"1000000": [], "30": [], "1": [], "0": []}
    for _ in range(options.rounds):
        for interval, found in seconds.items():
            found.append(job("--model", model, "--input", place("images.h5") + ":/x",
                             "--scale", "1/255", "--journal-seconds", interval,
                             ranks=2)["seconds"])
    for interval in ("30", "1", "0"):
        show("a journal every %s s: the run is longer by" % interval, "%",
             [100 * (a / b - 1) for a, b in zip(seconds[interval], seconds["1000000"])])


def weights():
    subprocess.run([os.path.join(here, "make_wide.py"), place("wide.onnx"),
                    place("wide.h5")], check=True)
    held = {}
    for ranks in (1, 8):
        os.remove(place("r.h5"))
        launcher = subprocess.Popen(
            ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks),
             options.espalier, "run", "--restart", "--model", place("wide.onnx"),
             "--input", place("wide.h5") + ":/x", "--output", place("r.h5"),
             "--batch", "16", "--oversubscribe", "--journal-seconds", "0",
             "--progress", "none"], stdout=subprocess.DEVNULL)
        held[ranks] = 0
        while launcher.poll() is None and held[ranks] == 0:
            time.sleep(0.1)
            if computes(place("r.h5")):
                held[ranks] = sum(proportional(p) for p in children(launcher.pid))
        launcher.send_signal(signal.SIGUSR1)
        launcher.wait()
        print("400 MB of weights, %d rank%s: %.0f MB (proportional set sizes)" % (
            ranks, "" if ranks == 1 else "s", held[ranks] / 1e6))
    print("8 ranks take %.2f of what one takes" % (held[8] / held[1]))


def computes(results):
    told = subprocess.run([options.espalier, "inspect", results],
                          capture_output=True, text=True).stdout
    done = [line for line in told.split("\n") if "samples are done" in line]
    return bool(done) and not done[0].startswith("0 of")


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def proportional(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        for line in file:
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


for part in (reading, computing, journal, weights):
    part()
    sys.stdout.flush()
