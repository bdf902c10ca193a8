"""What an array is as an image: its axes in the order of one, its values as bytes."""

import numpy as np

from convcli.arrays.dtypes import Array, shape_text
from convcli.errors import ConvcliError

_SLIP = 1e-6  # rounding may take a float just beyond the range that its exact value lies in
_DARK = 16  # floats below it are not meant as bytes: all of them would be nearly black


def order_axes(array: Array, layout: str, path: str) -> Array:
    """Order axes as an image has them: rows, columns, and 3 or 4 colours if there are several."""
    sizes = dict(zip(layout, array.shape, strict=True))
    if "D" in sizes or "H" not in sizes or sizes.get("N", 1) != 1:
        raise ConvcliError(
            f"{path!r}: an image has rows and columns, and the output is {shape_text(array.shape)} "
            f"({layout}); write it as .npy"
        )
    if sizes.get("C", 1) not in (1, 3, 4):
        raise ConvcliError(
            f"{path!r}: an image has 1, 3 or 4 channels, and the output {sizes['C']}; "
            f"write it as .npy, or say with --layout which axis holds them"
        )
    order = [layout.index(letter) for letter in "NHWC" if letter in layout]
    array = array.transpose(order)
    if "N" in sizes:
        array = array[0]
    return array[..., 0] if sizes.get("C") == 1 else array


def to_bytes(array: Array, path: str, from_integers: bool = False) -> tuple[Array, str]:
    """Map values to bytes, and say how.

    Whole numbers from 0 to 255 are kept, and floats within it rounded. Floats from 0 to 1 are
    multiplied by 255, unless they were computed from integers, as an image's are; and by less if
    some reach a little further. Everything else is scaled so that its minimum is black and its
    maximum white. Nothing is clipped.

    Parameters
    ----------
    array : ndarray
    path : str
        What errors call it.
    from_integers : bool
        Whether it was computed from integers.

    Returns
    -------
    ndarray
        Of uint8.
    str
        How the values were mapped.
    """
    if array.dtype.kind == "c" or not np.isfinite(array).all():
        what = "complex numbers" if array.dtype.kind == "c" else "NaN or infinity"
        raise ConvcliError(f"{path!r}: an image cannot hold {what}; write it as .npy")
    low, high = array.min(), array.max()
    values = array.astype(np.float64)
    fractions = array.dtype.kind == "f" and not from_integers and high < _DARK
    if fractions and low >= -_SLIP:
        white = 1.0 if high <= 1 + _SLIP else float(high)
        scaled, mapping = values * (255 / white), f"0..{white:.6g} scaled to 0..255"
    elif not fractions and low > -0.5 and high < 255.5:
        scaled, mapping = values, "0..255 kept" if array.dtype.kind != "f" else "0..255 rounded"
    else:
        span = float(high) - float(low)
        scaled = (values - float(low)) * (255 / span) if span else np.zeros(array.shape)
        mapping = f"{low:.6g}..{high:.6g} scaled to 0..255"
    return np.rint(scaled).astype(np.uint8), mapping
