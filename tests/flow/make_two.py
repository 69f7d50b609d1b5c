"""Writes a model of two inputs: y = a - 2 b.

a [n, 5] float, b [n, 5] float -> y [n, 5].
With BATCH, n is that number.
usage: make_two.py MODEL.onnx [BATCH]
"""
import sys

from onnx_bytes import chunk, node, value_info, write_model

nodes = (node("Add", ["b", "b"], ["c"]), node("Sub", ["a", "c"], ["y"]))
dims = [int(sys.argv[2]) if len(sys.argv) > 2 else "n", 5]
write_model(sys.argv[1], b"".join(chunk(1, n) for n in nodes) + chunk(2, "two") +
            chunk(11, value_info("a", dims)) + chunk(11, value_info("b", dims)) +
            chunk(12, value_info("y", dims)))
