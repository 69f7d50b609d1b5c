#!/usr/bin/python3
"""Makes a recurrent layer of two directions, which is all its model has, and rows for it.

usage: make_directions.py MODEL.onnx DATA.h5
"""
import sys

import h5py
import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

TIMES, WIDTH, HIDDEN = 24, 96, 192
random = np.random.default_rng(0)


def weight(name, *shape):
    made = random.standard_normal(shape, dtype=np.float32) / np.float32(np.sqrt(HIDDEN))
    return numpy_helper.from_array(made, name)


nodes = [
    helper.make_node("Transpose", ["x"], ["turned"], perm=[1, 0, 2]),
    helper.make_node("LSTM", ["turned", "w", "r", "b"], ["steps", "last"], name="layer",
                     direction="bidirectional", hidden_size=HIDDEN),
    helper.make_node("Transpose", ["steps"], ["y"], perm=[2, 0, 1, 3]),
    helper.make_node("Transpose", ["last"], ["z"], perm=[1, 0, 2]),
]
graph = helper.make_graph(
    nodes, "directions",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", TIMES, WIDTH])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", TIMES, 2, HIDDEN]),
     helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2, HIDDEN])],
    [weight("w", 2, 4 * HIDDEN, WIDTH), weight("r", 2, 4 * HIDDEN, HIDDEN),
     weight("b", 2, 8 * HIDDEN)])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8),
     sys.argv[1])
with h5py.File(sys.argv[2], "w") as file:
    file["x"] = random.standard_normal((30, TIMES, WIDTH), dtype=np.float32)
