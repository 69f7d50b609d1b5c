#!/usr/bin/python3
"""Writes ResNet-50 with random weights as ONNX (opset 13, symbolic batch).

usage: make_resnet50.py OUT.onnx

Source of the architecture: He, Zhang, Ren, Sun, "Deep residual learning for
image recognition", CVPR 2016, table 1; the stride of a stage stands in its 3x3
convolution.  Batch-norm nodes are kept, so that folding them is the runner's.
Needs Debian's python3-onnx and python3-numpy.
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(2026)
nodes, weights = [], []


def constant(name, array):
    weights.append(numpy_helper.from_array(array.astype(np.float32), name))
    return name


def conv_norm(x, name, channels_in, channels_out, kernel, stride, relu):
    fan_in = channels_in * kernel * kernel
    w = rng.normal(0, np.sqrt(2 / fan_in), (channels_out, channels_in, kernel, kernel))
    pad = kernel // 2
    nodes.append(helper.make_node(
        "Conv", [x, constant(name + ".w", w)], [name + ".conv"], name=name + ".conv",
        kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4))
    moments = [constant(name + suffix, value) for suffix, value in (
        (".scale", rng.uniform(0.5, 1, channels_out)), (".shift", rng.normal(0, 0.1, channels_out)),
        (".mean", rng.normal(0, 0.1, channels_out)), (".var", rng.uniform(0.5, 2, channels_out)))]
    nodes.append(helper.make_node("BatchNormalization", [name + ".conv"] + moments, [name + ".norm"],
                                  name=name + ".norm"))
    if not relu:
        return name + ".norm"
    nodes.append(helper.make_node("Relu", [name + ".norm"], [name + ".relu"], name=name + ".relu"))
    return name + ".relu"


def bottleneck(x, name, channels_in, channels, stride):
    y = conv_norm(x, name + ".a", channels_in, channels, 1, 1, True)
    y = conv_norm(y, name + ".b", channels, channels, 3, stride, True)
    y = conv_norm(y, name + ".c", channels, 4 * channels, 1, 1, False)
    if stride != 1 or channels_in != 4 * channels:
        x = conv_norm(x, name + ".skip", channels_in, 4 * channels, 1, stride, False)
    nodes.append(helper.make_node("Add", [y, x], [name + ".sum"], name=name + ".sum"))
    nodes.append(helper.make_node("Relu", [name + ".sum"], [name + ".out"], name=name + ".out"))
    return name + ".out"


def main():
    x = conv_norm("x", "stem", 3, 64, 7, 2, True)
    nodes.append(helper.make_node("MaxPool", [x], ["stem.pool"], name="stem.pool",
                                  kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
    x, channels_in = "stem.pool", 64
    for stage, (blocks, channels) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = bottleneck(x, f"stage{stage + 1}.{block + 1}", channels_in, channels, stride)
            channels_in = 4 * channels
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pool"], name="pool"))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flat"], name="flat"))
    w = constant("fc.w", rng.normal(0, 0.02, (1000, 2048)))
    nodes.append(helper.make_node("Gemm", ["flat", w, constant("fc.b", np.zeros(1000))], ["y"],
                                  name="fc", transB=1))
    graph = helper.make_graph(
        nodes, "resnet50", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 224, 224])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1000])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                              producer_name="espalier tests/bench")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[1])


main()
