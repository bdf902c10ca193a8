"""The kinds of layers that a text can have, and the operation that each one is."""

from collections.abc import Callable
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.operation import Operation
from convcli.geometry.network.operations import images
from convcli.geometry.network.operations.dense import Dense
from convcli.geometry.network.operations.joins import Concatenated, Elementwise
from convcli.geometry.network.operations.pointwise import Pointwise
from convcli.geometry.network.operations.pooling import AdaptivePooled, Normalized, Reduced
from convcli.geometry.network.operations.rearrange import DepthToSpace, Flattened, SpaceToDepth
from convcli.geometry.network.operations.resize import Mode
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.text.layer_text import (
    make_layer,
    read_number,
    read_sizes,
    read_switch,
    split_kind,
)
from convcli.geometry.text.notation import parse_only_padding
from convcli.geometry.text.pytorch_text import Words

EVERY_KEY = ("from", "name", "repeat")
_WINDOW = ("f", "s", "p", "d", "g", "c", "c_in", "op", "bias", "ceil")
_POINTWISE = (
    *("relu", "relu6", "leakyrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid"),
    *("tanh", "hardswish", "hardsigmoid", "hardtanh", "softplus", "softmax", "identity"),
)
_MODES: dict[str, Mode] = {
    "nearest": "nearest",
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "linear"),
    **dict.fromkeys(("cubic", "bicubic"), "cubic"),
}


class Kind(NamedTuple):
    """A kind of layer: its keys, and how its operation is made of their values.

    A layer of a kind that `joins` reads those named by ``with`` (or ``like``) too.
    """

    keys: tuple[str, ...]
    make: Callable[[Words, str], Operation]
    joins: str | None = None


def _window(words: Words, where: str) -> Operation:
    return Windowed(make_layer(words, where), depthwise=words.values.get("g") == "c")


def _batch_norm(words: Words, where: str) -> Operation:
    affine = read_switch(words, "affine", "1", where)
    return Pointwise(per_channel=2 if affine else 0, c_in=_kept_channels(words, where))


def _kept_channels(words: Words, where: str) -> int | None:
    """Read the channels of a layer that keeps them, by either of their names."""
    c, c_in = read_number(words, "c", where), read_number(words, "c_in", where)
    if c_in is None:
        c_in = c
    if c not in (None, c_in):
        raise UsageError(
            f"{where}: output channels {c} must equal input channels {c_in} of {words.kind}; "
            f"write c={c_in}"
        )
    if c_in is not None and c_in < 1:
        raise UsageError(f"{where}: c={c_in} must be 1 or more; write c=64 or another")
    return c_in


def _group_norm(words: Words, where: str) -> Operation:
    affine = read_switch(words, "affine", "1", where)
    g = read_number(words, "g", where)
    return Normalized(per_channel=2 if affine else 0, groups=1 if g is None else g)


def _instance_norm(words: Words, where: str) -> Operation:
    affine = read_switch(words, "affine", "0", where)
    return Normalized(per_channel=2 if affine else 0)


def _prelu(words: Words, where: str) -> Operation:
    """Read a layer with one parameter for all channels, or one for each."""
    c = _kept_channels(words, where)
    return Pointwise(params=1) if c in (None, 1) else Pointwise(per_channel=1, c_in=c)


def _dropout(words: Words, where: str) -> Operation:
    """Check a share of numbers, which changes no size."""
    text = words.values.get("p", "0.5")
    try:
        is_share = 0 <= float(text) <= 1
    except ValueError:
        is_share = False
    if not is_share:
        raise UsageError(f"{where}: p={text} must be a number from 0 to 1; write p=0.5")
    return Pointwise()


def _linear(words: Words, where: str) -> Operation:
    c = read_number(words, "c", where)
    if c is None:
        raise UsageError(f"{where}: linear has no number of outputs; add c=1000 or another")
    c_in, bias = read_number(words, "c_in", where), read_switch(words, "bias", "1", where)
    return Dense(c, bias, flat=True, c_in=c_in)


def _adaptive(words: Words, where: str) -> Operation:
    if "out" not in words.values:
        raise UsageError(f"{where}: {words.kind} has no output size; add out=1 or another")
    return AdaptivePooled(read_sizes(words, "out", "", where))


