"""Named filters. A new one is a function of its parameters and an entry in `NAMED`."""

import math
from collections.abc import Callable, Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.errors import UsageError
from convcli.geometry.axis import Sizes

# OpenCV's kernels for a size up to 9 without a sigma: fixed numbers, not its formula.
_OPENCV = {
    1: [1.0],
    3: [0.25, 0.5, 0.25],
    5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
    7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
    9: [4 / 256, 13 / 256, 30 / 256, 51 / 256, 60 / 256, 51 / 256, 30 / 256, 13 / 256, 4 / 256],
}


def identity(sizes: Sizes) -> Array:
    """One in the middle, zero elsewhere: the output is the input."""
    if any(size % 2 == 0 for size in sizes):
        raise UsageError("identity's size must be odd to have a middle; use identity:3")
    filter_ = np.zeros(sizes, np.int64)
    filter_[tuple(size // 2 for size in sizes)] = 1
    return filter_


def box(sizes: Sizes) -> Array:
    """The mean of all pixels under it."""
    return np.full(sizes, 1 / math.prod(sizes))


def gaussian(sizes: Sizes, sigma: float | None) -> Array:
    """A Gaussian bell that sums to 1.

    Parameters
    ----------
    sizes : tuple of int
        Pixels along each axis.
    sigma : float, optional
        Standard deviation in pixels. Without it, odd sizes give the numbers of OpenCV's
        ``getGaussianKernel(size, 0)``: a fixed table for the sizes 1, 3, 5, 7 and 9, else
        ``sigma = 0.3((size - 1)/2 - 1) + 0.8``.
    """
    bells = []
    for size in sizes:
        if sigma is None and size in _OPENCV:
            bells.append(np.array(_OPENCV[size]))
            continue
        spread = 0.3 * ((size - 1) / 2 - 1) + 0.8 if sigma is None else sigma
        bell = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / spread) ** 2)
        bells.append(bell / bell.sum())
    return reduce(np.multiply.outer, bells)


def log(sizes: Sizes, sigma: float | None) -> Array:
    """The Laplacian of a Gaussian, shifted so that it sums to 0.

    Source: Gonzalez and Woods, *Digital Image Processing*, on the Marr-Hildreth edge detector;
    the shift is MATLAB's, in ``fspecial``. `sigma` is 1.4 pixels by default.
    """
    sigma = 1.4 if sigma is None else sigma
    bell = gaussian(sizes, sigma)
    places = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in sizes], indexing="ij")
    square = sum((place**2 for place in places), np.zeros(sizes))
    filter_ = bell * (square - len(sizes) * sigma**2) / sigma**4
    zero_sum: Array = filter_ - filter_.mean()
    return zero_sum


class Named(NamedTuple):
    """A filter by name: of fixed numbers, of any sizes, or of sizes and a width."""

    make: Callable[..., Array]
    size: int = 0  # by default; 0: the numbers are fixed
    takes_sigma: bool = False


def _fixed(*rows: list[int]) -> Named:
    return Named(lambda: np.array(rows, np.int64))


NAMED: dict[str, Named] = {
    "identity": Named(identity, 3),
    "box": Named(box, 3),
    "gaussian": Named(gaussian, 3, takes_sigma=True),
    "sobel-x": _fixed([-1, 0, 1], [-2, 0, 2], [-1, 0, 1]),
    "sobel-y": _fixed([-1, -2, -1], [0, 0, 0], [1, 2, 1]),
    "scharr-x": _fixed([-3, 0, 3], [-10, 0, 10], [-3, 0, 3]),
    "scharr-y": _fixed([-3, -10, -3], [0, 0, 0], [3, 10, 3]),
    "prewitt-x": _fixed([-1, 0, 1], [-1, 0, 1], [-1, 0, 1]),
    "prewitt-y": _fixed([-1, -1, -1], [0, 0, 0], [1, 1, 1]),
    "laplacian": _fixed([0, 1, 0], [1, -4, 1], [0, 1, 0]),
    "log": Named(log, 9, takes_sigma=True),
    "sharpen": _fixed([0, -1, 0], [-1, 5, -1], [0, -1, 0]),
    "emboss": _fixed([-2, -1, 0], [-1, 1, 1], [0, 1, 2]),
}


def named(spec: str, dims: int | None = None) -> Array:
    """Make a filter from its name and parameters, such as ``gaussian:5:1.0``.

    Parameters
    ----------
    spec : str
        ``NAME``, or of a filter of any size ``NAME:SIZE`` with a size such as ``5`` or ``5x3``,
        and of a bell ``NAME:SIZE:SIGMA``.
    dims : int, optional
        Axes of a filter given by a single size; two by default.

    Raises
    ------
    UsageError
        It does not take these parameters.
    """
    name, *texts = spec.split(":")
    known = NAMED[name]
    usage = [name]
    if known.size:
        usage.append("SIZE")
    if known.takes_sigma:
        usage.append("SIGMA")
    if len(texts) >= len(usage):
        raise UsageError(f"-k {spec!r} has more parameters than it takes; write {':'.join(usage)}")
    if not known.size:
        if dims not in (None, 2):
            raise UsageError(f"-k {name} has 2 axes, not --dims {dims}; use a filter such as log")
        return known.make()
    arguments: list[object] = [_sizes(spec, texts[0] if texts else str(known.size), dims or 2)]
    if known.takes_sigma:
        arguments.append(_sigma(spec, texts[1]) if len(texts) > 1 else None)
    return known.make(*arguments)


def listing() -> Iterator[tuple[str, Array]]:
    """Give each filter by how it is written, with its numbers at its defaults."""
    for name, known in NAMED.items():
        spec = f"{name}:{known.size}" if known.size else name
        yield spec, named(spec)


def nearest(spec: str) -> str:
    """Suggest filters with a name like this one."""
    import difflib  # noqa: PLC0415  for mistakes alone

    close = difflib.get_close_matches(spec.partition(":")[0], NAMED, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"names are {', '.join(NAMED)}"


def _sizes(spec: str, text: str, dims: int) -> Sizes:
    parts = text.split("x")
    if not all(part.isdecimal() and 1 <= int(part) <= 10_000 for part in parts):
        raise UsageError(f"-k {spec!r}: size {text!r} must be from 1 to 10000, such as 3 or 5x3")
    sizes = tuple(map(int, parts))
    return sizes * dims if len(sizes) == 1 else sizes


def _sigma(spec: str, text: str) -> float:
    try:
        sigma = float(text)
    except ValueError:
        sigma = math.nan
    if not 0 < sigma < math.inf:
        raise UsageError(f"-k {spec!r}: sigma {text!r} must be a number above 0, such as 1.0")
    return sigma
