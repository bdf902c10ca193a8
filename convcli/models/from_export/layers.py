"""Convolutions of PyTorch's exports as layers of geometry."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Layer
from convcli.geometry.window.axis import Kind, Padding, Sizes, Window
from convcli.models.from_export.file import Pt2File, operator_of, reporting_damage
from convcli.models.layer import ModelLayer, padding_options, shortest

_CONV = {f"conv{dims}d" for dims in (1, 2, 3)}
_TRANSPOSED = {f"conv_transpose{dims}d" for dims in (1, 2, 3)}
_PADS = ("pad", "constant_pad_nd")
_OPERATORS = {*_CONV, *_TRANSPOSED, "convolution"}


def layers(path: str) -> Iterator[ModelLayer]:
    """Read the convolutions of a file, see `layer.layers`."""
    file = Pt2File(path)
    with reporting_damage(repr(path)):
        nodes = [node for node in file.graph["nodes"] if operator_of(node) in _OPERATORS]
        modules = [_module(file, node) for node in nodes]
        count = Counter(modules)
        pads = {
            node["outputs"][0]["as_tensor"]["name"]: node
            for node in file.graph["nodes"]
            if operator_of(node) in _PADS
        }
        for node, module in zip(nodes, modules, strict=True):
            output = node["outputs"][0]["as_tensor"]["name"]
            name = module if module and count[module] == 1 else output
            yield _read_layer(file, node, name, (output, module), pads)


def arguments(node: Any) -> dict[str, Any]:
    """Return the arguments of a node by the names that its operator gives them.

    A tensor is its name, the others are numbers, text, or lists of numbers.
    """
    made = {}
    for each in node["inputs"]:
        ((kind, value),) = each["arg"].items()
        made[each["name"]] = (
            value["name"] if kind == "as_tensor" else None if kind == "as_none" else value
        )
    return made


def _module(file: Pt2File, node: Any) -> str:
    """Name the module that the weight of a node belongs to."""
    weight = file.parameters.get(arguments(node)["weight"], "")
    return weight.removesuffix(".weight") if weight.endswith(".weight") else ""


def _read_layer(
    file: Pt2File, node: Any, name: str, aliases: tuple[str, ...], pads: dict[str, Any]
) -> ModelLayer:
    """Read a layer; `pads` are the nodes that pad, by the names of what they make."""
    given = arguments(node)
    weight, bias = given["weight"], given.get("bias")
    shape = [size["as_int"] for size in file.graph["tensor_values"][weight]["sizes"]]
    transposed = operator_of(node) in _TRANSPOSED or given.get("transposed") is True
    kind: Kind = "convt" if transposed else "conv"
    g = given.get("groups", 1)
    window = Window(
        f=shortest(tuple(shape[2:])) or (1,),
        s=_sizes(given.get("stride", [1])),
        p=_padding(given.get("padding", [0])),
        d=_sizes(given.get("dilation", [1])),
        op=_sizes(given.get("output_padding", [0])) if transposed else (0,),
        kind=kind,
    )
    c = shape[1] * g if transposed else shape[0]
    return ModelLayer(
        name=name,
        layer=Layer(window, c=c, g=g, bias=bias is not None, name=name),
        aliases=aliases,
        read=partial(_read, file, name, weight, bias),
        padded=_padded(pads.get(given["input"]), len(shape) - 2),
    )


def _padded(node: Any, dims: int) -> str:
    """Say how a node pads the input of a layer, see `ModelLayer`; None where none does."""
    if node is None:
        return ""
    given = arguments(node)
    pads = given["pad"]
    pairs = list(zip(pads[::2], pads[1::2], strict=True))[::-1]
    pairs = [(0, 0)] * (dims - len(pairs)) + pairs
    return padding_options(given.get("mode") or "constant", pairs[-dims:])


def _sizes(values: list[int]) -> Sizes:
    if not all(isinstance(value, int) for value in values):
        raise TypeError(f"{values} are not integers")
    return shortest(tuple(values)) or (1,)


def _padding(value: Any) -> Padding:
    if value in ("same", "valid"):
        word: Padding = value
        return word
    return tuple((pad, pad) for pad in _sizes(value))


def _read(file: Pt2File, name: str, weight: str, bias: str | None) -> tuple[Array, Array | None]:
    """Read the numbers of a layer."""
    for value in (weight, bias):
        if value is not None and value not in file.parameters:
            raise ConvcliError(
                f"{f'{file.path}::{name}'!r} has no weight of its own: {value} is computed; use a "
                f"layer whose weight is stored in the file"
            )
    parameters = file.parameters
    return (
        file.array(parameters[weight]),
        None if bias is None else file.array(parameters[bias]),
    )
