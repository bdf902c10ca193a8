"""Makes an output from sums: the magnitude of two, and rounded and clipped integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError


def join(sums: Sequence[Array], out: Array) -> None:
    """Fill an output from the sums of one filter, or from those of the two of a gradient.

    The sums may be overwritten: a block is large.
    """
    with np.errstate(all="ignore"):  # infinity in the input is not our error
        if len(sums) == 1:
            _saturate(sums[0], out)
        elif out.dtype.kind == "f":
            np.hypot(sums[0], sums[1], out=out)
        else:
            _saturate(np.hypot(sums[0], sums[1]), out)


def _saturate(values: Array, out: Array) -> None:
    """Round to integers, halves to even, and clip them to what a type holds."""
    info: Any = np.iinfo(out.dtype)
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind in "iu":
        own: Any = np.iinfo(values.dtype)
        np.clip(values, max(info.min, own.min), min(info.max, own.max), out=values)
        np.copyto(out, values, casting="unsafe")
        return
    if np.isnan(values).any():
        raise ConvcliError(f"results hold NaN, which --dtype {out.dtype} cannot; use a float type")
    np.rint(values, out=values)
    high = values >= info.max  # as a float that may be one too many
    np.clip(values, info.min, info.max, out=values)
    np.copyto(out, values, casting="unsafe")
    out[high] = info.max
