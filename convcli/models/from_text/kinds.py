"""The kinds of layers that a text can have, and the operation that each one is."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.operation import Operation
from convcli.geometry.network.operations import images
from convcli.geometry.network.operations.ambiguous import Ambiguous
from convcli.geometry.network.operations.dense import Dense
from convcli.geometry.network.operations.joins import Concatenated, Elementwise
from convcli.geometry.network.operations.mixed import Mixed
from convcli.geometry.network.operations.pointwise import Pointwise
from convcli.geometry.network.operations.pooling import AdaptivePooled, Normalized, Reduced
from convcli.geometry.network.operations.rearrange import DepthToSpace, Flattened, SpaceToDepth
from convcli.geometry.network.operations.resize import Mode, simple_ratio
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.text.layer_text import (
    Words,
    make_layer,
    read_number,
    read_sizes,
    read_switch,
    split_kind,
)
from convcli.geometry.text.notation import parse_only_padding
from convcli.geometry.text.pytorch_table import POINTWISE
from convcli.geometry.window.pad_modes import parse_pad_mode

if TYPE_CHECKING:
    from fractions import Fraction

EVERY_KEY = ("from", "name", "repeat")
_WINDOW = ("f", "s", "p", "d", "g", "c", "c_in", "op", "bias", "ceil")
_SCALE = re.compile(
    r"[0-9]{1,9}(?:/[0-9]{1,9})?|(?:[0-9]{1,9}\.[0-9]{0,20}|\.[0-9]{1,20})(?:e-[0-9]{1,2})?",
    re.ASCII,
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
    layer = make_layer(words, where)
    windowed = Windowed(layer, depthwise=words.values.get("g") == "c")
    window = layer.window
    if words.printed and window.kind == "avgpool" and "ceil" not in words.values:
        return Ambiguous(
            windowed,
            Windowed(layer._replace(window=window._replace(ceil=True))),
            "a printed AvgPool does not say its ceil_mode, which is taken as False; write "
            "ceil_mode=True if it is that",
        )
    return windowed


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
    return Normalized(2 if affine else 0, 1 if g is None else g, _kept_channels(words, where))


def _instance_norm(words: Words, where: str) -> Operation:
    affine = read_switch(words, "affine", "0", where)
    return Normalized(2 if affine else 0, c_in=_kept_channels(words, where))


def _softmax(words: Words, where: str) -> Operation:
    dim = read_number(words, "dim", where)
    return Mixed((1 if dim is None else dim,))


def _shuffle(words: Words, where: str) -> Operation:
    """Read a layer that puts channels in another order, which changes no places."""
    g = read_number(words, "g", where)
    if g is None:
        raise UsageError(f"{where}: {words.kind} has no number of groups; add g=2 or another")
    return Pointwise(groups=g)


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
    dense = Dense(c, bias, flat=True, c_in=c_in)
    if words.in_pytorch and not words.unordered:
        return Ambiguous(
            dense,
            dense._replace(flat=False),
            "nn.Linear reads all numbers of its input here, and in PyTorch those of the last axis; "
            "write nn.Flatten() before it",
        )
    return dense


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
    resized = images.Upsampled(
        mode=_MODES[mode],
        align=read_switch(words, "align", "0", where),
        recompute=read_switch(words, "recompute", "0", where),
    )
    if "out" in values:
        resized = resized._replace(sizes=read_sizes(words, "out", "", where))
    else:
        scales = tuple([_ratio(scale, where) for scale in values["scale"].split("x")])
        resized = resized._replace(scales=scales)
    if words.printed and "align" not in values and resized.mode != "nearest":
        return Ambiguous(
            resized,
            resized._replace(align=True),
            "a printed Upsample does not say its align_corners, which is taken as False; write "
            "align_corners=True if it is that",
        )
    return resized


def _ratio(text: str, where: str) -> "Fraction":
    """Read a scale such as ``2``, ``1.5`` or ``1/2`` as a fraction."""
    from fractions import Fraction  # noqa: PLC0415  for few layers

    if not _SCALE.fullmatch(text):
        raise UsageError(f"{where}: scale={text} is not a number; write such as scale=2 or 1.5")
    numerator, _, denominator = text.partition("/")
    if not float(numerator) or not int(denominator or 1):
        raise UsageError(f"{where}: scale={text} must be more than 0; write such as scale=2")
    return simple_ratio(Fraction(numerator) / int(denominator or 1))


def _pad(words: Words, where: str) -> Operation:
    mode = parse_pad_mode(words.values.get("mode", "zeros"), f"{where}: mode")
    return images.Framed(_padding(words, where), mode=mode)


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
    **dict.fromkeys(map(str.lower, POINTWISE), Kind((), _free(Pointwise()))),
    "softmax": Kind(("dim",), _softmax),
    "channelshuffle": Kind(("g",), _shuffle),
    "dropout": Kind(("p",), _dropout),
    "prelu": Kind(("c",), _prelu),
    "bn": Kind(("affine", "c", "c_in"), _batch_norm),
    "ln": Kind(("affine", "c", "c_in"), _batch_norm),
    "gn": Kind(("affine", "g", "c", "c_in"), _group_norm),
    "instancenorm": Kind(("affine", "c", "c_in"), _instance_norm),
    "scale": Kind((), _free(Pointwise(per_channel=1))),
    "linear": Kind(("c", "c_in", "bias"), _linear),
    "flatten": Kind((), _free(Flattened())),
    **dict.fromkeys(("globalavgpool", "globalmaxpool"), Kind((), _free(Reduced()))),
    **dict.fromkeys(("adaptiveavgpool", "adaptivemaxpool"), Kind(("out",), _adaptive)),
    "upsample": Kind(("scale", "out", "mode", "align", "recompute"), _upsample),
    "pixelshuffle": Kind(("scale",), lambda w, at: DepthToSpace(_scale_of(w, at))),
    "pixelunshuffle": Kind(("scale",), lambda w, at: SpaceToDepth(_scale_of(w, at))),
    "pad": Kind(("p", "mode"), _pad),
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
