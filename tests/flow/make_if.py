"""Writes a model with a branch that depends on its data, by hand.

y = 2 x where the mean of x [N,28,28] is above a limit, else -x, or, to make its
size depend on the data too, x twice in a row.
usage: make_if.py MODEL.onnx LIMIT [twice]
"""
import struct
import sys

from onnx_bytes import chunk, node, number, value_info, write_model


def branch(name, nodes, output):
    graph = b"".join(chunk(1, n) for n in nodes) + chunk(2, name) + chunk(12, chunk(1, output))
    return chunk(5, chunk(1, name) + chunk(6, graph) + number(20, 5))


def scalar(name, value):
    return number(2, 1) + chunk(8, name) + chunk(9, struct.pack("<f", value))


otherwise = node("Neg", ["x"], ["e"])
if sys.argv[3:] == ["twice"]:
    otherwise = node("Concat", ["x", "x"], ["e"], chunk(5, chunk(1, "axis") + number(3, 1) + number(20, 2)))
branches = (branch("then_branch", [node("Mul", ["x", "two"], ["t"])], "t")
            + branch("else_branch", [otherwise], "e"))
keepdims = chunk(5, chunk(1, "keepdims") + number(3, 0) + number(20, 2))
graph = b"".join(chunk(1, n) for n in (
    node("ReduceMean", ["x"], ["m"], keepdims),
    node("Greater", ["m", "limit"], ["above"]),
    node("If", ["above"], ["y"], branches)))
graph += chunk(2, "branching")
graph += chunk(5, scalar("two", 2)) + chunk(5, scalar("limit", float(sys.argv[2])))
graph += chunk(11, value_info("x", ["N", 28, 28])) + chunk(12, value_info("y", ["N", "rows", 28]))
write_model(sys.argv[1], graph)
