"""Writes cases of ImageDecoder for `espalier verify`: pictures made, and decoded, by Pillow.

usage: make_pictures.py FOLDER
Whole ones in FOLDER/whole, ones that are damaged in FOLDER/damaged.
"""
import io
import os
import random
import sys

import numpy as np
from onnx_bytes import chunk, node, number, write_model
from PIL import Image

ys, xs = np.mgrid[0:37, 0:50]
picture = np.stack([xs * 5, ys * 6, (xs * ys) % 256], axis=2).astype(np.uint8)
rgb = Image.fromarray(picture)
rgba = Image.fromarray(np.dstack([picture, (xs * 4).astype(np.uint8)]))
KINDS = {
    "bmp": (rgb, "BMP", {}), "bmp_palette": (rgb.quantize(16), "BMP", {}), "bmp_bits": (rgb.convert("1"), "BMP", {}),
    "bmp_grey": (rgb.convert("L"), "BMP", {}),
    "jpeg": (rgb, "JPEG", {}), "jpeg_grey": (rgb.convert("L"), "JPEG", {}),
    "jpeg_progressive": (rgb, "JPEG", {"progressive": True, "quality": 95}),
    "jpeg_whole_colours": (rgb, "JPEG", {"subsampling": 0}),
    "png": (rgb, "PNG", {}), "png_grey": (rgb.convert("L"), "PNG", {}), "png_alpha": (rgba, "PNG", {}),
    "png_palette": (rgb.quantize(), "PNG", {}), "png_bits": (rgb.convert("1"), "PNG", {}),
    "webp": (rgb, "WEBP", {}), "webp_lossless": (rgb, "WEBP", {"lossless": True}),
    "tiff": (rgb, "TIFF", {}), "tiff_packed": (rgb, "TIFF", {"compression": "tiff_lzw"}),
    "tiff_grey": (rgb.convert("L"), "TIFF", {}),
    "jpeg2000": (rgb, "JPEG2000", {}), "jpeg2000_lossy": (rgb, "JPEG2000", {"irreversible": True, "quality_layers": [30]}),
    "jpeg2000_grey": (rgb.convert("L"), "JPEG2000", {}),
    "ppm": (rgb, "PPM", {}), "pgm": (rgb.convert("L"), "PPM", {}), "pbm": (rgb.convert("1"), "PPM", {}),
}


def tensor(data):
    dims = b"".join(number(1, d) for d in data.shape)
    return dims + number(2, 2) + chunk(9, data.tobytes())  # uint8


def typed(name, dims):
    shape = b"".join(chunk(1, chunk(2, d)) for d in dims)
    return chunk(1, name) + chunk(2, chunk(1, number(1, 2) + chunk(2, shape)))


def write_case(folder, form, encoded, want):
    os.makedirs(folder + "/test_data_set_0")
    how = chunk(5, chunk(1, "pixel_format") + chunk(4, form) + number(20, 3))
    write_model(folder + "/model.onnx", chunk(1, node("ImageDecoder", ["x"], ["y"], how)) + chunk(2, "picture")
                + chunk(11, typed("x", ["bytes"])) + chunk(12, typed("y", ["h", "w", "c"])), opset=20)
    for name, data in ("input_0", np.frombuffer(encoded, np.uint8)), ("output_0", want):
        with open(f"{folder}/test_data_set_0/{name}.pb", "wb") as file:
            file.write(tensor(np.ascontiguousarray(data)))


def encode(image, format, options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


draw = random.Random(1)
for name, (image, format, options) in KINDS.items():
    encoded = encode(image, format, options)
    decoded = Image.open(io.BytesIO(encoded))
    colours = np.asarray(decoded.convert("RGB"))
    grey = np.asarray(decoded.convert("RGB").convert("L"))[:, :, None]
    for form, want in ("RGB", colours), ("BGR", colours[:, :, ::-1]), ("Grayscale", grey):
        write_case(f"{sys.argv[1]}/whole/{name}_{form}", form, encoded, want)
    for i in range(6):
        damaged = bytearray(encoded[:draw.randrange(2, len(encoded))] if i < 3 else encoded)
        for _ in range(8 * (i >= 3)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        write_case(f"{sys.argv[1]}/damaged/{name}_{i}", "RGB", bytes(damaged), colours)
