"""Types of arrays and numbers: which one a result has, and when integers are exact."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ConvcliError, UsageError

Array = NDArray[Any]  # of any type of number
Index = tuple[Any, ...]
DType = np.dtype[np.generic]


def at(*index: Any) -> Index:
    """Build an index of an array from parts."""
    return index


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape, which may have no axis."""
    return "x".join(map(str, shape)) or "single"


def number_text(value: Any, digits: int = 4) -> str:
    """Write a number of an array: integers in full, others with a few significant digits."""
    return str(value) if value.dtype.kind in "iub" else f"{value:.{digits}g}"


def result_dtype(x: DType, *others: DType) -> DType:
    """Choose the type of an output from that of the input, and of filter and bias.

    Integers and booleans with an integer filter give int64; with a float filter float32 if they
    have at most 16 bits, else float64. Floats keep their type; complex stays complex.
    """
    if all(dtype.kind in "iub" for dtype in (x, *others)):
        return np.dtype(np.int64)
    if x.kind in "iub":
        x = np.dtype(np.float32 if x.itemsize <= 2 else np.float64)
    if x.kind == "f" and any(dtype.kind == "c" for dtype in others):
        x = np.result_type(x, np.complex64)
    return x.newbyteorder("=")


def asked_dtype(name: str, natural: DType, why_float: str, saturate: bool = False) -> DType:
    """Read ``--dtype``, and refuse a type that would lose what the numbers mean.

    Parameters
    ----------
    name : str
        As typed, in NumPy's words: ``float32``, ``int16``, ...
    natural : dtype
        What `result_dtype` chose.
    why_float : str
        What makes the results floats, if they are.
    saturate : bool
        Values are to be rounded and clipped to what an integer type holds.
    """
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):  # a lone surrogate, a broken list of fields
        dtype = np.dtype(object)
    if dtype.kind not in "iufc":
        raise UsageError(
            f"--dtype {name!r} is not a type of number; write float32, float64, float16, int64, "
            f"uint8, complex64 or the like"
        )
    if natural.kind == "c" and dtype.kind != "c":
        raise UsageError(f"--dtype {name} would drop imaginary parts; use --dtype complex64")
    if natural.kind == "f" and dtype.kind in "iu" and not saturate:
        raise UsageError(
            f"--dtype {name} would round: {why_float}; omit --dtype, or add --scale clip"
        )
    return dtype.newbyteorder("=")


def integer_bound(x: Array, filter_: Array, bias: Array | None) -> int:
    """Bound the magnitude of every sum of an integer convolution, in exact arithmetic."""
    if x.dtype.itemsize <= 2:  # what the type can hold: no need to look at the data
        info = np.iinfo(x.dtype) if x.dtype.kind in "iu" else np.iinfo(np.int8)
        largest = max(int(info.max), -int(info.min))
    else:
        largest = max(abs(int(x.max(initial=0))), abs(int(x.min(initial=0))))
    rows = filter_.reshape(filter_.shape[0], -1).astype(object)
    per_output = max(int(sum(abs(int(w)) for w in row)) for row in rows)
    extra = 0 if bias is None else max(abs(int(b)) for b in bias.reshape(-1).tolist())
    return largest * per_output + extra


_EXACT = ((np.float32, 2**24), (np.float64, 2**53))  # integers below are exact in each type


def exact_dtype(bound: int) -> DType:
    """Choose the fastest type in which integer sums of such a magnitude are exact."""
    return next((np.dtype(kind) for kind, below in _EXACT if bound < below), np.dtype(np.int64))


def check_integers(made: Array, dtype: DType) -> None:
    """Refuse exact integers that the type asked for cannot hold; int64 holds all there are."""
    if dtype == np.int64:
        return
    info: Any = np.iinfo(dtype)
    low, high = int(made.min()), int(made.max())
    if low < info.min or high > info.max:
        raise ConvcliError(
            f"results from {low} to {high} do not fit --dtype {dtype} ({info.min} to {info.max}); "
            f"omit --dtype, or add --scale clip"
        )
