"""Writes docs/operators.md from the operator table, or checks that it is up to date.

What is known of a batch comes from `espalier operators`; versions up to opset 17
from Debian's python3-onnx, later ones from LATER below; types by asking: a
case of ONNX's suite (Debian's libonnx-testdata) that is one node of the operator is
run again with its main type exchanged.
usage: operators.py ESPALIER DOCUMENT [--write]
"""
import difflib
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

DATA = "/usr/share/libonnx-testdata/data/node"
try:
    import onnx
    from onnx import TensorProto, defs
except ImportError:
    print("skipped: python3-onnx is not installed")
    sys.exit(77)

# Operators that changed in an opset after 17 (ONNX's Changelog).
LATER = {
    18: """BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization LpPool Mish
           OptionalGetElement OptionalHasElement Pad ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
           ReduceMean ReduceMin ReduceProd ReduceSumSquare Resize ScatterElements ScatterND Split""",
    19: """AveragePool Cast CastLike Constant DeformConv DequantizeLinear Equal Identity If Loop Pad
           QuantizeLinear Reshape Resize Scan Shape Size""",
    20: """AffineGrid ConstantOfShape DFT Gelu GridSample ImageDecoder IsInf IsNaN ReduceMax ReduceMin
           RegexFullMatch StringConcat StringSplit""",
    21: """Cast CastLike Constant ConstantOfShape DequantizeLinear Flatten GroupNormalization Identity If Loop
           Pad QLinearMatMul QuantizeLinear Reshape Scan Shape Size Squeeze Transpose Unsqueeze""",
    22: """Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos Cosh DeformConv Det
           Dropout Elu EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish
           InstanceNormalization LSTM LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial
           NegativeLogLikelihoodLoss RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign
           Round Selu Sin Sinh Softplus Softsign Tan ThresholdedRelu""",
    23: "Attention",
}
RANDOM = {"Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
          "RandomUniformLike"}
REMARKS = {"Attention": "without past keys, softcap, and outputs beside the first"}
REMARKS |= {name: "by seed, drawn anew in each batch" for name in RANDOM}
TYPES = {name: TensorProto.DataType.Value(name.upper()) for name in
         ("float", "double", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "uint16",
          "uint32", "uint64", "bool", "string")}
ONE = {"float": struct.pack("<f", 1), "double": struct.pack("<d", 1), "float16": struct.pack("<e", 1),
       "bfloat16": b"\x80\x3f", "bool": b"\x01"}
