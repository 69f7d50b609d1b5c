#!/usr/bin/env python3
"""Writes the small files that fuzzing starts from: make_corpus.py FOLDER.

Nothing but Python's own library; protobuf's wire format is written by hand
(a key is field << 3 | wire type), field numbers are those of ONNX."""
import gzip
import os
import struct
import sys


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def put(field, value):
    """An int, a float, a text, or bytes (a message too) as a field."""
    if isinstance(value, int):
        return varint(field << 3) + varint(value)
    if isinstance(value, float):
        return varint(field << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, kind, dims, data=b"", field=9):
    return (b"".join(put(1, d) for d in dims) + put(2, kind) +
            (put(8, name) if name else b"") + put(field, data))


def floats(name, *dims):
    count = 1
    for d in dims:
        count *= d
    values = [((i * 7) % 11 - 5) / 8 for i in range(count)]
    return tensor(name, 1, dims, struct.pack("<%df" % count, *values))


def ints(name, *numbers):
    return tensor(name, 7, [len(numbers)], struct.pack("<%dq" % len(numbers), *numbers))


def attribute(name, value):
    head = put(1, name)
    if isinstance(value, float):
        return head + put(20, 1) + put(2, value)
    if isinstance(value, int):
        return head + put(20, 2) + put(3, value)
    if isinstance(value, str):
        return head + put(20, 3) + put(4, value)
    if isinstance(value, list):
        return head + put(20, 7) + b"".join(put(8, i) for i in value)
    kind, message = value  # "graph" or "tensor"
    return head + (put(20, 5) + put(6, message) if kind == "graph"
                   else put(20, 4) + put(5, message))


def node(op, inputs, outputs, domain="", **attributes):
    return (b"".join(put(1, "" if n == "-" else n) for n in inputs.split()) +
            b"".join(put(2, n) for n in outputs.split()) + put(4, op) +
            b"".join(put(5, attribute(n, v)) for n, v in attributes.items()) +
            (put(7, domain) if domain else b""))


def value(name, kind=1, dims=()):
    shape = b"".join(put(1, put(1, d) if isinstance(d, int) else put(2, d)) for d in dims)
    return put(1, name) + put(2, put(1, put(1, kind) + put(2, shape)))


def graph(nodes, inputs=(), outputs=(), initializers=(), sparse=()):
    return (b"".join(put(1, n) for n in nodes) + put(2, "g") +
            b"".join(put(5, t) for t in initializers) +
            b"".join(put(11, v) for v in inputs) +
            b"".join(put(12, v) for v in outputs) +
            b"".join(put(15, s) for s in sparse))


def model(body, opset=13, functions=(), domain=""):
    return (put(1, 8) + put(2, "corpus") + put(7, body) + put(8, put(2, opset)) +
            (put(8, put(1, domain) + put(2, 1)) if domain else b"") +
            b"".join(put(25, f) for f in functions))


def models():
    x = value("x", 1, ["n", 2, 6, 6])
    yield "convolutions", model(graph(
        [node("Conv", "x w b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
         node("BatchNormalization", "c b b b b", "k"), node("Relu", "k", "r"),
         node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
         node("Flatten", "p", "f"), node("Gemm", "f m", "y", transB=1)],
        [x], [value("y", 1, ["n", 3])],
        [floats("w", 2, 2, 3, 3), floats("b", 2), floats("m", 3, 18)]))
    yield "shapes", model(graph(
        [node("Shape", "x", "s"), node("Gather", "s i0", "d"),
         node("Concat", "d i1", "t", axis=0),
         node("Reshape", "x t", "r"), node("ConstantOfShape", "i2", "z"),
         node("Slice", "r i0 i2", "q"), node("Expand", "z i2", "e"),
         node("Transpose", "q", "y", perm=[1, 0])],
        [x], [value("y", 1, ["a", "b"]), value("e", 1, [3])],
        [ints("i0", 0), ints("i1", -1), ints("i2", 3)]))
    yield "recurrent", model(graph(
        [node("LSTM", "s w r", "h", hidden_size=2, direction="bidirectional"),
         node("Identity", "h", "y")],
        [value("s", 1, [2, 4, 3])], [value("y", 1, [2, 2, 4, 2])],
        [floats("w", 2, 8, 3), floats("r", 2, 8, 2)]))
    body = graph(
        [node("Add", "a e", "t"), node("Less", "a e", "c"),
         node("If", "c", "o",
              then_branch=("graph", graph([node("Neg", "t", "v")], [], [value("v", 1, [1])])),
              else_branch=("graph", graph([node("Abs", "t", "v")], [], [value("v", 1, [1])]))),
         node("Identity", "o", "k")],
        [value("a", 1, [1]), value("e", 1, [1])], [value("o", 1, [1]), value("k", 1, [1])])
    half = put(1, "Half") + put(4, "a") + put(5, "b") + put(10, "own") + put(
        7, node("Mul", "a h", "b")) + put(7, node("Constant", "", "h", value_float=0.5))
    yield "subgraphs", model(graph(
        [node("Scan", "z x", "l all", num_scan_inputs=1, body=("graph", body)),
         node("Half", "all", "h", "own"), node("SequenceConstruct", "h all", "q"),
         node("SequenceAt", "q i0", "y")],
        [value("x", 1, ["n", 1])], [value("y", 1, ["n", 1])],
        [floats("z", 1), tensor("i0", 7, [], struct.pack("<q", 0))]), 13, [half], "own")
    yield "constants", model(graph(
        [node("Constant", "", "c", value=("tensor", floats("", 2, 2))),
         node("Constant", "", "d", value_ints=[1, 2]), node("Range", "f0 f1 f0", "e"),
         node("ReduceSum", "c", "f", keepdims=0), node("Mul", "x f", "g"),
         node("Add", "g s", "y"), node("Cast", "d", "k", to=1),
         node("MatMul", "c k", "m")],
        [value("x", 1, ["n", 4])], [value("y", 1, ["n", 4]), value("m", 1, [2]),
                                     value("e", 1, [3])],
        [tensor("f0", 1, [], struct.pack("<f", 1)), tensor("f1", 1, [], struct.pack("<f", 4))],
        [put(1, tensor("s", 1, [1], struct.pack("<f", 2))) + put(2, ints("", 3)) + put(3, 4)]))
    yield "quantised", model(graph(
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "d"),
         node("Resize", "d - - i", "r", mode="linear"), node("Pad", "r p", "y"),
         node("TopK", "d k", "v w")],
        [x], [value("y", 1, ["n", 2, 12, 14]), value("w", 7, ["n", 2, 6, 2])],
        [tensor("s", 1, [], struct.pack("<f", 0.1)), tensor("z", 2, [], b"\x05"),
         ints("i", 1, 2, 12, 12), ints("p", 0, 0, 0, 0, 0, 0, 0, 2), ints("k", 2)]))
    outside = put(1, 2) + put(2, 1) + put(8, "w") + put(14, 1) + b"".join(
        put(13, put(1, k) + put(2, v)) for k, v in [("location", "w.bin"), ("offset", "8")])
    yield "elsewhere", model(graph([node("Add", "x w", "y")], [value("x", 1, ["n", 2])],
                                   [value("y", 1, ["n", 2])], [outside]))


