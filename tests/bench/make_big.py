#!/usr/bin/python3
"""Makes a model of very many small operators, for the planner alone.

usage: make_big.py NODES MODEL.onnx

A random graph: each node takes one or two of the values of the last 2,000 nodes, multiplies
by a square matrix, adds, or applies an activation.  Deep and wide: of 100,000 nodes some
hundreds can run at once.
"""
import random
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

SIZE, BACK = 64, 2000


def main():
    count = int(sys.argv[1])
    draw = random.Random(1)
    weights = [numpy_helper.from_array(np.eye(SIZE, dtype=np.float32), "w")]
    values, nodes, read = ["x"], [], set()
    for i in range(count):
        earlier = values[-BACK:]
        kind = draw.choice(["MatMul", "Add", "Relu", "Mul"])
        inputs = [draw.choice(earlier)]
        if kind in ("Add", "Mul"):
            inputs.append(draw.choice(earlier))
        read.update(inputs)
        if kind == "MatMul":
            inputs.append("w")
        nodes.append(helper.make_node(kind, inputs, ["v%d" % i]))
        values.append("v%d" % i)
    shape = ["n", SIZE]
    outputs = [helper.make_tensor_value_info(v, TensorProto.FLOAT, shape)
               for v in values[1:] if v not in read]
    graph = helper.make_graph(nodes, "big", [helper.make_tensor_value_info(
        "x", TensorProto.FLOAT, shape)], outputs, weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                           ir_version=8), sys.argv[2])


main()
