"""Makes an output from sums: the magnitude of two, and rounded and clipped integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.errors import ConvcliError


def join(sums: Sequence[Array], out: Array) -> None:
    """Fill an output from the sums of one filter, or from those of the two of a gradient."""
    with np.errstate(all="ignore"):  # infinity in the input is not our error
        values = np.hypot(*sums) if len(sums) == 2 else sums[0]
        if out.dtype.kind in "iu":
            values = saturated(values, out.dtype)
        np.copyto(out, values, casting="unsafe")


def saturated(values: Array, dtype: DType) -> Array:
    """Round to integers, halves to even, and clip them to what a type holds."""
    info: Any = np.iinfo(dtype)
    if values.dtype.kind in "iu":
        own: Any = np.iinfo(values.dtype)
        return values.clip(max(info.min, own.min), min(info.max, own.max)).astype(dtype)
    if np.isnan(values).any():
        raise ConvcliError(f"results hold NaN, which --dtype {dtype} cannot; use a float type")
    low, high = values <= info.min, values >= info.max
    whole = np.rint(np.where(low | high, 0, values)).astype(dtype)
    whole[low], whole[high] = info.min, info.max
    return whole
