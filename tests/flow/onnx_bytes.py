"""Parts of ONNX files, byte by byte: no package is needed to make a model."""


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field * 8) + varint(value)


def chunk(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field * 8 + 2) + varint(len(content)) + content


def value_info(name, dims):
    shape = b"".join(chunk(1, number(1, d) if isinstance(d, int) else chunk(2, d)) for d in dims)
    return chunk(1, name) + chunk(2, chunk(1, number(1, 1) + chunk(2, shape)))


def node(op, inputs, outputs, attributes=b"", name=None):
    return (b"".join(chunk(1, i) for i in inputs) + b"".join(chunk(2, o) for o in outputs)
            + chunk(3, name or "the_" + op.lower()) + chunk(4, op) + attributes)


def write_model(path, graph, opset=13):
    with open(path, "wb") as out:
        out.write(number(1, 7) + chunk(7, graph) + chunk(8, number(2, opset)))
