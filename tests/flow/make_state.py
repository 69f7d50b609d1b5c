"""Writes a model with a state: h' = h/2 + x, y = gain * (sum of h' over its first axis).

x [n, 4] float, h [2, batch, 4] float, gain [] int64 -> y [1, 4], next [2, 1, 4].
usage: make_state.py MODEL.onnx
"""
import sys

from onnx_bytes import chunk, node, number, value_info, write_model


def scalar(name, element):
    return chunk(1, name) + chunk(2, chunk(1, number(1, element) + chunk(2, b"")))


half = number(2, 1) + chunk(8, "half") + chunk(9, b"\x00\x00\x00\x3f")
axes = chunk(5, chunk(1, "axes") + number(8, 0) + number(20, 7))
keep = chunk(5, chunk(1, "keepdims") + number(3, 0) + number(20, 2))
to = chunk(5, chunk(1, "to") + number(3, 1) + number(20, 2))
nodes = (node("Mul", ["h", "half"], ["a"]), node("Add", ["a", "x"], ["next"]),
         node("ReduceSum", ["next"], ["s"], axes + keep), node("Cast", ["gain"], ["g"], to),
         node("Mul", ["s", "g"], ["y"]))
write_model(sys.argv[1], b"".join(chunk(1, n) for n in nodes) + chunk(2, "state") +
            chunk(5, half) + chunk(11, value_info("x", ["n", 4])) +
            chunk(11, value_info("h", [2, "batch", 4])) + chunk(11, scalar("gain", 7)) +
            chunk(12, value_info("y", ["n", 4])) + chunk(12, value_info("next", [2, "n", 4])), 11)
