#!/usr/bin/python3
"""Runs a TorchScript model with libtorch, and prints one line of JSON.

usage: peer_torch.py MODEL.pt BATCH THREADS STREAMS SECONDS [INTEROP]

The model's inputs are told by its name, as make_peers.py has made it.  Streams are threads
that call one module: libtorch lets go of Python's lock while it computes.  INTEROP: threads
for what the model forks.
"""
import json
import os
import resource
import statistics
import sys
import threading
import time

import torch

from make_peers import MODELS

path, batch, threads, streams, seconds = (sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5]))
torch.set_num_threads(threads)
torch.set_num_interop_threads(int(sys.argv[6]) if len(sys.argv) > 6 else 1)
began = time.perf_counter()
module = torch.jit.load(path)
given, _ = MODELS[os.path.basename(path).split(".")[0]][1]()
given = [torch.cat([g[:1]] * batch) for g in given]
latency = [[] for _ in range(streams)]


def serve(mine):
    with torch.no_grad():
        while len(mine) < 3 or time.perf_counter() < until:
            start = time.perf_counter()
            module(*given)
            mine.append(time.perf_counter() - start)


with torch.no_grad():
    module(*given)
    loaded = time.perf_counter() - began
    for _ in range(2):
        module(*given)
start = time.perf_counter()
until = start + seconds
workers = [threading.Thread(target=serve, args=(mine,)) for mine in latency]
for w in workers:
    w.start()
for w in workers:
    w.join()
took = time.perf_counter() - start
print(json.dumps({"median_ms": 1e3 * statistics.median(latency[0]),
                  "samples_per_second": batch * sum(map(len, latency)) / took,
                  "process_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                  "load_s": loaded}))
