"""Rows that a model can be fed with, which take no room on the disk."""
import math

import h5py
import onnx

ROOM = 8 << 30
TYPES = {onnx.TensorProto.FLOAT: "f4", onnx.TensorProto.INT64: "i8"}


def feed(model, path):
    """Makes a dataset of zeros for a model's first input; gives the options that feed it."""
    graph = onnx.load(model, load_external_data=False).graph
    known = {i.name for i in graph.initializer}
    inputs = [i for i in graph.input if i.name not in known]
    first = inputs[0].type.tensor_type
    row = [d.dim_value for d in first.shape.dim][1:]
    made = sum(4 * math.prod(d.dim_value for d in o.type.tensor_type.shape.dim[1:])
               for o in graph.output)
    rows = min(4000000, ROOM // made)  # of results, for which room is asked
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (rows, *row), TYPES[first.elem_type], chunks=(1, *row))
    options = ["--input", f"{path}:/x", "--input-name", inputs[0].name]
    for other in inputs[1:]:
        options += ["--inputs", f"{other.name}=0"]
    return options
