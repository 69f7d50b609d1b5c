#!/usr/bin/python3
"""Makes a chain of heavy convolutions with residual sums, which has no branches, and rows for it.

usage: make_chain.py MODEL.onnx DATA.h5
"""
import sys

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

CHANNELS, SIDE, LAYERS = 384, 14, 4
random = np.random.default_rng(0)
nodes, weights = [], []


def weight(name, *shape):
    scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    made = random.standard_normal(shape, dtype=np.float32) * np.float32(scale)
    weights.append(numpy_helper.from_array(made, name))
    return name


def add(op, inputs, name, **attributes):
    nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
    return name


value = add("Conv", ["x", weight("w", CHANNELS, 16, 3, 3)], "stem", pads=[1, 1, 1, 1])
for i in range(LAYERS):
    kernel = (3, 1)[i % 2]
    y = add("Conv", [value, weight(f"w{i}", CHANNELS, CHANNELS, kernel, kernel),
                     weight(f"b{i}", CHANNELS)], f"conv{i}", pads=[kernel // 2] * 4)
    value = add("Relu", [add("Add", [y, value], f"sum{i}")], f"relu{i}")
value = add("Flatten", [add("GlobalAveragePool", [value], "mean")], "flat")
add("Gemm", [value, weight("g", 200, CHANNELS), weight("gb", 200)], "y", transB=1)
graph = helper.make_graph(
    nodes, "chain",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, SIDE, SIDE])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 200])], weights)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
     sys.argv[1])
with h5py.File(sys.argv[2], "w") as file:
    file["x"] = random.standard_normal((30, 16, SIDE, SIDE), dtype=np.float32)
