"""Computes small tensors ahead: sizes that a network computes to reshape and resize by."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.models.operators.attributes import Attributes

LARGEST = 4096  # numbers of a tensor that is computed ahead

Fold = Callable[[Attributes, list[Any]], Any]


def fold(op: str, attrs: Attributes, values: Sequence[Any]) -> Array | None:
    """Compute what an operator makes of small tensors; None where that is not known.

    Parameters
    ----------
    op : str
    attrs : Attributes
    values : sequence of ndarray or None
        Its inputs; None for one that is left out.
    """
    if op not in FOLDS:
        return None
    try:
        with np.errstate(all="ignore"):
            made = np.asarray(FOLDS[op](attrs, list(values)))
    except (ValueError, IndexError, TypeError, OverflowError, KeyError, ZeroDivisionError):
        return None  # the operator itself says what does not fit, if anything
    return made if made.size <= LARGEST else None


def _elementwise(function: Callable[..., Any]) -> Fold:
    return lambda _attrs, values: function(*values)


def _divide(a: Array, b: Array) -> Array:
    """Divide; integers are rounded towards zero, as in C."""
    if a.dtype.kind not in "iu":
        return np.asarray(a / b)
    return np.asarray(np.trunc(a / b)).astype(a.dtype) if np.all(b) else np.asarray([])[:0]


def _axes(attrs: Attributes, values: list[Any]) -> tuple[int, ...]:
    """Axes from the second input, or in older models from an attribute."""
    if len(values) > 1 and values[1] is not None:
        return tuple(values[1].ravel().tolist())
    return attrs.integers("axes")


def _unsqueeze(attrs: Attributes, values: list[Any]) -> Any:
    return np.expand_dims(values[0], _axes(attrs, values))


def _squeeze(attrs: Attributes, values: list[Any]) -> Any:
    return np.squeeze(values[0], _axes(attrs, values) or None)


def _slice(attrs: Attributes, values: list[Any]) -> Any:
    x = values[0]
    if len(values) > 1:
        starts, ends = values[1].ravel().tolist(), values[2].ravel().tolist()
        axes = values[3] if len(values) > 3 else None
        axes = list(range(len(starts))) if axes is None else axes.ravel().tolist()
        steps = values[4].ravel().tolist() if len(values) > 4 else [1] * len(starts)
    else:
        starts, ends = attrs.integers("starts"), attrs.integers("ends")
        axes = attrs.integers("axes") or range(len(starts))
        steps = [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index = [slice(None)] * x.ndim
        index[axis] = clamped_slice(start, end, step, x.shape[axis])
        x = x[tuple(index)]
    return x


def clamped_slice(start: int, end: int, step: int, size: int) -> slice:
    """Make a slice of Python's of ONNX's, which moves limits that are outside the axis into it.

    Downwards that is another one: a start before the first index takes that one.
    """
    if step > 0:
        return slice(start, end, step)
    return slice(max(start, -size), None if end < -size else end, step)


def _reshape(_attrs: Attributes, values: list[Any]) -> Any:
    shape = [values[0].shape[i] if n == 0 else n for i, n in enumerate(values[1].tolist())]
    return values[0].reshape(shape)


def _filled(attrs: Attributes, values: list[Any]) -> Any:
    shape = values[0].tolist()
    _check_size(math.prod(shape))
    return np.full(shape, attrs.first_of_tensor("value", 0.0))


def _range(_attrs: Attributes, values: list[Any]) -> Any:
    start, limit, delta = (value.item() for value in values)
    _check_size((limit - start) / delta)
    return np.arange(start, limit, delta, dtype=values[0].dtype)


def _expand(_attrs: Attributes, values: list[Any]) -> Any:
    shape = np.broadcast_shapes(values[0].shape, tuple(values[1].tolist()))
    _check_size(math.prod(shape))
    return np.broadcast_to(values[0], shape)


def _tile(_attrs: Attributes, values: list[Any]) -> Any:
    _check_size(values[0].size * math.prod(values[1].tolist()))
    return np.tile(values[0], values[1].tolist())


def _check_size(count: float) -> None:
    if not 0 <= count <= LARGEST:
        raise ValueError(count)


def _cast(attrs: Attributes, values: list[Any]) -> Any:
    from onnx import helper  # noqa: PLC0415  it is there: the model has been read

    return values[0].astype(helper.tensor_dtype_to_np_dtype(attrs.integer("to", 1)))


def _reduce(function: Callable[..., Any]) -> Fold:
    def reduced(attrs: Attributes, values: list[Any]) -> Any:
        keep = attrs.integer("keepdims", 1) == 1
        return function(values[0], axis=_axes(attrs, values) or None, keepdims=keep)

    return reduced


FOLDS: dict[str, Fold] = {
    "Identity": lambda _attrs, values: values[0],
    "Cast": _cast,
    "Gather": lambda attrs, values: np.take(values[0], values[1], attrs.integer("axis", 0)),
    "Concat": lambda attrs, values: np.concatenate(values, attrs.integer("axis", 0)),
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Reshape": _reshape,
    "Transpose": lambda attrs, values: np.transpose(values[0], attrs.integers("perm") or None),
    "ConstantOfShape": _filled,
    "Range": _range,
    "Expand": _expand,
    "Tile": _tile,
    "Add": _elementwise(np.add),
    "Sub": _elementwise(np.subtract),
    "Mul": _elementwise(np.multiply),
    "Div": _elementwise(_divide),
    "Mod": _elementwise(np.mod),
    "Pow": _elementwise(np.power),
    "Neg": _elementwise(np.negative),
    "Abs": _elementwise(np.abs),
    "Floor": _elementwise(np.floor),
    "Ceil": _elementwise(np.ceil),
    "Round": _elementwise(np.round),
    "Sqrt": _elementwise(np.sqrt),
    "Min": _elementwise(lambda *values: np.minimum.reduce(np.broadcast_arrays(*values))),
    "Max": _elementwise(lambda *values: np.maximum.reduce(np.broadcast_arrays(*values))),
    "Equal": _elementwise(np.equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Not": _elementwise(np.logical_not),
    "And": _elementwise(np.logical_and),
    "Or": _elementwise(np.logical_or),
    "Where": _elementwise(np.where),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
}
