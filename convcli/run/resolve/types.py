"""The types of an output and of the sums it is made from."""

from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, DType, asked_dtype, result_dtype
from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.window.axis import POOL_KINDS, Kind


def resolve_types(
    kind: Kind,
    x_dtype: DType,
    filter_: Array,
    bias: Array | None,
    gradient: bool,
    asked: str | None,
    saturate: bool,
) -> tuple[DType, DType]:
    """Choose the types of the output and of its sums.

    Parameters
    ----------
    kind, x_dtype, filter_, bias
        Of the operation.
    gradient : bool
        The output is the magnitude of two sums.
    asked : str or None
        Type of the output, as ``--dtype`` names it.
    saturate : bool
        Round and clip the output to what an integer type holds.

    Raises
    ------
    UsageError, DoesNotFit
    """
    others = [filter_.dtype] if bias is None else [filter_.dtype, bias.dtype]
    natural = result_dtype(x_dtype, *others)
    if kind in POOL_KINDS:
        natural = _pooled_dtype(x_dtype, kind)
    sums = natural
    if gradient:
        natural, sums = _gradient_types(natural, x_dtype)
    out = natural
    if asked is not None:
        out = asked_dtype(asked, natural, _why_float(kind, gradient), saturate)
    if gradient:
        sums = np.result_type(sums, out) if sums.kind == out.kind == "f" else sums
    elif not (saturate and out.kind in "iu"):
        sums = out
    _check_range(sums, filter=filter_, bias=bias)
    return out, sums


def _pooled_dtype(x_dtype: DType, kind: Kind) -> DType:
    """Choose the type of a pooled output: a maximum keeps that of the input, a mean is a float."""
    if x_dtype.kind == "c":
        raise DoesNotFit(f"the input is {x_dtype}, and pooling takes real numbers; pool its parts")
    if kind == "maxpool":
        return x_dtype.newbyteorder("=")
    return result_dtype(x_dtype, np.dtype(np.float32))


def _gradient_types(natural: DType, x_dtype: DType) -> tuple[DType, DType]:
    """Choose the types of a magnitude and of its sums.

    The magnitude of integers has the type that a float filter would give. Their sums are exact:
    those of up to 16 bits in float32, as the weights are small.
    """
    if natural.kind == "c":
        raise UsageError(
            "the magnitude of a gradient is of real numbers, and the input is complex; use a "
            "filter of one direction, such as -k sobel-x"
        )
    if natural.kind == "i":
        kind = result_dtype(x_dtype, np.dtype(np.float64))
        return kind, kind if kind == np.float32 else natural
    return natural, np.result_type(natural, np.float32)


def _why_float(kind: Kind, gradient: bool) -> str:
    """Say what makes results floats, where they are."""
    if kind == "avgpool":
        return "a mean is a float"
    if gradient:
        return "a magnitude is a float"
    return "input, filter or bias hold floats"


def _check_range(sums: DType, **numbers: Array | None) -> None:
    """Refuse numbers of filter or bias that become infinite in the type of sums, or float32."""
    if sums.kind not in "fc":
        return
    dtype = np.result_type(sums, np.float32)
    for what, given in numbers.items():
        if given is None or given.dtype.kind not in "fc" or given.itemsize <= dtype.itemsize:
            continue
        with np.errstate(over="ignore"):
            beyond = np.isinf(given.astype(dtype)) & np.isfinite(given)
        if beyond.any():
            info: Any = np.finfo(dtype)  # slow when it is first asked
            most = np.abs(given[beyond]).max()
            raise UsageError(
                f"the {what} has numbers up to {most:g}, beyond the largest of {dtype}, "
                f"{info.max:.2g}; use --dtype {'complex128' if sums.kind == 'c' else 'float64'}"
            )
