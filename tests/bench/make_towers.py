#!/usr/bin/python3
"""Writes a model of towers with random weights as ONNX (opset 13, open batch).

usage: make_towers.py OUT.onnx [TOWERS [DEEP [WIDTH]]]        (16, 3 and 128)

x [N,WIDTH] -> TOWERS chains of DEEP layers (MatMul, Tanh) -> their Sum, y.
The picture-book case of inter-op parallelism.  Needs nothing but Python: ONNX
is protobuf, of which varints and length-delimited fields are enough here.
"""
import random
import struct
import sys

FLOAT = 1


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def data(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def node(op_type, inputs, output):
    return data(1, b"".join(data(1, name) for name in inputs) + data(2, output) +
                data(3, output) + data(4, op_type))


def weight(name, width):
    scale = width ** -0.5
    values = [random.gauss(0, scale) for _ in range(width * width)]
    return data(5, number(1, width) + number(1, width) + number(2, FLOAT) + data(8, name) +
                data(9, struct.pack(f"<{len(values)}f", *values)))


def value(field, name, width):
    shape = data(1, data(2, "N")) + data(1, number(1, width))
    return data(field, data(1, name) + data(2, data(1, number(1, FLOAT) + data(2, shape))))


def main():
    path = sys.argv[1]
    towers, deep, width = (int(a) for a in (sys.argv[2:] + ["16", "3", "128"][len(sys.argv) - 2:]))
    random.seed(2026)
    graph, ends = b"", []
    for t in range(towers):
        x = "x"
        for layer in range(deep):
            name = f"tower{t}_layer{layer}"
            graph += weight(name + "_w", width)
            graph += node("MatMul", [x, name + "_w"], name + "_product")
            graph += node("Tanh", [name + "_product"], name)
            x = name
        ends.append(x)
    graph += node("Sum", ends, "y") + data(2, "towers")
    graph += value(11, "x", width) + value(12, "y", width)
    with open(path, "wb") as out:
        out.write(number(1, 8) + data(2, "make_towers.py") + data(7, graph) + data(8, number(2, 13)))


main()
