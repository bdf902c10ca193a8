"""The text notation of layers, both ways: ``conv f=7 s=2 p=3 c=64``."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from convcli.errors import UsageError
from convcli.geometry.axis import POOLS, Kind, Sizes, Window
from convcli.geometry.network import Layer
from convcli.geometry.notation import (
    format_padding,
    format_sizes,
    parse_number,
    parse_only,
    parse_only_padding,
)
from convcli.geometry.pytorch_text import ModuleReader, Words

_KINDS = ("conv", "convt", "maxpool", "avgpool")
_KEYS = ("f", "s", "p", "d", "g", "c", "op", "bias", "ceil", "repeat", "name")
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
_MAX_LAYERS = 10_000


def parse_layers(
    lines: Iterable[str], source: str, note: Callable[[str], None] | None = None
) -> Iterator[Layer]:
    """Read layers such as ``conv f=7 s=2 p=3 c=64``, one a line; ``#`` starts a comment.

    Layers as PyTorch prints them are read too, see `pytorch_text`.

    Parameters
    ----------
    lines : iterable of str
    source : str
        Where the lines come from, for errors: a file name, or ``-l``.
    note : callable, optional
        Called with a line about something that a user may not expect.

    Yields
    ------
    Layer
        A line with ``repeat=k`` gives `k` layers.
    """
    modules = ModuleReader(note)
    count = 0
    for line_number, line in enumerate(lines, 1):
        # Some editors start a file with a byte order mark.
        text = line.removeprefix("\ufeff").partition("#")[0].strip()
        if not text:
            continue
        where = f"{source}, line {line_number}" if source != "-l" else f"-l {text!r}"
        found = modules.read(text, where)
        for words in [_parse_line(text, where)] if found is None else found:
            layer, repeat = _make_layer(words, text, where)
            if count + repeat > _MAX_LAYERS:
                raise UsageError(
                    f"{where}: repeat={repeat} makes {count + repeat} layers, more than "
                    f"{_MAX_LAYERS}; write a smaller stack"
                )
            for copy in range(1, repeat + 1):
                count += 1
                name = f"{layer.name}.{copy}" if layer.name and repeat > 1 else layer.name
                label = f"{where}, layer {count} ({name or text})"
                yield layer._replace(name=name, where=label)


def _parse_line(text: str, where: str) -> Words:
    # Spaces within brackets do not end a value: f=(3, 5).
    kind, *pairs = _BRACKET.sub(lambda found: _WHITE.sub("", found[0]), text).split()
    _split_kind(kind, where)  # a wrong kind is reported before its keys
    return Words(kind, _parse_pairs(pairs, where))


def _make_layer(words: Words, text: str, where: str) -> tuple[Layer, int]:
    """Make one layer from its words; also return the number of times it is repeated."""
    values = words.values
    kind, dims = _split_kind(words.kind, where)
    if "f" not in values:
        raise UsageError(f"{where}: {text!r} has no filter size; add f=3 or another")

    def sizes(key: str, default: str) -> Sizes:
        return parse_only(f"{where}: {key}", values.get(key, default))

    def number(key: str) -> int | None:
        return parse_number(f"{where}: {key}", values[key]) if key in values else None

    def switch(key: str, default: str) -> bool:
        value = values.get(key, default).lower()
        if value not in _SWITCH:
            raise UsageError(f"{where}: {key}={value} must be 1 or 0; write {key}=1 or {key}=0")
        return _SWITCH[value]

    window = Window(
        f=sizes("f", ""),
        s=sizes("s", values["f"] if kind in POOLS else "1"),
        p=parse_only_padding(f"{where}: p", values.get("p", "0")),
        d=sizes("d", "1"),
        op=sizes("op", "0"),
        kind=cast(Kind, kind),
        ceil=switch("ceil", "0"),
    )
    g, repeat = number("g"), number("repeat")
    if repeat is not None and repeat < 1:
        raise UsageError(f"{where}: repeat={repeat} must be 1 or more; write repeat=1")
    layer = Layer(
        window,
        c=number("c"),
        c_in=number("c_in"),
        g=1 if g is None else g,
        bias=switch("bias", "1"),
        dims=dims,
        name=values.get("name", ""),
    )
    return layer, repeat or 1


def _split_kind(word: str, where: str) -> tuple[str, int | None]:
    """Split ``conv2d`` into the kind and the number of its axes."""
    found = _KIND.fullmatch(word)
    if found is None or found[1] not in _KINDS:
        raise UsageError(f"{where}: {word!r} is not a kind of layer; write {', '.join(_KINDS)}")
    return found[1], int(found[2]) if found[2] else None


def _parse_pairs(pairs: Iterable[str], where: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = _LONG_NAMES.get(key.lower().replace("-", "_"), key)
        if not equals or not value or key not in (*_KEYS, "c_in"):
            raise UsageError(
                f"{where}: {pair!r} is not KEY=VALUE with one of the keys {' '.join(_KEYS)}"
            )
        if key in values:
            raise UsageError(f"{where}: {pair!r} gives {key} a second time; give it once")
        values[key] = value
    c_in, colon, c = values.get("c", "").partition(":")
    return values | {"c_in": c_in, "c": c} if colon else values


def format_layer(layer: Layer) -> str:
    """Write a layer as `parse_layers` reads it, without what is at its default."""
    window = layer.window
    words = [window.kind, f"f={format_sizes(window.f)}"]
    if window.s != (window.f if window.kind in POOLS else (1,)):
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
