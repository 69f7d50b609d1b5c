"""Writes a deep model whose weights lie in a file of their own beside it.

x [n,28,28] -> flat [n,784] -> relu(v W) for each of the widths: W [width before, width] -> y
usage: make_deep.py FOLDER NAME LAYERS      LAYERS times 784
       make_deep.py FOLDER NAME WIDTH,...
"""
import array
import random
import sys

from onnx_bytes import chunk, node, number, value_info, write_model

SIZE = 784
folder, name, widths = sys.argv[1], sys.argv[2], [int(w) for w in sys.argv[3].split(",")]
if len(widths) == 1:
    widths = widths[0] * [SIZE]
draw = random.Random(name)
nodes, weights, value = [node("Flatten", ["x"], ["flat"])], b"", "flat"
with open(f"{folder}/{name}.bin", "wb") as out:
    for i, (rows, columns) in enumerate(zip([SIZE] + widths, widths)):
        offset = out.tell()
        array.array("f", [draw.gauss(0, (2 / rows) ** 0.5) for _ in range(rows * columns)]).tofile(out)
        place = {"location": f"{name}.bin", "offset": offset, "length": 4 * rows * columns}
        weights += chunk(5, number(1, rows) + number(1, columns) + number(2, 1) + chunk(8, f"w{i}")
                         + b"".join(chunk(13, chunk(1, k) + chunk(2, str(v))) for k, v in place.items())
                         + number(14, 1))
        nodes.append(node("MatMul", [value, f"w{i}"], [f"p{i}"], name=f"product{i}"))
        value = "y" if i == len(widths) - 1 else f"v{i}"
        nodes.append(node("Relu", [f"p{i}"], [value], name=f"relu{i}"))
write_model(f"{folder}/{name}.onnx", b"".join(chunk(1, n) for n in nodes) + chunk(2, name) + weights
            + chunk(11, value_info("x", ["n", 28, 28])) + chunk(12, value_info("y", ["n", widths[-1]])))
