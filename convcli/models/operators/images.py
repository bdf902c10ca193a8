"""ONNX operators on images: convolutions, pooling, padding, resizing."""

from typing import cast

import numpy as np

from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.indexing import Padded
from convcli.geometry.network.operations.mixed import Mixed
from convcli.geometry.network.operations.pooling import Reduced
from convcli.geometry.network.operations.rearrange import DepthToSpace, SpaceToDepth
from convcli.geometry.network.operations.resize import (
    Coordinates,
    Mode,
    Resized,
    Rounding,
    simple_ratio,
)
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.network.tensor import Tensor
from convcli.geometry.window.axis import Kind
from convcli.models.operators.facts import Facts, Follow, Input, Unknown, array, integers, rank
from convcli.models.operators.windows import padded, window_of


def _conv(facts: Facts, x: Tensor, w: Tensor, bias: Input = None, *_rest: Input) -> Applied:
    kind: Kind = "convt" if facts.op == "ConvTranspose" else "conv"
    g = facts.attrs.integer("group", 1)
    sizes = tuple(n or 0 for n in w.shape)
    window = window_of(facts.attrs, sizes[2:], kind)
    n = tuple(size or 0 for size in x.shape[2:])
    transposed = kind == "convt"
    layer = Layer(
        padded(window, facts.attrs, facts.called, n) or window,
        c=sizes[1] * g if transposed else sizes[0],
        g=g,
        bias=bias is not None,
        c_in=sizes[0] if transposed else sizes[1] * g,
    )
    return Windowed(layer).apply((x,))


def _qlinear_conv(facts: Facts, x: Tensor, *rest: Input) -> Applied:
    w, bias = rest[2], rest[7] if len(rest) > 7 else None
    assert w is not None
    return _conv(facts, x, w, bias)


def _conv_integer(facts: Facts, x: Tensor, w: Tensor, *_rest: Input) -> Applied:
    made = _conv(facts, x, w)
    return made._replace(outputs=(made.outputs[0]._replace(itemsize=4),))


def _pool(facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    kind: Kind = "avgpool" if facts.op == "AveragePool" else "maxpool"
    window = window_of(facts.attrs, facts.attrs.integers("kernel_shape"), kind)
    n = tuple(size or 0 for size in x.shape[2:])
    window = padded(window, facts.attrs, facts.called, n) or window
    ceil = facts.attrs.integer("ceil_mode", 0) == 1
    applied = Windowed(Layer(window._replace(ceil=ceil))).apply((x,))
    return applied._replace(outputs=applied.outputs * facts.outputs)  # and the places of maxima


def _global_pool(_facts: Facts, x: Tensor) -> Applied:
    return Reduced(tuple(range(2, rank(x)))).apply((x,))


def _qlinear_global_pool(facts: Facts, x: Tensor, *_scales: Input) -> Applied:
    if facts.attrs.integer("channels_last", 0):
        raise Unknown("it has the channels last")
    return _global_pool(facts, x)


# Pad modes by their names in ONNX.
_BORDERS = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(
    facts: Facts, x: Tensor, pads: Input = None, _value: Input = None, axes: Input = None
) -> Applied:
    found = integers(pads, "padding") or facts.attrs.integers(
        "pads", facts.attrs.integers("paddings")
    )
    half = len(found) // 2
    on = integers(axes, "axes") or range(half)
    sides = zip(on, found[:half], found[half:], strict=False)
    moved = tuple((axis % rank(x), b, e) for axis, b, e in sides if b or e)
    mode = facts.attrs.text("mode", "constant")
    if mode not in _BORDERS:
        raise Unknown(f"it pads by mode {mode}")
    return Padded(moved, _BORDERS[mode]).apply((x,))


def _depth_to_space(facts: Facts, x: Tensor) -> Applied:
    return DepthToSpace(facts.attrs.integer("blocksize", 1)).apply((x,))


def _space_to_depth(facts: Facts, x: Tensor) -> Applied:
    return SpaceToDepth(facts.attrs.integer("blocksize", 1)).apply((x,))


# ---- resizing ----

_MODES: dict[str, Mode] = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}
_COORDINATES: dict[str, Coordinates] = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "pytorch_half_pixel",
    "half_pixel_symmetric": "half_pixel_symmetric",
    "asymmetric": "asymmetric",
    "align_corners": "align_corners",
    "tf_half_pixel_for_nn": "tf_half_pixel_for_nn",
}
_ROUNDINGS = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def _upsample(facts: Facts, x: Tensor, scales: Input = None) -> Applied:
    mode = facts.attrs.text("mode", "nearest")
    values = facts.attrs.numbers("scales") if scales is None else array(scales, "scale").tolist()
    mode = "linear" if mode in ("bilinear", "linear") else mode
    return _scaled(x, tuple(range(rank(x))), tuple(values), (mode, "asymmetric", "floor"))


