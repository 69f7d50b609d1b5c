#!/usr/bin/python3
"""Makes a model that hardly computes, and rows for it.

usage: make_light.py MODEL.onnx DATA.h5 ROWS

The model takes the first pixel of each row of 3 x 224 x 224 floats; the rows stand
in DATA.h5:/x, and in chunks of 16 rows in DATA.h5:/chunked.
"""
import sys

import h5py
import numpy as np
from onnx import TensorProto, helper, save

model, data, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
graph = helper.make_graph(
    [helper.make_node("Slice", ["x", "begin", "end", "axes"], ["y"])], "light",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 224, 224])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 1, 1])],
    [helper.make_tensor("begin", TensorProto.INT64, [2], [0, 0]),
     helper.make_tensor("end", TensorProto.INT64, [2], [1, 1]),
     helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                       ir_version=8), model)
random = np.random.default_rng(0)
block = random.standard_normal((64, 3, 224, 224), dtype=np.float32)
with h5py.File(data, "w") as file:
    for name, chunks in (("x", None), ("chunked", (16, 3, 224, 224))):
        made = file.create_dataset(name, (rows, 3, 224, 224), np.float32,
                                   chunks=chunks)
        for first in range(0, rows, 64):
            made[first:first + 64] = block[:min(64, rows - first)]