ONE |= {t: (1).to_bytes(int(t.strip("uint")) // 8, "little") for t in TYPES if "int" in t}
GROUPS = {"integers": [t for t in TYPES if "int" in t], "floats": ["float", "double", "float16", "bfloat16"]}
BATCH = {"followed": "followed", "walked": "whole", "untold": "untold"}
HEAD = """# Operators

Made by `tests/docs/operators.py` from the operator table (`espalier operators`); a test compares.

**Versions** are the opsets in which ONNX changed the operator; a model of any opset from 1 on is read with the meaning of its time.
**Types** are those of the main operand that are taken, of fourteen asked about (`integers` are the eight, `floats` the four): more, often, than the standard
allows. Where ONNX's suite up to opset 17 has no case of one node to ask with, none is said. The types of four bits and the floating ones of eight are tried in `tests/op`.
**A batch** is *followed* where it is known which samples an output depends on, so that datasets may be cut anywhere and a model
that mixes samples is told of; *whole* where models are walked node by node; else *untold*, with a warning.
**How it is split**: by samples over replicas and streams, by branches over workers and ranks, and inside by `width` threads that share
outputs, never sums. **Exact across plans**: the same bytes for any ranks, workers, widths and batches (docs/numerics.md), but for those that
draw random numbers.

| operator | versions | types | batch | remarks |
| --- | --- | --- | --- | --- |
"""


def versions_of(domain, name):
    known = {s.since_version for s in defs.get_all_schemas_with_history()
             if s.name == name and s.domain == ("" if domain == "" else domain)}
    if domain == "":
        known |= {opset for opset, names in LATER.items() if name in names.split()}
    return " ".join(map(str, sorted(known)))


def cases_of_one_node():
    """A case for each operator, with the type to exchange: of float32 where there is one."""
    found = {}
    for path in sorted(glob.glob(DATA + "/*/model.onnx")):
        model = onnx.load(path)
        nodes = model.graph.node
        if len(nodes) != 1 or not model.graph.input or not model.graph.input[0].type.HasField("tensor_type"):
            continue
        kind, name = model.graph.input[0].type.tensor_type.elem_type, nodes[0].op_type
        if name not in found or (kind == TYPES["float"] and found[name][1] != kind):
            found[name] = (path, kind)
    return found


def exchange(tensor, before, after):
    """Another type, and nothing but ones: only whether it runs is looked at."""
    if tensor.data_type != before:
        return
    count = 1
    for dim in tensor.dims:
        count *= dim
    kept = onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=TYPES[after])
    if after == "string":
        kept.string_data.extend([b"1"] * count)
    else:
        kept.raw_data = ONE[after] * count
    tensor.CopyFrom(kept)


def write_case(folder, path, before, after):
    model = onnx.load(path)
    for value in list(model.graph.input) + list(model.graph.output):
        if value.type.tensor_type.elem_type == before:
            value.type.tensor_type.elem_type = TYPES[after]
    if model.opset_import[0].version < 13:
        model.opset_import[0].version = 13
    os.makedirs(folder + "/test_data_set_0")
    onnx.save(model, folder + "/model.onnx")
    for file in glob.glob(os.path.dirname(path) + "/test_data_set_0/*.pb"):
        tensor = onnx.TensorProto()
        tensor.ParseFromString(open(file, "rb").read())
        exchange(tensor, before, after)
        open(folder + "/test_data_set_0/" + os.path.basename(file), "wb").write(tensor.SerializeToString())


def taken_types(espalier, cases):
    """For each operator, the types of which its case ran, whatever came of it."""
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        folders = {}
        for name, (path, before) in cases.items():
            for kind in TYPES:
                where = f"{folder}/{name}.{kind}"
                write_case(where, path, before, kind)
                folders[where] = (name, kind)
        done = subprocess.run([espalier, "verify", *folders], capture_output=True, text=True)
        for line in map(json.loads, done.stdout.splitlines()):
            name, kind = folders[line["case"].rstrip("/")]
            if line["status"] in ("pass", "fail"):
                taken.setdefault(name, []).append(kind)
    return taken


def in_words(taken):
    for group, members in GROUPS.items():
        if all(m in taken for m in members):
            taken = [t for t in taken if t not in members] + [group]
    return " ".join(taken)


def make(espalier):
    listed = subprocess.run([espalier, "operators", "--json"], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    rows = [r for r in rows if r["domain"] != "espalier"]
    taken = taken_types(espalier, cases_of_one_node())
    text = HEAD
    for row in rows:
        types = in_words(taken.get(row["operator"], [])) if not row["domain"] else ""
        name = (row["domain"] + ":" if row["domain"] else "") + row["operator"]
        remark = REMARKS.get(row["operator"], "")
        text += f"| {name} | {versions_of(row['domain'], row['operator'])} | {types} | {BATCH[row['batch']]} | {remark} |\n"
    missing = {s.name for s in defs.get_all_schemas() if s.domain == ""}
    missing |= {name for names in LATER.values() for name in names.split()}
    missing -= {row["operator"] for row in rows if row["domain"] == ""}
    text += "\nNot there: " + (", ".join(sorted(missing)) or "none") + ". `ai.onnx.ml` is refused by name.\n"
    return text


def main():
    espalier, document = sys.argv[1:3]
    if not os.path.isdir(DATA):
        print("skipped: libonnx-testdata is not installed")
        return 77
    text = make(espalier)
    if "--write" in sys.argv:
        open(document, "w").write(text)
        return 0
    old = open(document).read()
    sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), text.splitlines(True), document, "now"))
    if old != text:
        print("write it again: tests/docs/operators.py ESPALIER docs/operators.md --write")
    return old != text


sys.exit(main())
