"""The text notation of layers, both ways: ``conv f=7 s=2 p=3 c=64``."""

from collections.abc import Iterable, Iterator
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

_KINDS = ("conv", "convt", "maxpool", "avgpool")
_KEYS = ("f", "s", "p", "d", "g", "c", "op", "bias", "ceil", "repeat", "name")
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_MAX_LAYERS = 10_000


def parse_layers(lines: Iterable[str], source: str) -> Iterator[Layer]:
    """Read layers such as ``conv f=7 s=2 p=3 c=64``, one a line; ``#`` starts a comment.

    Parameters
    ----------
    lines : iterable of str
    source : str
        Where the lines come from, for errors: a file name, or ``-l``.

    Yields
    ------
    Layer
        A line with ``repeat=k`` gives `k` layers.
    """
    count = 0
    for line_number, line in enumerate(lines, 1):
        # Some editors start a file with a byte order mark.
        text = line.removeprefix("\ufeff").partition("#")[0].strip()
        if not text:
            continue
        where = f"{source}, line {line_number}" if source != "-l" else f"-l {text!r}"
        layer, repeat = _parse_layer(text, where)
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


def _parse_layer(text: str, where: str) -> tuple[Layer, int]:
    """Read one layer and the number of times it is repeated."""
    kind, *pairs = text.split()
    if kind not in _KINDS:
        raise UsageError(f"{where}: {kind!r} is not a kind of layer; write {', '.join(_KINDS)}")
    values = _parse_pairs(pairs, where)
    if "f" not in values:
        raise UsageError(f"{where}: {text!r} has no filter size; add f=3 or another")

    def sizes(key: str, default: str) -> Sizes:
        return parse_only(f"{where}: {key}", values.get(key, default))

    def number(key: str) -> int | None:
        return parse_number(f"{where}: {key}", values[key]) if key in values else None

    def switch(key: str, default: str) -> bool:
        value = values.get(key, default)
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
    c, g, repeat = number("c"), number("g"), number("repeat")
    if repeat is not None and repeat < 1:
        raise UsageError(f"{where}: repeat={repeat} must be 1 or more; write repeat=1")
    layer = Layer(
        window,
        c=c,
        g=1 if g is None else g,
        bias=switch("bias", "1"),
        name=values.get("name", ""),
    )
    return layer, repeat or 1


def _parse_pairs(pairs: Iterable[str], where: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value or key not in _KEYS:
            raise UsageError(
                f"{where}: {pair!r} is not KEY=VALUE with one of the keys {' '.join(_KEYS)}"
            )
        if key in values:
            raise UsageError(f"{where}: {pair!r} gives {key} a second time; give it once")
        values[key] = value
    return values


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
    if layer.c is not None:
        words.append(f"c={layer.c}")
    if layer.g != 1:
        words.append(f"g={layer.g}")
    if not layer.bias:
        words.append("bias=0")
    if window.ceil:
        words.append("ceil=1")
    return " ".join(words)
