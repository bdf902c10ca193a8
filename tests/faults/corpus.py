"""Small valid files of every format that is read: what the campaigns damage."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from tests.faults.program import npy

ConvolvedFiles = Iterator[tuple[str, bytes]]  # an ending, what the file holds


@cache
def files(kind: str) -> tuple[tuple[str, bytes], ...]:
    """Make the files of one kind, the same in every process."""
    return tuple(KINDS[kind]())


def _values(*shape: int) -> Any:
    return (np.arange(np.prod(shape)).reshape(shape) * 37) % 101


def _npy() -> ConvolvedFiles:
    dtypes = "<f4 >f4 <f2 <f8 |u1 |i1 <i2 >i8 |b1 <c8 >c16 <u8".split()
    for dtype in [*map(np.dtype, dtypes), np.dtype(np.longdouble)]:
        yield ".npy", npy(_values(7, 6).astype(dtype))
    for shape in ((), (5,), (3, 5, 4), (2, 3, 4, 5), (2, 1, 3, 3), (0, 3), (4, 1, 1)):
        yield ".npy", npy(_values(*shape).astype(np.float32))
    yield ".npy", npy(np.asfortranarray(_values(5, 8)))
    yield ".npy", npy(_values(5, 5), _values(4, 6).astype(">f2"))
    version_2 = io.BytesIO()
    np.lib.format.write_array(version_2, _values(6, 6), version=(2, 0))
    yield ".npy", version_2.getvalue()


def _npz() -> ConvolvedFiles:
    arrays = {"w": _values(3, 3), "x": _values(6, 7).astype(np.float32), "b": _values(3)}
    for compression in (
        zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA,
    ):  # fmt: skip
        for names in ("w", "wxb"):
            made = io.BytesIO()
            with zipfile.ZipFile(made, "w", compression) as archive:
                for name in names:
                    archive.writestr(f"{name}.npy", npy(arrays[name]))
            yield ".npz", made.getvalue()


def _safetensors() -> ConvolvedFiles:
    from safetensors.numpy import save

    for dtype in ("f4", "f2", "i8", "u1", "?"):
        yield ".safetensors", save({"w": np.ones((3, 3), dtype)})
    for name, size in (("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1)):  # which NumPy lacks
        tensor = {"dtype": name, "shape": [3, 3], "data_offsets": [0, 9 * size]}
        header = json.dumps({"w": tensor}).encode()
        yield ".safetensors", struct.pack("<Q", len(header)) + header + b"\x3c" * (9 * size)
    weights = {"w": _values(2, 3, 3, 3) / 7, "x": _values(6, 7), "b": _values(3)}
    yield ".safetensors", save(weights, {"format": "pt"})


def _pt() -> ConvolvedFiles:
    import torch

    ones = torch.ones(3, 3)
    contents: list[Any] = [
        {"w": ones, "x": torch.rand(6, 7), "b": torch.rand(3)},
        {"net": {"w": ones}, "epoch": 3},
        torch.rand(5, 4).T,
        torch.nn.Parameter(torch.rand(3, 3)),
        [ones, ones],
        torch.complex(ones, ones).conj(),
        torch.complex(ones, ones).conj().imag,  # a negative view
        ones.to_sparse(),
        torch.quantize_per_tensor(ones, 0.1, 0, torch.quint8),
        torch.ones(3, 3, device="meta"),
        *(ones.to(kind) for kind in (torch.bfloat16, torch.float16, torch.int8, torch.bool)),
        *(ones.to(kind) for kind in (torch.float8_e4m3fn, torch.float8_e5m2)),
    ]
    for content in contents:
        for whole in (True, False):  # as a zip archive, and as before PyTorch 1.6
            made = io.BytesIO()
            try:
                torch.save(content, made, _use_new_zipfile_serialization=whole)
            except (RuntimeError, NotImplementedError, AttributeError):
                continue  # some cannot be written the old way
            yield ".pt", made.getvalue()


_PIXELS = {
    "1": (12, 9), "L": (12, 9), "P": (12, 9), "LA": (12, 9, 2), "RGB": (12, 9, 3),
    "RGBA": (12, 9, 4), "CMYK": (12, 9, 4), "I;16": (12, 9), "F": (12, 9),
}  # fmt: skip


def _image(mode: str) -> Any:
    from PIL import Image

    if mode in ("1", "P"):
        return _image("L").convert(mode)
    dtype = {"I;16": np.uint16, "F": np.float32}.get(mode, np.uint8)
    return Image.fromarray(_values(*_PIXELS[mode]).astype(dtype))


def _images(kind: str, ending: str, modes: str, **options: Any) -> ConvolvedFiles:
    for mode in modes.split():
        made = io.BytesIO()
        _image(mode).save(made, kind, **options)
        yield ending, made.getvalue()


def _png() -> ConvolvedFiles:
    yield from _images("PNG", ".png", "1 L P LA RGB RGBA I;16")


def _jpeg() -> ConvolvedFiles:
    from PIL import Image

    yield from _images("JPEG", ".jpg", "L RGB")
    yield from _images("JPEG", ".jpg", "RGB", progressive=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    yield from _images("JPEG", ".jpeg", "L RGB", exif=exif)


def _tiff() -> ConvolvedFiles:
    yield from _images("TIFF", ".tif", "1 L P RGB RGBA CMYK I;16 F")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield from _images("TIFF", ".tiff", "L RGB", compression=compression)
    yield from _images("TIFF", ".tif", "1", compression="group4")
    yield from _images("TIFF", ".tif", "L", save_all=True, append_images=[_image("L")])


def _gif() -> ConvolvedFiles:
    yield from _images("GIF", ".gif", "L P")
    yield from _images("GIF", ".gif", "L", save_all=True, append_images=[_image("P")])


def _text() -> ConvolvedFiles:
    for ending, separator in ((".csv", ","), (".csv", ";"), (".tsv", "\t"), (".txt", " ")):
        for values in (_values(7, 6), _values(5, 4) / 7, _values(9)):
            rows = [map(str, row) for row in values.reshape(len(values), -1).tolist()]
            text = "".join(separator.join(row) + "\n" for row in rows)
            yield ending, text.encode()
            yield ending, b"\xef\xbb\xbfa,b\r\n# c\r\n" + text.replace("\n", "\r\n").encode()
            yield ending, text.encode("utf-16")


def _onnx() -> ConvolvedFiles:
    """Networks with every family of operators, and a real one."""
    from onnx import helper, numpy_helper

    from tests.conftest import DATA
    from tests.models import makers

    node = helper.make_node
    w, ones = np.ones((4, 2, 3, 3), np.float32), np.ones(4, np.float32)
    tensors = {"w": w, "b": ones, "t": np.ones((4, 2, 2, 2), np.float32), "s": np.array([0, -1, 6])}
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1], strides=[2, 2], group=2),
        node("BatchNormalization", ["c", "b", "b", "b", "b"], ["n"]),
        node("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
        node("ConvTranspose", ["p", "t"], ["u"], "up", strides=[2, 2]),
        node("Shape", ["u"], ["h"]),
        node("Constant", [], ["i"], value=numpy_helper.from_array(np.array([2, 3]))),
        node("Gather", ["h", "i"], ["g"]),
        node("Concat", ["k", "g"], ["z"], axis=0),
        node("Resize", ["u", "", "", "z"], ["r"], mode="linear"),
        node("Slice", ["r", "i", "g"], ["l"]),
        node("Softmax", ["l"], ["m"]),
        node("Add", ["m", "l"], ["a"]),
        node("Reshape", ["a", "s"], ["v"]),
        node("Gemm", ["q", "q"], ["o"], transB=1),
        node("ReduceMean", ["v"], ["q"], axes=[1], keepdims=0),
        node("NonZero", ["o"], ["y"]),
    ]
    tensors |= {"k": np.array([1, 2])}
    yield ".onnx", makers.model(nodes, (1, 4, 12, 12), tensors).SerializeToString()
    body = helper.make_graph([node("Relu", ["x"], ["b"])], "body", [], [makers.value("b", [1, 4])])
    made = makers.model(
        [node("If", ["f"], ["y"], then_branch=body, else_branch=body)],
        (1, 4), {"f": np.array(True)},
    )  # fmt: skip
    yield ".onnx", made.SerializeToString()
    large = makers.layer("Conv", (1, "c", "h", "w"), np.ones((32, 4, 3, 3), np.float32))
    yield ".onnx", large.SerializeToString()
    yield ".onnx", (DATA / "models" / "ppocr_cls.onnx").read_bytes()


def _pt2() -> ConvolvedFiles:
    """Exports, made once: the library that makes them is slow."""
    from tests.conftest import DATA

    for name in ("small", "core"):
        yield ".pt2", (DATA / "models" / f"{name}.pt2").read_bytes()


KINDS: dict[str, Callable[[], ConvolvedFiles]] = {
    "npy": _npy, "npz": _npz, "safetensors": _safetensors, "pt": _pt,
    "png": _png, "jpeg": _jpeg, "tiff": _tiff, "gif": _gif,
    "text": _text, "onnx": _onnx, "pt2": _pt2,
}  # fmt: skip
