"""Writes a model that can fail while it runs: it looks two tables up.

x [n, 1] float -> y [n, 1, 192], the sum of two branches, each a row of its own
table through two products.  The tables have FIRST and SECOND rows; a larger x
is an index that is not there.
usage: make_lookup.py MODEL.onnx FIRST SECOND
"""
import struct
import sys

from onnx_bytes import chunk, node, number, value_info, write_model

WIDTH = 192


def tensor(name, rows):
    values = [((i * 7919) % 1000 - 500) / 5000 for i in range(rows * WIDTH)]
    return chunk(5, number(1, rows) + number(1, WIDTH) + number(2, 1) + chunk(8, name)
                 + chunk(9, struct.pack("<%df" % len(values), *values)))


graph = [chunk(1, node("Cast", ["x"], ["i"], chunk(5, chunk(1, "to") + number(3, 7) + number(20, 2))))]
for branch, rows in ("a", sys.argv[2]), ("b", sys.argv[3]):
    graph += [chunk(1, node("Gather", ["table_" + branch, "i"], ["row_" + branch],
                            name="look_up_" + branch)),
              chunk(1, node("MatMul", ["row_" + branch, "w"], ["half_" + branch])),
              chunk(1, node("MatMul", ["half_" + branch, "w"], ["end_" + branch])),
              tensor("table_" + branch, int(rows))]
graph += [chunk(1, node("Add", ["end_a", "end_b"], ["y"])), tensor("w", WIDTH),
          chunk(2, "lookup"), chunk(11, value_info("x", ["n", 1])),
          chunk(12, value_info("y", ["n", 1, WIDTH]))]
write_model(sys.argv[1], b"".join(graph))
