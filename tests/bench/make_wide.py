#!/usr/bin/python3
"""Makes a perceptron of twelve layers with 400 MB of random weights, and rows.

usage: make_wide.py MODEL.onnx DATA.h5
"""
import sys

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

random = np.random.default_rng(0)
nodes, weights, value = [], [], "x"
for layer in range(12):
    rows, columns = ((2048, 4096), (4096, 2048))[layer % 2]
    weight = random.standard_normal((rows, columns), dtype=np.float32) / 64
    weights.append(numpy_helper.from_array(weight, "w%d" % layer))
    nodes.append(helper.make_node("MatMul", [value, "w%d" % layer], ["m%d" % layer]))
    nodes.append(helper.make_node("Relu", ["m%d" % layer], ["r%d" % layer]))
    value = "r%d" % layer
graph = helper.make_graph(
    nodes, "wide",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2048])],
    [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["n", 2048])], weights)
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                       ir_version=8), sys.argv[1])
with h5py.File(sys.argv[2], "w") as file:
    file["x"] = random.standard_normal((8000, 2048), dtype=np.float32)
