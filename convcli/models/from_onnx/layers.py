"""Convolutions of ONNX files as layers of geometry."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Layer
from convcli.geometry.window.axis import Kind
from convcli.models.from_onnx.file import STANDARD, Dynamic, OnnxFile
from convcli.models.layer import ModelLayer, padding_options
from convcli.models.operators.windows import padded, window_of

_KINDS = {"Conv": "conv", "ConvTranspose": "convt"}
_INTEGER = {"QLinearConv": 3, "ConvInteger": 1}  # index of the weight among the inputs


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
    window = window_of(attrs, shape[2:], kind)
    c = (shape[1] * g if kind == "convt" else shape[0]) if len(shape) > 1 else None
    bias = len(inputs) > 2 and inputs[2] != "" and node.op_type not in _INTEGER
    n = (file.static_shape(inputs[0]) or ())[2:] if inputs else ()
    known = padded(window, attrs, file.name_of(node), n)
    return ModelLayer(
        name=name,
        layer=Layer(known or window, c=c, g=g, bias=bias, name=name),
        aliases=(output, weight.removesuffix(".weight")),
        read=partial(_read, file, node, weight, inputs[2] if bias else ""),
        refusal=_refusal(file, node),
        padding_refusal="" if known else _NO_PADDING.format(file.name_of(node)),
        padded=_padded(file, inputs[0] if inputs else "", len(shape[2:])),
    )


def _padded(file: OnnxFile, name: str, dims: int) -> str:
    """Say how a node pads the input of a layer, if one does, see `ModelLayer`."""
    node = file.producers.get(name)
    if node is None or node.op_type != "Pad":
        return ""
    attrs = file.attributes(node)
    pads = attrs.integers("pads")
    with contextlib.suppress(Dynamic):
        if len(node.input) > 1:
            pads = tuple(map(int, file.computed(node.input[1])))
    half = len(pads) // 2
    pairs = list(zip(pads[:half], pads[half:], strict=False))[-dims:]
    return padding_options(attrs.text("mode", "constant"), pairs or None)


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


def _read(file: OnnxFile, node: Any, weight: str, bias: str) -> tuple[Array, Array | None]:
    """Read the numbers of a layer."""
    try:
        return file.computed(weight), file.computed(bias) if bias else None
    except Dynamic as error:
        raise ConvcliError(
            f"{file.name_of(node)} has no weight of its own: {error}; use a layer whose weight is "
            f"stored in the file"
        ) from None
