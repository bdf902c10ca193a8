"""The text notation of layers, both ways: ``conv f=7 s=2 p=3 c=64``."""

from collections.abc import Iterable, Iterator

from convcli.errors import UsageError
from convcli.geometry.axis import Window
from convcli.geometry.network import Layer
from convcli.geometry.notation import (
    Sizes,
    format_padding,
    format_sizes,
    parse_number,
    parse_only,
    parse_only_padding,
)

_LAYER_KINDS = ("conv", "convt", "maxpool", "avgpool")
_LAYER_KEYS = ("f", "s", "p", "d", "g", "c", "op", "bias", "ceil", "repeat", "name")
_MOST_LAYERS = 10_000
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def parse_layers(lines: Iterable[str], source: str) -> Iterator[Layer]:
    """Read layers such as ``conv f=7 s=2 p=3 c=64``, one a line; ``#`` starts a comment.

    Parameters
    ----------
    lines : iterable of str
    source : str
        What errors call the lines: a file name, or ``-l``.

    Yields
    ------
    Layer
        A line with ``repeat=k`` gives `k` layers.
    """
    number = 0
    for line_number, line in enumerate(lines, 1):
        # Some editors begin a file with a mark of its encoding.
        text = line.removeprefix("\ufeff").partition("#")[0].strip()
        if not text:
            continue
        where = f"{source}, line {line_number}" if source != "-l" else f"-l {text!r}"
        layer, repeat = _parse_layer(text, where)
        if number + repeat > _MOST_LAYERS:
            raise UsageError(
                f"{where}: repeat={repeat} makes {number + repeat} layers, more than "
                f"{_MOST_LAYERS}; write a smaller stack"
            )
        for copy in range(1, repeat + 1):
            number += 1
            name = f"{layer.name}.{copy}" if layer.name and repeat > 1 else layer.name
            label = f"{where}, layer {number} ({name or text})"
            yield layer._replace(name=name, where=label)


def _parse_layer(text: str, where: str) -> tuple[Layer, int]:
    """Read one layer and how often it is repeated."""
    kind, *pairs = text.split()
    if kind not in _LAYER_KINDS:
        raise UsageError(
            f"{where}: {kind!r} is not a kind of layer; write {', '.join(_LAYER_KINDS)}"
        )
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in _LAYER_KEYS or not equals or not value or key in values:
            raise UsageError(
                f"{where}: {pair!r} is not KEY=VALUE with a key not given before; "
                f"the keys are {' '.join(_LAYER_KEYS)}"
            )
        values[key] = value

    def sizes(key: str, default: str) -> Sizes:
        return parse_only(f"{where}: {key}", values.get(key, default))

    def switch(key: str, default: str) -> bool:
        value = values.get(key, default)
        if value not in _SWITCH:
            raise UsageError(f"{where}: {key}={value} must be 1 or 0; write {key}=1 or {key}=0")
        return _SWITCH[value]

    if "f" not in values:
        raise UsageError(f"{where}: {text!r} has no filter size; add f=3 or another")
    pooling = kind in ("maxpool", "avgpool")
    window = Window(
        f=sizes("f", ""),
        s=sizes("s", values["f"] if pooling else "1"),
        p=parse_only_padding(f"{where}: p", values.get("p", "0")),
        d=sizes("d", "1"),
        op=sizes("op", "0"),
        kind=kind,  # type: ignore[arg-type]
        ceil=switch("ceil", "0"),
    )
    numbers = {
        key: parse_number(f"{where}: {key}", values[key])
        for key in ("c", "g", "repeat")
        if key in values
    }
    repeat = numbers.get("repeat", 1)
    if repeat < 1:
        raise UsageError(f"{where}: repeat={repeat} must be 1 or more; write repeat=1")
    layer = Layer(
        window,
        c=numbers.get("c"),
        g=numbers.get("g", 1),
        bias=switch("bias", "1"),
        name=values.get("name", ""),
    )
    return layer, repeat


def format_layer(layer: Layer) -> str:
    """Write a layer as `parse_layers` reads it, what is at its default left out."""
    window = layer.window
    words = [window.kind, f"f={format_sizes(window.f)}"]
    pooling = window.kind in ("maxpool", "avgpool")
    if window.s != (window.f if pooling else (1,)):
        words.append(f"s={format_sizes(window.s)}")
    if window.p != ((0, 0),):
        words.append(f"p={window.p if isinstance(window.p, str) else format_padding(window.p)}")
    words += [f"d={format_sizes(window.d)}"] * (window.d != (1,))
    words += [f"op={format_sizes(window.op)}"] * (window.op != (0,))
    words += [f"c={layer.c}"] * (layer.c is not None)
    words += [f"g={layer.g}"] * (layer.g != 1)
    words += ["bias=0"] * (not layer.bias) + ["ceil=1"] * window.ceil
    return " ".join(words)
