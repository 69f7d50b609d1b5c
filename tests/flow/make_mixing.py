"""Writes a model that takes from each sample the mean of its batch.

x [n, 28, 28] float -> y [n, 28, 28].
With BATCH, n is that number.
usage: make_mixing.py MODEL.onnx [BATCH]
"""
import sys

from onnx_bytes import chunk, node, number, value_info, write_model

axes = chunk(5, chunk(1, "axes") + number(8, 0) + number(20, 7))
nodes = (node("ReduceMean", ["x"], ["m"], axes), node("Sub", ["x", "m"], ["y"]))
dims = [int(sys.argv[2]) if len(sys.argv) > 2 else "n", 28, 28]
write_model(sys.argv[1], b"".join(chunk(1, n) for n in nodes) + chunk(2, "mixing") +
            chunk(11, value_info("x", dims)) + chunk(12, value_info("y", dims)))