def tensors():
    yield "float", floats("x", 2, 3)
    yield "float_list", tensor("", 1, [2], struct.pack("<2f", 1, -1), 4)
    yield "int32_list", tensor("", 6, [3], varint(1) + varint(2) + varint(-1), 5)
    yield "half_list", tensor("", 10, [2], varint(0x3C00) + varint(0xC000), 5)
    yield "int64_list", tensor("", 7, [2], varint(5) + varint(-5), 7)
    yield "double_list", tensor("", 11, [1], struct.pack("<d", 2.5), 10)
    yield "uint64_list", tensor("", 12, [1], varint(7), 11)
    yield "text", tensor("", 8, [2], b"ab", 6) + put(6, b"")
    yield "nibbles", tensor("", 21, [3], b"\x21\x03")
    yield "scalar", tensor("", 9, [], b"\x01")
    yield "sequence", put(1, "q") + put(2, 1) + put(3, floats("", 2)) + put(3, ints("", 1))
    inner = put(2, 1) + put(3, floats("", 1))
    yield "nested", put(2, 3) + put(5, inner) + put(5, put(2, 1))
    yield "optional", put(1, "o") + put(2, 1) + put(3, floats("", 2))
    yield "empty", put(2, 0)


def packed():
    idx = bytes([0, 0, 0x0B, 2, 0, 0, 0, 3, 0, 0, 0, 2]) + struct.pack(">6h", *range(6))
    yield "idx", idx
    yield "idx_bytes", bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4])
    yield "idx_gzip", gzip.compress(idx, mtime=0)
    for version, descr, shape, data in [(1, "<f4", "(2, 2)", bytes(16)), (2, ">i2", "(3,)", bytes(6)),
                                        (3, "|u1", "(1, 1, 2)", bytes(2))]:
        head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n" % (descr, shape)
        length = struct.pack("<H" if version == 1 else "<I", len(head))
        yield "npy%d" % version, b"\x93NUMPY" + bytes([version, 0]) + length + head.encode() + data
        yield "npy%d_gzip" % version, gzip.compress(
            b"\x93NUMPY" + bytes([version, 0]) + length + head.encode() + data, mtime=0)
    head = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }\n"
    yield "fortran", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def jobs():
    yield "plain", b"model: m.onnx\ninput: d.h5:/x\noutput: r.h5\nbatch: 64\nrestart: true\n"
    yield "choices", (b"# a comment\n---\nmodel: 'm.onnx'\ninput: \"d.h5:/x\"\nscale: 1/255\n"
                      b"layout: NHWC\nobjective: latency\nlabels: d.h5:/y\nscore: accuracy\n"
                      b"argmax: yes\ntop_k: 5\nprogress: none\npin: auto\noutput: r.h5\n...\n")
    yield "flow", b"{model: m, input: i, output: o, workers: 2, width: 0x1}\n"
    yield "unknown", b"model: m\nmodle: n\n"
    yield "twice", b"model: m\nmodel: n\n"
    yield "block", b"model: >-\n  a\n  b\ninput: |\n  c\n"
    yield "alias", b"model: &a m\ninput: *a\n"
    yield "nested", b"model: [a, b]\ninput: {a: b}\n"
    yield "tag", b"%YAML 1.1\n---\n!!map\nmodel: !!str 1\nbatch: -1\nsamples: 1e3\n"
    yield "cluster", (b"nodes: 3\nranks_per_node: 2\ncore_flops: 50e9\n"
                      b"network_latency: 2e-5\nspeeds: [1, 2 x 0.5]\n")


def main(folder):
    for name, files in [("model", models), ("tensor", tensors), ("packed", packed), ("job", jobs)]:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for which, data in files():
            with open(os.path.join(folder, name, which), "wb") as out:
                out.write(data)


main(sys.argv[1])
