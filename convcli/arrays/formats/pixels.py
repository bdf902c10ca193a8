"""What an array is as an image: its axes in the order of one, its values as those of pixels."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, shape_text
from convcli.errors import ConvcliError

SCALES = ("clip", "minmax", "abs", "signed")

_SLIP = 1e-6  # rounding may take a float just beyond the range that its exact value lies in
_BYTES: DType = np.dtype(np.uint8)
_DEEP: DType = np.dtype(np.uint16)
_FLOATS: DType = np.dtype(np.float32)
_BRIGHT = 2.0  # floats up to it, above 1, are highlights of an image
_BRIGHT_BYTE = 64.0  # floats below it are not meant as bytes: all of them would be dark
_NEARLY_BLACK = 1 / 128  # of white

Range = tuple[float, float]


class Scaling(NamedTuple):
    """What decides how values become those of pixels.

    Attributes
    ----------
    mode : str or None
        One of `SCALES` if it was asked for.
    range : (float, float)
        Black and white of the input, see `own_range`.
    is_image : bool
        The input has no values below that black, nor beyond what its white allows.
    keeps_brightness : bool
        The filter sums to 1, as those that smooth and sharpen do.
    floats : bool
        The input holds floats.
    asked : dtype or None
        Of the pixels, if the user named it.
    """

    mode: str | None = None
    range: Range = (0.0, 255.0)
    is_image: bool = True
    keeps_brightness: bool = False
    floats: bool = False
    asked: DType | None = None


class Mapping(NamedTuple):
    """How an output became an image.

    Attributes
    ----------
    text : str
        How values were mapped.
    altered : bool
        Some were clipped, or their scale depends on them.
    dropped : tuple of str
        What the image that was the input holds, and this one does not.
    """

    text: str
    altered: bool
    dropped: tuple[str, ...] = ()


def check_axes(shape: Sequence[int], layout: str, called: str) -> None:
    """Refuse a shape that no image has."""
    sizes = dict(zip(layout, shape, strict=True))
    images = math.prod(n for letter, n in zip(layout, shape, strict=True) if letter == "N")
    if "D" in sizes or "H" not in sizes or images != 1:
        raise ConvcliError(
            f"{called}: an image has rows and columns, and the output is {shape_text(shape)} "
            f"({layout}); write it as .npy"
        )
    if sizes.get("C", 1) not in (1, 3, 4):
        raise ConvcliError(
            f"{called}: an image has 1, 3 or 4 channels, and the output {sizes['C']}; "
            f"write it as .npy, or say with --layout which axis holds them"
        )


def order_axes(array: Array, layout: str) -> Array:
    """Order axes as an image has them: rows, columns, and 3 or 4 colours if there are several."""
    array = array[tuple(0 if letter == "N" else slice(None) for letter in layout)]
    layout = layout.replace("N", "")
    array = array.transpose([layout.index(letter) for letter in "HWC" if letter in layout])
    return array[..., 0] if "C" in layout and array.shape[-1] == 1 else array


def types_of(ending: str, channels: int) -> tuple[DType, ...]:
    """List the types of pixels that Pillow writes in a format, the default first."""
    if channels > 1 or ending not in (".png", ".tif", ".tiff"):
        return (_BYTES,)
    return (_BYTES, _DEEP) if ending == ".png" else (_BYTES, _DEEP, _FLOATS)


def describes(profile: bytes, pixels: Array) -> bool:
    """Whether an ICC profile is of grey or of colours, as the pixels are."""
    return profile[16:20] == (b"GRAY" if pixels.ndim == 2 else b"RGB ")


def own_range(x: Array, asked: DType | None = None) -> tuple[Range, bool]:
    """Find which values of an input are black and white, and whether it is an image by them.

    Those of uint8 and uint16 are 0 and the largest of the type, those of booleans 0 and 1, of
    other integers 0 and 255. Those of floats are 0 and 1, where some may be up to 2, as highlights
    are; or 0 and 255 if some value is 64 or more, as of bytes that were converted. What is in
    between is not an image.

    Parameters
    ----------
    x : ndarray
        The input, of real numbers.
    asked : dtype, optional
        Of the output, where the user named it: the range is that of uint8 or uint16.
    """
    for dtype in (asked, x.dtype):
        if dtype is not None and dtype.kind == "u" and dtype.itemsize <= 2:
            return (0.0, float(np.iinfo(dtype).max)), True
    if x.dtype.kind == "b":
        return (0.0, 1.0), True
    low, high = float(x.min()), float(x.max())
    if x.dtype.kind == "f" and high < _BRIGHT_BYTE:
        return (0.0, 1.0), low >= -_SLIP and high <= _BRIGHT
    return (0.0, 255.0), low > -0.5 and high < 255.5  # NaN is in no range


def to_pixels(
    array: Array, scaling: Scaling, called: str, dtype: DType = _BYTES
) -> tuple[Array, Mapping]:
    """Map values to those of pixels, and say how.

    Values within the input's range are kept: its black becomes 0, its white the largest pixel.
    Where some are outside, all are clipped to it if the filter keeps brightness, and otherwise
    scaled so that their minimum is black and their maximum white, as are those of an input that
    is not an image. A mode says otherwise:

    - ``clip``: clipped to the input's range.
    - ``minmax``: from the minimum, black, to the maximum, white.
    - ``abs``: magnitudes, clipped at the input's white (if it is not an image, the largest).
    - ``signed``: 0 is mid-grey, and the largest magnitude black or white.

    Halves round to even.

    Parameters
    ----------
    array : ndarray
    scaling : Scaling
    called : str
        What errors call it.
    dtype : dtype
        Of the pixels.
    """
    if not np.isfinite(array).all():
        raise ConvcliError(f"{called}: an image cannot hold NaN or infinity; write it as .npy")
    low, high = float(array.min()), float(array.max())
    mode = scaling.mode or _default_mode(scaling, low, high)
    info: Any = np.iinfo(dtype)
    largest = int(info.max)
    values = array.astype(np.float64)
    if mode in ("minmax", "signed"):
        most = max(abs(low), abs(high))
        begin, end = (low, high) if mode == "minmax" else (-most, most)
        text = f"{begin:.6g}..{end:.6g} scaled to 0..{largest}"
        mapping = Mapping(text + (", 0 at mid-grey" if mode == "signed" else ""), True)
    elif mode == "abs":
        values = np.abs(values)
        begin, end = scaling.range if scaling.is_image else (0.0, float(values.max()))
        mapping = _clipping(values, (begin, end), largest)
        mapping = Mapping(f"as magnitudes, {mapping.text}", mapping.altered or low < 0)
    else:
        begin, end = scaling.range
        mapping = _clipping(values, (begin, end), largest)
        if 0 < high < end * _NEARLY_BLACK:
            asked = "" if scaling.asked is None else f" as --dtype {dtype} asks"
            text = f"{mapping.text}{asked}, none above {high:.6g}: nearly black"
            mapping = Mapping(text, True)
    return _stretch(values, begin, end, largest).astype(dtype), mapping


def _default_mode(scaling: Scaling, low: float, high: float) -> str:
    if not scaling.is_image:
        return "minmax"
    return "clip" if scaling.keeps_brightness or _within(scaling.range, low, high) else "minmax"


def _within(range_: Range, low: float, high: float) -> bool:
    """Whether values stay in a range once they are rounded to its pixels."""
    slip = 0.5 if range_[1] >= 255 else _SLIP * range_[1]
    return low > range_[0] - slip - _SLIP and high < range_[1] + slip + _SLIP


def _clipping(values: Array, range_: Range, largest: int) -> Mapping:
    """Say what clipping to a range does."""
    begin, end = range_
    low, high = float(values.min()), float(values.max())
    scaled = "" if end == largest else f" scaled to 0..{largest}"
    if not _within(range_, low, high):
        part = _percent(np.count_nonzero((values < begin) | (values > end)) / values.size)
        return Mapping(
            f"{low:.6g}..{high:.6g} clipped to {begin:.6g}..{end:.6g}{scaled}, {part}", True
        )
    if scaled:
        return Mapping(f"{begin:.6g}..{end:.6g}{scaled}", end > largest)
    rounded = bool((values != np.rint(values)).any())
    return Mapping(f"0..{largest} {'rounded' if rounded else 'kept'}", False)


def _percent(part: float) -> str:
    return f"{part:.1%} of them" if part >= 0.001 else "less than 0.1% of them"


def _stretch(values: Array, begin: float, end: float, largest: int) -> Any:
    """Map begin to 0 and end to the largest pixel; what lies beyond them is clipped."""
    if begin == end:
        return np.zeros(values.shape)
    if (begin, end) != (0, largest):
        values = (values - begin) * (largest / (end - begin))
    return np.rint(values).clip(0, largest)
