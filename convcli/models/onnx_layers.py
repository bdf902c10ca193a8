"""Convolutions of ONNX files as layers of ours."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError
from convcli.geometry.axis import Kind, Padding, Sizes, Window
from convcli.geometry.network import Layer
from convcli.geometry.size import effective_filter
from convcli.models.layer import ModelLayer, shortest
from convcli.models.onnx_file import STANDARD, Dynamic, OnnxFile

_KINDS = {"Conv": "conv", "ConvTranspose": "convt"}
_INTEGER = {"QLinearConv": 3, "ConvInteger": 1}  # index of the weight among the inputs
_WORDS: dict[str, Padding] = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower"}


def layers(path: str) -> Iterator[ModelLayer]:
    """Read the convolutions of a file, see `layer.layers`."""
    file = OnnxFile(path)
    nodes = [
        node
        for node in file.graph.node
        if node.op_type in (*_KINDS, *_INTEGER) and node.domain in STANDARD
    ]
    count = Counter(node.name for node in nodes)
    for node in nodes:
        output = next(iter(node.output), "")
        name = node.name if node.name and count[node.name] == 1 else output
        yield _read_layer(file, node, name, output)


def _read_layer(file: OnnxFile, node: Any, name: str, output: str) -> ModelLayer:
    attrs = file.attributes(node)
    inputs = list(node.input)
    weight = inputs[_INTEGER.get(node.op_type, 1)] if len(inputs) > 1 else ""
    shape = file.shape(weight)
    kind = cast(Kind, _KINDS.get(node.op_type, "conv"))
    g = attrs.integer("group", 1)
    window = Window(
        f=shortest(shape[2:] or attrs.integers("kernel_shape")) or (1,),
        s=shortest(attrs.integers("strides")) or (1,),
        d=shortest(attrs.integers("dilations")) or (1,),
        op=shortest(attrs.integers("output_padding")) or (0,),
        kind=kind,
    )
    c = (shape[1] * g if kind == "convt" else shape[0]) if len(shape) > 1 else None
    bias = len(inputs) > 2 and inputs[2] != "" and node.op_type not in _INTEGER
    padding = _padding(file, node, window)
    return ModelLayer(
        name=name,
        layer=Layer(window._replace(p=padding or ((0, 0),)), c=c, g=g, bias=bias, name=name),
        aliases=(output, weight.removesuffix(".weight")),
        read=partial(_read, file, node, weight, inputs[2] if bias else ""),
        refusal=_refusal(file, node),
        padding_refusal="" if padding else _NO_PADDING.format(file.name_of(node)),
    )


_NO_PADDING = (
    "{} gives its output_shape, from which the padding follows only where the size of its input is "
    "known; give the padding with -p"
)


def _refusal(file: OnnxFile, node: Any) -> str:
    if node.op_type not in _INTEGER:
        return ""
    return (
        f"{file.name_of(node)} is a {node.op_type}, whose integers have scales and zero points; "
        f"only Conv and ConvTranspose are run: export the model before it is quantized"
    )


def _padding(file: OnnxFile, node: Any, window: Window) -> Padding | None:
    """Return the padding; None where it depends on the size of an input that is not known."""
    attrs = file.attributes(node)
    word = attrs.text("auto_pad", "NOTSET")
    if "output_shape" in attrs and window.kind == "convt":
        return _padding_to(attrs.integers("output_shape"), file, node, window)
    if word in _WORDS:
        return _WORDS[word]
    pads = attrs.integers("pads") if word == "NOTSET" else ()
    if len(pads) % 2:
        raise ConvcliError(
            f"{file.name_of(node)}: pads has {len(pads)} numbers, and each axis needs two; "
            f"export the model again"
        )
    half = len(pads) // 2
    return shortest(tuple(zip(pads[:half], pads[half:], strict=True))) or ((0, 0),)


def _padding_to(
    outs: Sizes, file: OnnxFile, node: Any, window: Window
) -> tuple[tuple[int, int], ...] | None:
    """Crop a transposed output to the sizes that the file gives; the odd pixel where ONNX says."""
    n = file.declared_shape(node.input[0])[2:]
    dims = len(n)
    if not n or len(outs) < dims or not all(n):
        return None
    made = []
    for axis, out in enumerate(outs[-dims:]):
        f, s, d, op = (
            values[axis % len(values)] for values in (window.f, window.s, window.d, window.op)
        )
        total = max((n[axis] - 1) * s + effective_filter(f, d) + op - out, 0)
        small, large = total // 2, total - total // 2
        upper = file.attributes(node).text("auto_pad", "NOTSET") == "SAME_UPPER"
        made.append((small, large) if upper else (large, small))
    return shortest(tuple(made))


def _read(file: OnnxFile, node: Any, weight: str, bias: str) -> tuple[Array, Array | None]:
    """Read the numbers of a layer."""
    try:
        return file.computed(weight), file.computed(bias) if bias else None
    except Dynamic as error:
        raise ConvcliError(
            f"{file.name_of(node)} has no weight of its own: {error}; use a layer whose weight is "
            f"stored in the file"
        ) from None
