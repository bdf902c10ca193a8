"""The text notation of layers, both ways: ``conv f=7 s=2 p=3 c=64``."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from convcli.errors import UsageError
from convcli.geometry.network.layer import Layer
from convcli.geometry.text.notation import (
    format_padding,
    format_sizes,
    parse_number,
    parse_only,
    parse_only_padding,
)
from convcli.geometry.window.axis import POOL_KINDS, Kind, Sizes, Window

if TYPE_CHECKING:
    from convcli.geometry.network.graph import NodeStep
    from convcli.geometry.network.layer import Step

# What Keras, PyTorch and ONNX call them.
_LONG_NAMES = {
    **dict.fromkeys(("filter_size", "kernel_size", "kernel_shape", "pool_size"), "f"),
    **dict.fromkeys(("stride", "strides"), "s"),
    **dict.fromkeys(("padding", "pads"), "p"),
    **dict.fromkeys(("dilation", "dilations", "dilation_rate"), "d"),
    **dict.fromkeys(("group", "groups"), "g"),
    **dict.fromkeys(("channels", "filters", "out_channels"), "c"),
    "in_channels": "c_in",
    "output_padding": "op",
    "use_bias": "bias",
    "ceil_mode": "ceil",
}
_BRACKET = re.compile(r"(?<==)[\[(][^\])=]*[\])]")
_WHITE = re.compile(r"\s+")
_KIND = re.compile(r"(\w*?)(?:([123])d)?")
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Words(NamedTuple):
    """The words of a layer: its kind, the value of each key, and the text they were read from.

    In PyTorch's notation, `printed` is whether it is of a printed model, which leaves some values
    out, and `unordered` whether its container does not say what is between its modules.
    """

    kind: str
    values: dict[str, str]
    text: str = ""
    printed: bool = False
    unordered: bool = False

    @property
    def in_pytorch(self) -> bool:
        """Whether the text is in PyTorch's notation."""
        return "(" in self.text.partition("=")[0]


def make_layer(words: Words, where: str) -> Layer:
    """Make a layer with a window from its words; `where` is its place, for errors."""
    values = words.values
    kind, dims = split_kind(words.kind)
    if kind in POOL_KINDS and "bias" in values:
        raise UsageError(f"{where}: bias is only valid for convolutions; leave it out")
    if "f" not in values:
        raise UsageError(f"{where}: {words.text!r} has no filter size; add f=3 or another")
    window = Window(
        f=read_sizes(words, "f", "", where),
        s=read_sizes(words, "s", values["f"] if kind in POOL_KINDS else "1", where),
        p=parse_only_padding(f"{where}: p", values.get("p", "0")),
        d=read_sizes(words, "d", "1", where),
        op=read_sizes(words, "op", "0", where),
        kind=cast(Kind, kind),
        ceil=read_switch(words, "ceil", "0", where),
    )
    g = read_number(words, "g", where) if values.get("g") != "c" else 1
    return Layer(
        window,
        c=read_number(words, "c", where),
        c_in=read_number(words, "c_in", where),
        g=1 if g is None else g,
        bias=read_switch(words, "bias", "1", where),
        dims=dims,
        name=values.get("name", ""),
    )


def read_sizes(words: Words, key: str, default: str, where: str) -> Sizes:
    """Read one size for each axis, or one for all."""
    return parse_only(f"{where}: {key}", words.values.get(key, default))


def read_number(words: Words, key: str, where: str) -> int | None:
    """Read a whole number, None where it is not given."""
    value = words.values.get(key)
    return None if value is None else parse_number(f"{where}: {key}", value)


def read_switch(words: Words, key: str, default: str, where: str) -> bool:
    """Read 1 or 0, or a word for it."""
    value = words.values.get(key, default).lower()
    if value not in _SWITCH:
        raise UsageError(f"{where}: {key}={value} must be 1 or 0; write {key}=1 or {key}=0")
    return _SWITCH[value]


def split_kind(word: str) -> tuple[str, int | None]:
    """Split ``conv2d`` into the kind and the number of its axes, None where it is not said."""
    found = _KIND.fullmatch(word)
    if found is None:
        return word, None
    return found[1], int(found[2]) if found[2] else None


def split_words(text: str) -> list[str]:
    """Split a line into words; spaces within brackets do not end a value: ``f=(3, 5)``."""
    return _BRACKET.sub(lambda found: _WHITE.sub("", found[0]), text).split()


def split_pairs(pairs: Iterable[str], keys: Sequence[str], where: str) -> dict[str, str]:
    """Split ``KEY=VALUE`` words; long names of keys are made short.

    Where `keys` have ``c_in``, ``c=3:64`` gives two values; it is not named among the keys in
    errors, as ``c`` is.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        typed, equals, value = pair.partition("=")
        key = _LONG_NAMES.get(typed.lower().replace("-", "_"), typed)
        listed = ", ".join(key for key in keys if key != "c_in")
        if not equals or not value:
            raise UsageError(f"{where}: {pair!r} is not KEY=VALUE; write one of the keys: {listed}")
        if key not in keys:
            raise UsageError(f"{where}: {typed!r} is not a key of this; write one of: {listed}")
        c_in, colon, c = value.partition(":")
        is_pair = key == "c" and colon and "c_in" in keys
        given = {"c_in": c_in, "c": c} if is_pair else {key: value}
        for each in given:
            if each in values:
                raise UsageError(f"{where}: {pair!r} gives {each} a second time; give it once")
        values |= given
    return values


def format_layer(layer: Layer) -> str:
    """Write a layer as `make_layer` reads it, without what is at its default."""
    window = layer.window
    words = [window.kind, f"f={format_sizes(window.f)}"]
    if window.s != (window.f if window.kind in POOL_KINDS else (1,)):
        words.append(f"s={format_sizes(window.s)}")
    if window.p != ((0, 0),):
        words.append(f"p={window.p if isinstance(window.p, str) else format_padding(window.p)}")
    if window.d != (1,):
        words.append(f"d={format_sizes(window.d)}")
    if window.op != (0,):
        words.append(f"op={format_sizes(window.op)}")
    if layer.c_in is not None and layer.c is not None:
        words.append(f"c={layer.c_in}:{layer.c}")
    elif layer.c is not None:
        words.append(f"c={layer.c}")
    if layer.g != 1:
        words.append(f"g={layer.g}")
    if not layer.bias:
        words.append("bias=0")
    if window.ceil:
        words.append("ceil=1")
    return " ".join(words)


def format_step(step: "Step | NodeStep") -> str:
    """Write the layer of a step, or of a node without one how its file has it."""
    if step.layer is not None:
        return format_layer(step.layer)
    return step.node.text or step.node.op


def format_named_step(step: "Step | NodeStep") -> str:
    """Write a step after its name, if it has one: ``conv1: conv f=3``."""
    return f"{step.label}: {format_step(step)}" if step.label else format_step(step)