def _upsample(words: Words, where: str) -> Operation:
    values = words.values
    if ("scale" in values) == ("out" in values):
        raise UsageError(f"{where}: upsample needs a scale or a size; write scale=2 or out=64")
    mode = values.get("mode", "nearest")
    if mode not in _MODES:
        raise UsageError(f"{where}: mode={mode} is not a mode; write one of {', '.join(_MODES)}")
    align = read_switch(words, "align", "0", where)
    if "out" in values:
        return images.Upsampled(
            sizes=read_sizes(words, "out", "", where), mode=_MODES[mode], align=align
        )
    scales = tuple([_ratio(scale, where) for scale in values["scale"].split("x")])
    return images.Upsampled(scales=scales, mode=_MODES[mode], align=align)


def _ratio(text: str, where: str) -> tuple[int, int]:
    """Read a scale such as ``2``, ``1.5`` or ``1/2`` as a fraction."""
    over = 1
    numerator, slash, denominator = text.partition("/")
    whole, dot, part = numerator.partition(".")
    if dot:
        numerator, over = whole + part, 10 ** len(part)
    digits = (numerator, denominator) if slash else (numerator,)
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in digits):
        raise UsageError(f"{where}: scale={text} is not a number; write such as scale=2 or 1.5")
    up, down = int(numerator), over * int(denominator or 1)
    if not up or not down:
        raise UsageError(f"{where}: scale={text} must be more than 0; write such as scale=2")
    return up, down


def _pad(words: Words, where: str) -> Operation:
    return images.Framed(_padding(words, where), sign=1)


def _crop(words: Words, where: str) -> Operation:
    ways = [key for key in ("p", "out", "like") if key in words.values]
    if len(ways) != 1:
        raise UsageError(
            f"{where}: crop needs one of p, out and like; write p=2, out=56 or like=NAME"
        )
    if ways == ["p"]:
        return images.Framed(_padding(words, where), sign=-1)
    if ways == ["out"]:
        return images.Cropped(read_sizes(words, "out", "", where))
    return images.Cropped()


def _padding(words: Words, where: str) -> tuple[tuple[int, int], ...]:
    p = parse_only_padding(f"{where}: p", words.values.get("p", "0"))
    if isinstance(p, str):
        raise UsageError(f"{where}: p={p} must be a number here; write such as p=1 or p=0:1")
    return p


def _scale_of(words: Words, where: str) -> int:
    scale = read_number(words, "scale", where)
    if scale is None or scale < 1:
        raise UsageError(f"{where}: {words.kind} needs a scale of 1 or more; write scale=2")
    return scale


def _free(operation: Operation) -> Callable[[Words, str], Operation]:
    return lambda _words, _where: operation


KINDS: dict[str, Kind] = {
    **dict.fromkeys(("conv", "convt", "maxpool", "avgpool"), Kind(_WINDOW, _window)),
    **dict.fromkeys(_POINTWISE, Kind((), _free(Pointwise()))),
    "dropout": Kind(("p",), _dropout),
    "prelu": Kind(("c",), _prelu),
    "bn": Kind(("affine", "c", "c_in"), _batch_norm),
    "ln": Kind(("affine", "c", "c_in"), _batch_norm),
    "gn": Kind(("affine", "g"), _group_norm),
    "instancenorm": Kind(("affine",), _instance_norm),
    "scale": Kind((), _free(Pointwise(per_channel=1))),
    "linear": Kind(("c", "c_in", "bias"), _linear),
    "flatten": Kind((), _free(Flattened())),
    **dict.fromkeys(("globalavgpool", "globalmaxpool"), Kind((), _free(Reduced()))),
    **dict.fromkeys(("adaptiveavgpool", "adaptivemaxpool"), Kind(("out",), _adaptive)),
    "upsample": Kind(("scale", "out", "mode", "align"), _upsample),
    "pixelshuffle": Kind(("scale",), lambda w, at: DepthToSpace(_scale_of(w, at))),
    "pixelunshuffle": Kind(("scale",), lambda w, at: SpaceToDepth(_scale_of(w, at))),
    "pad": Kind(("p",), _pad),
    "crop": Kind(("p", "out", "like"), _crop, joins="like"),
    **dict.fromkeys(("add", "mul", "sub"), Kind(("with",), _free(Elementwise()), joins="with")),
    "concat": Kind(("with",), _free(Concatenated()), joins="with"),
}


def find_kind(word: str) -> tuple[str, Kind] | None:
    """Find a kind by its word, which may end in the number of axes, such as ``bn2d``."""
    name, _ = split_kind(word)
    return (name, KINDS[name]) if name in KINDS else None


def layer_text(words: Words) -> str:
    """Write a layer without a window as a text has it, without its name and place."""
    kind, _ = split_kind(words.kind)
    pairs = [f"{key}={value}" for key, value in words.values.items() if key not in EVERY_KEY]
    return " ".join([kind, *pairs])
