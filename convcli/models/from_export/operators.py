"""PyTorch's operators, each mapped to the ONNX operator that does the same."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.images import Upsampled
from convcli.geometry.network.operations.indexing import Picked, Sliced
from convcli.geometry.network.operations.joins import Concatenated
from convcli.geometry.network.operations.pooling import AdaptivePooled, Reduced
from convcli.geometry.network.operations.rearrange import Reshaped, Transposed
from convcli.geometry.network.operations.resize import Mode
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_export.einsum import einsum
from convcli.models.operators.attributes import Known
from convcli.models.operators.facts import Facts, Unknown, rank
from convcli.models.operators.images import simple_ratio
from convcli.models.operators.table import FOLLOWED

Args = Any  # a dictionary, by the names of arguments: tensors, numbers, text, lists
Operator = Callable[[Any], Applied]
_OPSET = 18


def _onnx(op: str, *inputs: Tensor | None, outputs: int = 1, **attrs: Any) -> Applied:
    """Follow an ONNX operator."""
    known = Known({name: value for name, value in attrs.items() if value is not None})
    return FOLLOWED[op](Facts(op, known, _OPSET, outputs, ""), *inputs)


def _constant(values: Iterable[Any], kind: type = np.int64) -> Tensor:
    """Make a tensor that is known ahead."""
    value: Any = np.array(list(values), kind)
    return Tensor(value.shape, (), 8, value)


def _spread(given: Any, dims: int) -> list[int]:
    values: list[int] = [given] if isinstance(given, int) else list(given)
    return values * dims if len(values) == 1 else values


# ---- images ----


def _conv(a: Args) -> Applied:
    x, w, bias = a["input"], a["weight"], a.get("bias")
    dims = rank(w) - 2
    p = a.get("padding", [0])
    pads = None if isinstance(p, str) else _spread(p, dims) * 2
    word = {"same": "SAME_UPPER", "valid": "VALID"}.get(p) if isinstance(p, str) else None
    transposed = a["op"].startswith("conv_transpose") or a.get("transposed") is True
    made = _onnx(
        "ConvTranspose" if transposed else "Conv",
        _batched(x, rank(w)),
        w,
        bias,
        strides=_spread(a.get("stride", [1]), dims),
        dilations=_spread(a.get("dilation", [1]), dims),
        pads=pads,
        auto_pad=word,
        group=a.get("groups", 1),
        output_padding=_spread(a.get("output_padding", [0]), dims) if transposed else None,
    )
    return _unbatched(made, x, rank(w))


def _batched(x: Tensor, count: int) -> Tensor:
    """Give an image a batch of one, if it has none."""
    return x if rank(x) == count else _onnx("Unsqueeze", x, axes=[0]).outputs[0]


def _unbatched(made: Applied, x: Tensor, count: int) -> Applied:
    if rank(x) == count:
        return made
    outputs = [_onnx("Squeeze", output, axes=[0]).outputs[0] for output in made.outputs]
    return made._replace(outputs=tuple(outputs))


def _pool(a: Args) -> Applied:
    x, name = _first(a), a["op"]
    dims = int(name.partition("pool")[2][0])
    f = _spread(a["kernel_size"], dims)
    made = _onnx(
        "MaxPool" if name.startswith("max") else "AveragePool",
        _batched(x, dims + 2),
        outputs=1 + name.endswith("indices"),
        kernel_shape=f,
        strides=_spread(a.get("stride") or f, dims),
        pads=_spread(a.get("padding", [0]), dims) * 2,
        dilations=_spread(a.get("dilation", [1]), dims),
        ceil_mode=int(a.get("ceil_mode", False)),
    )
    return _unbatched(made, x, dims + 2)


def _adaptive(a: Args) -> Applied:
    x = _first(a)
    dims = int(a["op"].partition("pool")[2][0])
    out = _spread(a["output_size"], dims)
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
    x, name = _first(a), a["op"]
    kind = name.removeprefix("_").removeprefix("upsample_")[:-2]
    if kind not in _MODES:
        raise Unknown("it resizes by another rule")
    sizes, scales = a.get("output_size"), a.get("scale_factors")
    ratios = () if sizes else [simple_ratio(float(scale)).as_integer_ratio() for scale in scales]
    upsampled = Upsampled(
        tuple(sizes or ()), tuple(ratios), _MODES[kind], bool(a.get("align_corners"))
    )
    return upsampled.apply((x,))


_MODES: dict[str, Mode] = {
    "nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear",
    "bicubic": "cubic",
}  # fmt: skip


def _pad(a: Args) -> Applied:
    x = _first(a)
    pairs = list(zip(a.get("pad", a.get("padding"))[::2], a.get("pad", a.get("padding"))[1::2],
                     strict=True))[::-1]  # fmt: skip
    pairs = [(0, 0)] * (rank(x) - len(pairs)) + pairs
    kind = a.get("mode") or a["op"].partition("_pad")[0]
    pads = _constant([*(b for b, _ in pairs), *(e for _, e in pairs)])
    return _onnx("Pad", x, pads, mode=_BORDERS.get(kind, "constant"))


# Pad modes of ONNX, by PyTorch's, and by the names of its operators.
_BORDERS = {
    "reflect": "reflect", "reflection": "reflect", "replicate": "edge", "replication": "edge",
    "circular": "wrap",
}  # fmt: skip


def _shuffle(a: Args) -> Applied:
    return _onnx("DepthToSpace", _first(a), blocksize=a["upscale_factor"])


def _unshuffle(a: Args) -> Applied:
    return _onnx("SpaceToDepth", _first(a), blocksize=a["downscale_factor"])


def _channel_shuffle(a: Args) -> Applied:
    return _onnx("Identity", _first(a))  # the places stay


# ---- arrays ----


def _first(a: Args) -> Tensor:
    x = a.get("self", a.get("input"))
    if not isinstance(x, Tensor):
        raise Unknown("it has no input")
    return x


def _pointwise(a: Args) -> Applied:
    return _onnx("Identity", _first(a))


def _layer_norm(a: Args) -> Applied:
    x = a["input"]
    return _onnx("LayerNormalization", x, axis=rank(x) - len(a["normalized_shape"]))


def _group_norm(a: Args) -> Applied:
    return _onnx("GroupNormalization", _first(a))


def _instance_norm(a: Args) -> Applied:
    if not a.get("use_input_stats", True):  # but those that were kept in training
        return _pointwise(a)
    return _onnx("InstanceNormalization", a["input"])


def _clamp(a: Args) -> Applied:
    limits = (a.get("min"), a.get("max"))
    return _joined(a) if any(isinstance(limit, Tensor) for limit in limits) else _pointwise(a)


def _joined(a: Args) -> Applied:
    tensors = [value for value in a.values() if isinstance(value, Tensor)]
    return _onnx("Add", *tensors)


def _cat(a: Args) -> Applied:
    tensors = [x for x in a["tensors"] if x.shape != (0,)]
    return Concatenated(a.get("dim", 0)).apply(tensors)


def _stack(a: Args) -> Applied:
    first = a["tensors"][0]
    axis = a.get("dim", 0) % (rank(first) + 1)
    lifted = [_onnx("Unsqueeze", x, axes=[axis]).outputs[0] for x in a["tensors"]]
    return Concatenated(axis).apply(lifted)


def _pieces(x: Tensor, axis: int, sizes: Sequence[int]) -> Applied:
    return _onnx("Split", x, _constant(sizes), axis=axis)


def _split(a: Args) -> Applied:
    x, axis = _first(a), a.get("dim", 0)
    sizes = a.get("split_size", a.get("split_sizes"))
    if isinstance(sizes, int):
        size = x.size(axis)
        sizes = [min(sizes, size - start) for start in range(0, size, sizes)]
    return _pieces(x, axis, sizes)


def _chunk(a: Args) -> Applied:
    x, axis = _first(a), a.get("dim", 0)
    size = x.size(axis)
    most = -(-size // a["chunks"])
    return _pieces(x, axis, [min(most, size - start) for start in range(0, size, most)])


def _unbind(a: Args) -> Applied:
    x, axis = _first(a), a.get("dim", 0)
    picked = [Picked(axis, i).apply((x,)).outputs[0] for i in range(x.size(axis))]
    return Applied(tuple(picked))


def _slice(a: Args) -> Applied:
    x = _first(a)
    start, end, step = a.get("start"), a.get("end"), a.get("step", 1)
    return Sliced(a.get("dim", 0), start, end, step).apply((x,))


def _narrow(a: Args) -> Applied:
    x = _first(a)
    start = a["start"] % x.size(a["dim"])
    return Sliced(a["dim"], start, start + a["length"]).apply((x,))


def _select(a: Args) -> Applied:
    return Picked(a["dim"], a["index"]).apply((_first(a),))


def _view(a: Args) -> Applied:
    return Reshaped(tuple(a.get("size", a.get("shape")))).apply((_first(a),))


def _flatten(a: Args) -> Applied:
    x = _first(a)
    first, last = a.get("start_dim", 0) % rank(x), a.get("end_dim", -1) % rank(x)
    return Reshaped((*_sizes(x)[:first], -1, *_sizes(x)[last + 1 :])).apply((x,))


def _unflatten(a: Args) -> Applied:
    x = _first(a)
    axis = a["dim"] % rank(x)
    return Reshaped((*_sizes(x)[:axis], *a["sizes"], *_sizes(x)[axis + 1 :])).apply((x,))


def _sizes(x: Tensor) -> tuple[int, ...]:
    return tuple([x.size(axis) for axis in range(rank(x))])


def _squeeze(a: Args) -> Applied:
    x, dims = _first(a), a.get("dim")
    if dims is None:
        return _onnx("Squeeze", x)
    axes = [axis % rank(x) for axis in ([dims] if isinstance(dims, int) else dims)]
    axes = [axis for axis in axes if x.shape[axis] == 1]
    return _onnx("Squeeze", x, _constant(axes))


def _unsqueeze(a: Args) -> Applied:
    return _onnx("Unsqueeze", _first(a), axes=[a["dim"]])


def _permute(a: Args) -> Applied:
    x = _first(a)
    return Transposed(tuple(axis % rank(x) for axis in a["dims"])).apply((x,))


def _transpose(a: Args) -> Applied:
    x = _first(a)
    order = list(range(rank(x)))
    one, other = (a.get(f"dim{i}", a.get(f"axis{i}", min(i, rank(x) - 1))) for i in (0, 1))
    order[one], order[other] = order[other], order[one]
    return Transposed(tuple(order)).apply((x,))


def _movedim(a: Args) -> Applied:
    x = _first(a)
    sources, places = (
        [axis % rank(x) for axis in _spread(a[key], 1)] for key in ("source", "destination")
    )
    moved = dict(zip(places, sources, strict=True))
    rest = iter([axis for axis in range(rank(x)) if axis not in sources])
    order = [moved[place] if place in moved else next(rest) for place in range(rank(x))]
    return Transposed(tuple(order)).apply((x,))


def _flip(a: Args) -> Applied:
    made = Applied((_first(a),))
    for axis in a["dims"]:
        made = Sliced(axis, step=-1).apply(made.outputs)
    return made


def _index(a: Args) -> Applied:
    """Take the rows of one axis that a tensor lists."""
    given = [(axis, index) for axis, index in enumerate(a["indices"]) if index is not None]
    if len(given) != 1:
        raise Unknown("it takes numbers by several lists")
    ((axis, index),) = given
    return _onnx("Gather", _first(a), index, axis=axis)


def _einsum(a: Args) -> Applied:
    return einsum(a["equation"], a["tensors"])


def _expand_as(a: Args) -> Applied:
    return _onnx("Expand", _first(a), _constant(_sizes(a["other"])))


def _expand(a: Args) -> Applied:
    x, sizes = _first(a), a["size"]
    more = len(sizes) - rank(x)
    wanted = [x.shape[i - more] if n == -1 else n for i, n in enumerate(sizes)]
    return _onnx("Expand", x, _constant(wanted))


def _repeat(a: Args) -> Applied:
    x, counts = _first(a), a["repeats"]
    x = Reshaped((1,) * (len(counts) - rank(x)) + _sizes(x)).apply((x,)).outputs[0]
    return _onnx("Tile", x, _constant(counts))


def _linear(a: Args) -> Applied:
    x, w, bias = a["input"], a["weight"], a.get("bias")
    turned = _onnx("Transpose", w, perm=[1, 0]).outputs[0]
    made = _onnx("MatMul", x, turned)
    return made if bias is None or made.costs is None else _biased(made)


def _biased(made: Applied) -> Applied:
    costs, elements = made.costs, made.outputs[0].elements
    if costs is None or elements is None:
        return made
    return made._replace(costs=costs._replace(flops=costs.flops + elements))


def _addmm(a: Args) -> Applied:
    return _biased(_onnx("MatMul", a["mat1"], a["mat2"]))


def _matmul(a: Args) -> Applied:
    return _onnx("MatMul", _first(a), a.get("other", a.get("mat2")))


def _softmax(a: Args) -> Applied:
    return _onnx("Softmax", _first(a), axis=a["dim"])


def _reduce(a: Args) -> Applied:
    x = _first(a)
    dims = a.get("dim")
    axes = range(rank(x)) if dims in (None, []) else [dims] if isinstance(dims, int) else dims
    return Reduced(tuple(axes), bool(a.get("keepdim", False))).apply((x,))


def _reduce_pair(a: Args) -> Applied:
    if "other" in a:  # the larger of two numbers
        return _joined(a)
    made = _reduce(a)
    return made if "dim" not in a else made._replace(outputs=made.outputs * 2)


def _attention(a: Args) -> Applied:
    """Every query reads every key and value."""
    if a.get("enable_gqa"):
        raise Unknown("groups of queries share their keys")
    scores = _onnx("MatMul", a["query"], _turned(a["key"]))
    weighted = _onnx("MatMul", scores.outputs[0], a["value"])
    if scores.costs is None or weighted.costs is None:
        return weighted
    costs = weighted.costs
    total = costs._replace(
        macs=costs.macs + scores.costs.macs, flops=costs.flops + scores.costs.flops
    )
    return weighted._replace(costs=total)


def _turned(x: Tensor) -> Tensor:
    order = list(range(rank(x)))
    order[-1], order[-2] = order[-2], order[-1]
    return Transposed(tuple(order)).apply((x,)).outputs[0]


def _roll(a: Args) -> Applied:
    made = Applied((_first(a),))
    if not a.get("dims"):
        raise Unknown("it rolls all numbers as one line")
    for shift, axis in zip(a["shifts"], a["dims"], strict=True):
        x = made.outputs[0]
        start = -shift % x.size(axis)
        if start:
            parts = [Sliced(axis, start).apply((x,)), Sliced(axis, 0, start).apply((x,))]
            made = Concatenated(axis).apply([part.outputs[0] for part in parts])
    return made


def _filled(a: Args) -> Applied:
    """Make numbers that are the same for every image."""
    like = a.get("self")
    return Applied((Tensor(tuple(a["size"]) if "size" in a else like.shape),))


def _size(a: Args) -> Applied:
    value = np.array(_first(a).size(a["dim"]), np.int64)
    return Applied((Tensor((), (), 8, value),))


_POINTWISE = (
    *("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "silu", "sigmoid", "tanh", "gelu"),
    *("leaky_relu", "elu", "selu", "celu", "mish", "softplus"),
    *("dropout", "feature_dropout", "alpha_dropout", "native_dropout", "clone", "contiguous"),
    *("alias", "detach", "detach_", "lift_fresh_copy", "to", "_to_copy", "type_as", "exp", "log"),
    *("sqrt", "rsqrt", "neg", "abs", "sin", "cos", "erf", "floor", "ceil", "round", "sign"),
    *("reciprocal", "square", "prelu", "_prelu_kernel", "logical_not", "bitwise_not", "expm1"),
    *("log1p", "softsign", "hardshrink", "softshrink", "threshold", "rrelu", "isnan", "isinf"),
)
_JOINED = (
    *("add", "sub", "rsub", "mul", "div", "pow", "maximum", "minimum", "where", "remainder"),
    *("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "masked_fill", "atan2"),
    *("floor_divide", "fmod", "bitwise_and", "bitwise_or"),
)
_POOLS = tuple(f"{kind}_pool{dims}d" for kind in ("max", "avg") for dims in (1, 2, 3))
_ADAPTIVE = tuple(f"adaptive_{kind}_pool{dims}d" for kind in ("avg", "max") for dims in (1, 2, 3))
_CONVS = tuple(f"{kind}{dims}d" for kind in ("conv", "conv_transpose") for dims in (1, 2, 3))
_UPSAMPLES = (
    *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d"),
    *("upsample_bilinear2d", "upsample_bicubic2d", "upsample_trilinear3d"),
)

OPERATORS: dict[str, Operator] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_JOINED, _joined),
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
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _pointwise),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), _layer_norm),
    **dict.fromkeys(("group_norm", "native_group_norm"), _group_norm),
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _view),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t"), _transpose),
    **dict.fromkeys(("matmul", "mm", "bmm"), _matmul),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax"), _softmax),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "prod", "var", "std", "argmax", "any", "all",
                     "linalg_vector_norm"),
                    _reduce),
    **dict.fromkeys(("max", "min"), _reduce_pair),
    **dict.fromkeys(
        [name.format(word) for word in ("zeros", "ones", "full", "empty")
         for name in ("{}", "{}_like", "new_{}")], _filled),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max"), _clamp),
    "instance_norm": _instance_norm,
    "roll": _roll,
    "pixel_shuffle": _shuffle,
    "pixel_unshuffle": _unshuffle,
    "channel_shuffle": _channel_shuffle,
    "cat": _cat,
    "stack": _stack,
    "chunk": _chunk,
    "unbind": _unbind,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    "movedim": _movedim,
    "mT": lambda a: Applied((_turned(_first(a)),)),
    "flip": _flip,
    "index": _index,
    "einsum": _einsum,
    "expand": _expand,
    "expand_as": _expand_as,
    "repeat": _repeat,
    "linear": _linear,
    "addmm": _addmm,
    "scaled_dot_product_attention": _attention,
    "sym_size": _size,
}  # fmt: skip
