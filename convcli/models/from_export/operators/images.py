"""PyTorch's operators of images: layers with windows, padding, resizing, shuffled pixels."""

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.images import Upsampled
from convcli.geometry.network.operations.pooling import AdaptivePooled, Reduced
from convcli.geometry.network.operations.resize import Mode, simple_ratio
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_export.operators.shared import (
    Args,
    Operator,
    constant,
    each_axis,
    first,
    onnx,
)
from convcli.models.operators.facts import Unknown, rank


def _conv(a: Args) -> Applied:
    x, w, bias = a["input"], a["weight"], a.get("bias")
    dims = rank(w) - 2
    p = a.get("padding", [0])
    pads = None if isinstance(p, str) else each_axis(p, dims) * 2
    word = {"same": "SAME_UPPER", "valid": "VALID"}.get(p) if isinstance(p, str) else None
    transposed = a["op"].startswith("conv_transpose") or a.get("transposed") is True
    made = onnx(
        "ConvTranspose" if transposed else "Conv",
        _batched(x, rank(w)),
        w,
        bias,
        strides=each_axis(a.get("stride", [1]), dims),
        dilations=each_axis(a.get("dilation", [1]), dims),
        pads=pads,
        auto_pad=word,
        group=a.get("groups", 1),
        output_padding=each_axis(a.get("output_padding", [0]), dims) if transposed else None,
    )
    return _unbatched(made, x, rank(w))


def _batched(x: Tensor, count: int) -> Tensor:
    """Give an image a batch of one, if it has none."""
    return x if rank(x) == count else onnx("Unsqueeze", x, axes=[0]).outputs[0]


def _unbatched(made: Applied, x: Tensor, count: int) -> Applied:
    if rank(x) == count:
        return made
    outputs = [onnx("Squeeze", output, axes=[0]).outputs[0] for output in made.outputs]
    return made._replace(outputs=tuple(outputs))


def _pool(a: Args) -> Applied:
    x, name = first(a), a["op"]
    dims = int(name.partition("pool")[2][0])
    f = each_axis(a["kernel_size"], dims)
    made = onnx(
        "MaxPool" if name.startswith("max") else "AveragePool",
        _batched(x, dims + 2),
        outputs=1 + name.endswith("indices"),
        kernel_shape=f,
        strides=each_axis(a.get("stride") or f, dims),
        pads=each_axis(a.get("padding", [0]), dims) * 2,
        dilations=each_axis(a.get("dilation", [1]), dims),
        ceil_mode=int(a.get("ceil_mode", False)),
    )
    return _unbatched(made, x, dims + 2)


def _adaptive(a: Args) -> Applied:
    x = first(a)
    dims = int(a["op"].partition("pool")[2][0])
    out = each_axis(a["output_size"], dims)
    if any(size is None for size in out):
        raise Unknown("it keeps some of the sizes")
    batched = _batched(x, dims + 2)
    if out == [1] * dims:
        made = Reduced(tuple(range(2, dims + 2))).apply((batched,))
    else:
        made = AdaptivePooled(tuple(out)).apply((batched,))
    places = 1 + ("max" in a["op"])  # of the maxima, besides
    return _unbatched(made._replace(outputs=made.outputs * places), x, dims + 2)


def _upsample(a: Args) -> Applied:
    x, name = first(a), a["op"]
    kind = name.removeprefix("_").removeprefix("upsample_")[:-2]
    if kind not in _MODES:
        raise Unknown("it resizes by another rule")
    sizes, scales = a.get("output_size"), a.get("scale_factors")
    ratios = () if sizes else [simple_ratio(float(scale)) for scale in scales]
    upsampled = Upsampled(
        tuple(sizes or ()), tuple(ratios), _MODES[kind], bool(a.get("align_corners"))
    )
    return upsampled.apply((x,))


_MODES: dict[str, Mode] = {
    "nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear",
    "bicubic": "cubic",
}  # fmt: skip


def _pad(a: Args) -> Applied:
    x = first(a)
    sides = a.get("pad", a.get("padding"))
    pairs = list(zip(sides[::2], sides[1::2], strict=True))[::-1]
    pairs = [(0, 0)] * (rank(x) - len(pairs)) + pairs
    kind = a.get("mode") or a["op"].partition("_pad")[0]
    pads = constant([*(b for b, _ in pairs), *(e for _, e in pairs)])
    return onnx("Pad", x, pads, mode=_BORDERS.get(kind, "constant"))


# ONNX's modes by PyTorch's, and by the names of its operators.
_BORDERS = {
    "reflect": "reflect", "reflection": "reflect", "replicate": "edge", "replication": "edge",
    "circular": "wrap",
}  # fmt: skip


def _shuffle(a: Args) -> Applied:
    return onnx("DepthToSpace", first(a), blocksize=a["upscale_factor"])


def _unshuffle(a: Args) -> Applied:
    return onnx("SpaceToDepth", first(a), blocksize=a["downscale_factor"])


def _channel_shuffle(a: Args) -> Applied:
    return onnx("Identity", first(a))  # the places stay


_POOLS = tuple(f"{kind}_pool{dims}d" for kind in ("max", "avg") for dims in (1, 2, 3))
_ADAPTIVE = tuple(f"adaptive_{kind}_pool{dims}d" for kind in ("avg", "max") for dims in (1, 2, 3))
_CONVS = tuple(f"{kind}{dims}d" for kind in ("conv", "conv_transpose") for dims in (1, 2, 3))
_UPSAMPLES = (
    *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d"),
    *("upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d"),
)

IMAGES: dict[str, Operator] = {
    **dict.fromkeys((*_CONVS, "convolution"), _conv),
    **dict.fromkeys(
        (*_POOLS, "max_pool2d_with_indices", "max_pool3d_with_indices"),
        _pool,
    ),
    **dict.fromkeys((*_ADAPTIVE, *(f"_{name}" for name in _ADAPTIVE)), _adaptive),
    **dict.fromkeys(_UPSAMPLES, _upsample),
    **dict.fromkeys(
        ("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d",
         "replication_pad1d", "replication_pad2d", "replication_pad3d"), _pad,
    ),
    "pixel_shuffle": _shuffle,
    "pixel_unshuffle": _unshuffle,
    "channel_shuffle": _channel_shuffle,
}  # fmt: skip