def _resize(facts: Facts, x: Tensor, *rest: Input) -> Applied:
    attrs, opset = facts.attrs, facts.opset
    _roi, scales, sizes = (*rest, None, None, None)[:3] if opset > 10 else (None, rest[0], None)
    way = attrs.text("mode", "nearest"), "asymmetric", "floor"
    if opset > 10:
        coordinates = attrs.text("coordinate_transformation_mode", "half_pixel")
        way = (way[0], coordinates, attrs.text("nearest_mode", "round_prefer_floor"))
    if attrs.integer("antialias", 0) or way[1] not in _COORDINATES:
        raise Unknown(f"it resizes with {'antialias' if way[1] in _COORDINATES else way[1]}")
    axes = tuple(a % rank(x) for a in attrs.integers("axes", tuple(range(rank(x)))))
    wanted = integers(sizes, "size")
    if wanted:
        if attrs.text("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise Unknown("it keeps the aspect ratio of the image")
        changed = tuple((a, n) for a, n in zip(axes, wanted, strict=True) if n != x.shape[a])
        return _resized(x, way, sizes=changed)
    if scales is None:
        raise Unknown("it has neither scales nor sizes")
    return _scaled(x, axes, tuple(array(scales, "scale").ravel().tolist()), way)


def _scaled(
    x: Tensor, axes: tuple[int, ...], scales: tuple[float, ...], way: tuple[str, str, str]
) -> Applied:
    changed = []
    for axis, scale in zip(axes, scales, strict=True):
        if scale == 1:
            continue
        ratio = simple_ratio(scale)
        out = int(np.float32(scale) * np.float32(x.size(axis)))
        changed.append((axis, out, ratio.numerator, ratio.denominator))
    return _resized(x, way, scales=tuple(changed))


def _resized(
    x: Tensor,
    way: tuple[str, str, str],
    sizes: tuple[tuple[int, int], ...] = (),
    scales: tuple[tuple[int, int, int, int], ...] = (),
) -> Applied:
    mode, coordinates, rounding = way
    if mode not in _MODES or rounding not in _ROUNDINGS:
        raise Unknown(f"it resizes by mode {mode} with {rounding}")
    return Resized(
        sizes, scales, _MODES[mode], _COORDINATES[coordinates], cast(Rounding, rounding)
    ).apply((x,))


# ---- normalization over the image ----


def _instance_norm(_facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    return Mixed(tuple(range(2, rank(x)))).apply((x,))


def _group_norm(_facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    return Mixed(tuple(range(1, rank(x)))).apply((x,))


FOLLOWED: dict[str, Follow] = {
    "Conv": _conv,
    "ConvTranspose": _conv,
    "FusedConv": _conv,
    "QLinearConv": _qlinear_conv,
    "ConvInteger": _conv_integer,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), _global_pool),
    "QLinearGlobalAveragePool": _qlinear_global_pool,
    "Pad": _pad,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _upsample,
    "Resize": _resize,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
}
