"""ONNX operators on arrays of any axes: elementwise, joins, parts, products, reductions."""

from math import prod

import numpy as np

from convcli.errors import DoesNotFit
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.dense import Dense, Multiplied
from convcli.geometry.network.operations.indexing import Picked, Sliced, Split
from convcli.geometry.network.operations.joins import Concatenated, Elementwise
from convcli.geometry.network.operations.mixed import Mixed
from convcli.geometry.network.operations.pointwise import Pointwise
from convcli.geometry.network.operations.pooling import Reduced
from convcli.geometry.network.operations.rearrange import (
    Reshaped,
    Squeezed,
    Transposed,
    Unsqueezed,
    reshape,
)
from convcli.geometry.network.tensor import Tensor, product
from convcli.models.operators.facts import Facts, Follow, Input, Unknown, axes_of, integers, rank
from convcli.models.operators.values import clamped_slice

# ---- elementwise ----


def _pointwise(facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    applied = Pointwise().apply((x,))
    return applied._replace(outputs=applied.outputs * facts.outputs)


def _cast(facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    from onnx import helper  # noqa: PLC0415  it is there: the model has been read

    try:
        itemsize = np.dtype(helper.tensor_dtype_to_np_dtype(facts.attrs.integer("to", 1))).itemsize
    except KeyError:
        raise Unknown("it casts to a type that the library does not know") from None
    return Pointwise(itemsize=max(itemsize, 1)).apply((x,))


def _quantize(_facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    return Pointwise(itemsize=1).apply((x,))


def _dequantize(_facts: Facts, x: Tensor, scale: Tensor, *_rest: Input) -> Applied:
    return Pointwise(itemsize=scale.itemsize).apply((x,))


def _elementwise(_facts: Facts, *inputs: Input) -> Applied:
    found = [x for x in inputs if x is not None]
    found.sort(key=lambda x: not x.tracks)  # the type of the data, not that of a constant
    return Elementwise().apply(found)


def _qlinear_elementwise(facts: Facts, a: Input, *rest: Input) -> Applied:
    return _elementwise(facts, a, rest[2])  # between them are scales and zero points


def _compared(facts: Facts, *inputs: Input) -> Applied:
    applied = _elementwise(facts, *inputs)
    return applied._replace(outputs=(applied.outputs[0]._replace(itemsize=1),))


def _chosen(facts: Facts, condition: Tensor, a: Tensor, b: Tensor) -> Applied:
    applied = _elementwise(facts, a, b, condition)
    return applied._replace(outputs=(applied.outputs[0]._replace(itemsize=a.itemsize),))


def _softmax(facts: Facts, x: Tensor) -> Applied:
    old = facts.opset < 13  # then over this axis and all that follow
    axis = facts.attrs.integer("axis", 1 if old else -1) % max(rank(x), 1)
    return Mixed(tuple(range(axis, rank(x))) if old else (axis,)).apply((x,))


def _layer_norm(facts: Facts, x: Tensor, *_rest: Input) -> Applied:
    axis = facts.attrs.integer("axis", -1) % max(rank(x), 1)
    applied = Mixed(tuple(range(axis, rank(x)))).apply((x,))
    return applied._replace(outputs=applied.outputs * facts.outputs)


def _lp_norm(facts: Facts, x: Tensor) -> Applied:
    return Mixed((facts.attrs.integer("axis", -1),)).apply((x,))


def _mean_variance(facts: Facts, x: Tensor) -> Applied:
    return Mixed(facts.attrs.integers("axes", (0, 2, 3))).apply((x,))


def _cumulated(_facts: Facts, x: Tensor, axis: Tensor) -> Applied:
    return Mixed(integers(axis, "axis") or (0,)).apply((x,))


# ---- joining and taking parts ----


def _concat(facts: Facts, *inputs: Tensor) -> Applied:
    return Concatenated(facts.attrs.integer("axis", 1)).apply(inputs)


def _split(facts: Facts, x: Tensor, pieces: Input = None) -> Applied:
    axis = facts.attrs.integer("axis", 0)
    sizes = integers(pieces, "sizes") or facts.attrs.integers("split")
    if not sizes:
        size, count = x.size(axis), facts.attrs.integer("num_outputs", facts.outputs)
        if count < 1:
            raise DoesNotFit(f"a split into {count} pieces is not one; export the model again")
        most = -(-size // count)
        sizes = tuple(min(most, max(size - most * i, 0)) for i in range(count))
    return Split(axis, sizes).apply((x,))


def _slice(facts: Facts, x: Tensor, *rest: Input) -> Applied:
    if rest:
        starts, ends, axes, steps = (
            integers(each, what)
            for each, what in zip((*rest, None, None)[:4], ("starts", "ends", "axes", "steps"),
                                  strict=True)
        )  # fmt: skip
    else:
        starts, ends = facts.attrs.integers("starts"), facts.attrs.integers("ends")
        axes, steps = facts.attrs.integers("axes") or None, None
    starts, ends = starts or (), ends or ()
    axes = axes or tuple(range(len(starts)))
    applied = Applied((x,))
    for start, end, axis, step in zip(starts, ends, axes, steps or (1,) * len(starts), strict=True):
        size = x.size(axis)
        if step == 0:
            raise DoesNotFit("a slice has step 0, which takes nothing; export the model again")
        part = clamped_slice(start, end, step, size)
        if range(*part.indices(size)) != range(size):
            sliced = Sliced(axis, part.start, part.stop, step, may_be_empty=True)
            applied = sliced.apply(applied.outputs)
    return applied


def _gather(facts: Facts, x: Tensor, indices: Tensor) -> Applied:
    axis = facts.attrs.integer("axis", 0) % max(rank(x), 1)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if indices.shape == () and isinstance(indices.value, np.ndarray):
        return Picked(axis, int(indices.value)).apply((x,))
    if not x.tracks:  # rows of a table, by numbers that come from the image
        moved = [
            track.on(None if track.axis is None else track.axis + axis,
                     [other + axis for other in track.hidden])
            for track in indices.tracks
        ]  # fmt: skip
        return Applied((Tensor(shape, tuple(moved), x.itemsize),))
    if indices.tracks or any(axis in (track.axis, *track.hidden) for track in x.tracks):
        raise Unknown("it takes pixels by a list")
    more = rank(indices) - 1
    tracks = [
        track.on(
            None if track.axis is None else track.axis + more * (track.axis > axis),
            [other + more * (other > axis) for other in track.hidden],
        )
        for track in x.tracks
    ]
    return Applied((Tensor(shape, tuple(tracks), x.itemsize),))


def _tile(_facts: Facts, x: Tensor, repeats: Tensor) -> Applied:
    counts = integers(repeats, "number of copies") or ()
    applied = Applied((x,))
    for axis, count in enumerate(counts):
        size = applied.outputs[0].size(axis)
        if count < 1 or size * count > _LONGEST_AXIS:
            raise DoesNotFit(f"{count} copies of an axis of {size} cannot be made")
        if count == 1:
            continue
        if any(axis in (track.axis, *track.hidden) for track in x.tracks):
            if count > _MOST_COPIES:
                raise Unknown(f"it copies the image {count} times")
            applied = Concatenated(axis).apply(applied.outputs * count)
        else:
            made = applied.outputs[0]
            shape = (*made.shape[:axis], size * count, *made.shape[axis + 1 :])
            applied = Applied((made._replace(shape=shape),))
    return applied


_LONGEST_AXIS = 2**40
_MOST_COPIES = 100


def _expand(facts: Facts, x: Tensor, shape: Tensor) -> Applied:
    wanted = integers(shape, "shape") or ()
    return _elementwise(facts, x, Tensor(wanted, (), x.itemsize))


# ---- another order ----


def _transpose(facts: Facts, x: Tensor) -> Applied:
    order = facts.attrs.integers("perm", tuple(range(rank(x)))[::-1])
    return Transposed(order).apply((x,))


def _reshape(facts: Facts, x: Tensor, shape: Input = None) -> Applied:
    wanted = integers(shape, "shape")
    if wanted is None:
        wanted = facts.attrs.integers("shape")
    if not facts.attrs.integer("allowzero", 0):
        wanted = tuple(
            x.size(axis) if n == 0 and axis < rank(x) else n for axis, n in enumerate(wanted)
        )
    return Reshaped(wanted).apply((x,))


def _flatten(facts: Facts, x: Tensor) -> Applied:
    axis = facts.attrs.integer("axis", 1)
    axis = axis + rank(x) if axis < 0 else axis
    return Applied((reshape(x, (product(x.shape[:axis]), product(x.shape[axis:]))),))


def _unsqueeze(facts: Facts, x: Tensor, axes: Input = None) -> Applied:
    found = integers(axes, "axes")
    found = facts.attrs.integers("axes") if found is None else found
    return Unsqueezed(found).apply((x,))


def _squeeze(facts: Facts, x: Tensor, axes: Input = None) -> Applied:
    ones = tuple(axis for axis, n in enumerate(x.shape) if n == 1)
    return Squeezed(axes_of(facts, x, axes, ones)).apply((x,))


# ---- products ----


def _gemm(facts: Facts, a: Tensor, b: Tensor, bias: Input = None) -> Applied:
    if facts.attrs.integer("transA", 0):
        a = Transposed((1, 0)).apply((a,)).outputs[0]
    turned = facts.attrs.integer("transB", 0) == 1
    if b.tracks or rank(b) != 2:
        b = Transposed((1, 0)).apply((b,)).outputs[0] if turned else b
        return Multiplied().apply((a, b))
    c, c_in = (b.size(0), b.size(1)) if turned else (b.size(1), b.size(0))
    return Dense(c, bias is not None, c_in=c_in).apply((a,))


def _matmul(_facts: Facts, a: Tensor, b: Tensor, *_rest: Input) -> Applied:
    if rank(b) == 2 and not b.tracks and rank(a) >= 2:
        return Dense(b.size(1), bias=False, c_in=b.size(0)).apply((a,))
    if min(rank(a), rank(b)) < 2:
        raise Unknown("it multiplies by a vector")
    return Multiplied().apply((a, b))


def _qgemm(facts: Facts, a: Tensor, *rest: Input) -> Applied:
    b, bias = rest[2], rest[5] if len(rest) > 5 else None
    assert b is not None
    return _gemm(facts, a, b, bias)


def _qlinear_matmul(facts: Facts, a: Tensor, *rest: Input) -> Applied:
    b = rest[2]
    assert b is not None
    return _matmul(facts, a, b)


# ---- reductions ----


def _reduce(facts: Facts, x: Tensor, axes: Input = None) -> Applied:
    every = tuple(range(rank(x)))
    found = axes_of(facts, x, axes, ())
    if not found and facts.attrs.integer("noop_with_empty_axes", 0):
        return Applied((x,))
    keep = facts.attrs.integer("keepdims", 1) == 1
    return Reduced(found or every, keep).apply((x,))


def _arg(facts: Facts, x: Tensor) -> Applied:
    keep = facts.attrs.integer("keepdims", 1) == 1
    applied = Reduced((facts.attrs.integer("axis", 0),), keep).apply((x,))
    return applied._replace(outputs=(applied.outputs[0]._replace(itemsize=8),))


def _top(facts: Facts, x: Tensor, k: Input = None) -> Applied:
    found = integers(k, "count") or (facts.attrs.integer("k", 1),)
    axis = facts.attrs.integer("axis", -1) % max(rank(x), 1)
    mixed = Mixed((axis,)).apply((x,)).outputs[0]
    made = Sliced(axis, 0, found[0]).apply((mixed,)).outputs[0]
    return Applied((made, made._replace(itemsize=8)))


# ---- what is computed ahead ----


def _shape(facts: Facts, x: Tensor) -> Applied:
    if None in x.shape:
        raise Unknown("a size is not known")
    first, last = facts.attrs.integer("start", 0), facts.attrs.integer("end", rank(x))
    value = np.array(x.shape[first:last], np.int64)
    return Applied((Tensor(value.shape, (), 8, value),))


def _size(_facts: Facts, x: Tensor) -> Applied:
    value = np.array(prod(x.size(axis) for axis in range(rank(x))), np.int64)
    return Applied((Tensor((), (), 8, value),))


def _filled(_facts: Facts, shape: Tensor) -> Applied:
    return Applied((Tensor(integers(shape, "shape") or ()),))


_POINTWISE = (
    *("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish"),
    *("Tanh", "Softplus", "Softsign", "Mish", "Swish", "ThresholdedRelu", "Shrink", "Clip", "Erf"),
    *("Exp", "Log", "Sqrt", "Abs", "Neg", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Not"),
    *("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
    *("IsNaN", "IsInf", "BitwiseNot", "Identity", "Dropout", "BatchNormalization", "LRN"),
    *("PRelu", "Bernoulli", "RandomNormalLike", "RandomUniformLike", "EyeLike", "Trilu"),
    *("SpatialBatchNormalization", "BiasGelu", "FastGelu", "QuickGelu", "CastLike"),
)
_JOINING = (
    *("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Mean", "Sum", "BitShift"),
    *("BitwiseAnd", "BitwiseOr", "BitwiseXor"),
)
_COMPARING = (*("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor"),)
_REDUCING = (
    *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2"),
    *("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"),
)

FOLLOWED: dict[str, Follow] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(_JOINING, _elementwise),
    **dict.fromkeys(_COMPARING, _compared),
    **dict.fromkeys(_REDUCING, _reduce),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _softmax),
    **dict.fromkeys(
        ("LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization"), _layer_norm
    ),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    "Cast": _cast,
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Where": _chosen,
    "LpNormalization": _lp_norm,
    "MeanVarianceNormalization": _mean_variance,
    "CumSum": _cumulated,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Tile": _tile,
    "Expand": _expand,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _qlinear_matmul,
    "QGemm": _qgemm,
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), _qlinear_elementwise),
    **dict.fromkeys(("QLinearLeakyRelu", "QLinearSigmoid"), _pointwise),
    "TopK": _top,
    "Shape": _shape,
    "Size": _size,
    "ConstantOfShape": _filled,
}
