"""Named filters. A new one is a function of its parameters and an entry in `NAMED`."""

import math
import re
from collections.abc import Callable, Iterator
from functools import reduce
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.memory import check_room
from convcli.errors import UsageError, shortened
from convcli.geometry.window.axis import Sizes


def identity(sizes: Sizes) -> Array:
    """One in the middle, zero elsewhere: the output is the input."""
    if any(size % 2 == 0 for size in sizes):
        raise UsageError("identity's size must be odd to have a middle; use identity:3")
    filter_ = np.zeros(sizes, np.int64)
    filter_[tuple(size // 2 for size in sizes)] = 1
    return filter_


def box(sizes: Sizes) -> Array:
    """The mean of the pixels in the window."""
    return np.full(sizes, 1 / math.prod(sizes))


# What OpenCV's getGaussianKernel has for small odd sizes where no sigma is given, times 256.
_SMALL_GAUSSIANS: dict[int, list[int]] = {
    1: [256],
    3: [64, 128, 64],
    5: [16, 64, 96, 64, 16],
    7: [8, 28, 56, 72, 56, 28, 8],
    9: [4, 13, 30, 51, 60, 51, 30, 13, 4],
}


def gaussian(sizes: Sizes, sigma: float | None) -> Array:
    """A Gaussian that sums to 1.

    Parameters
    ----------
    sizes : tuple of int
        Pixels along each axis.
    sigma : float, optional
        Standard deviation in pixels. By default the numbers are OpenCV's: a table for the sizes
        1, 3, 5, 7 and 9, and ``0.3((size - 1)/2 - 1) + 0.8`` for all others.
    """
    return reduce(np.multiply.outer, [_gaussian_axis(size, sigma) for size in sizes])


def _gaussian_axis(size: int, sigma: float | None) -> Array:
    if sigma is None:
        if size in _SMALL_GAUSSIANS:
            return np.array(_SMALL_GAUSSIANS[size]) / 256
        sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
    exponents = -0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2
    values: Array = np.exp(exponents - exponents.max())  # the largest is 1, however small sigma is
    normalized: Array = values / values.sum()
    return normalized


def log(sizes: Sizes, sigma: float | None) -> Array:
    """The Laplacian of a Gaussian, shifted so that it sums to 0.

    Source: Gonzalez and Woods, *Digital Image Processing*, on the Marr-Hildreth edge detector;
    the shift is MATLAB's, in ``fspecial``. `sigma` is 1.4 pixels by default.
    """
    sigma = 1.4 if sigma is None else sigma
    offsets = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in sizes], indexing="ij")
    square = sum((offset**2 for offset in offsets), np.zeros(sizes))
    filter_ = gaussian(sizes, sigma) * (square - len(sizes) * sigma**2) / sigma**4
    zero_sum: Array = filter_ - filter_.mean()
    return zero_sum


class Named(NamedTuple):
    """A filter by name: of fixed numbers, of any sizes, or of sizes and a sigma."""

    make: Callable[..., Array]
    size: int | None = None  # by default; None: the numbers are fixed
    takes_sigma: bool = False

    @property
    def parameters(self) -> list[str]:
        """Names of what may follow the filter's name."""
        if self.size is None:
            return []
        return ["SIZE", "SIGMA"] if self.takes_sigma else ["SIZE"]


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

# Gradients: of the outputs of two filters the magnitude is taken.
PAIRS = {name: (f"{name}-x", f"{name}-y") for name in ("sobel", "scharr", "prewitt")}


def pair(spec: str, dims: int | None = None) -> tuple[Array, Array]:
    """Make the two filters of a gradient, such as ``sobel``."""
    name, colon, _ = spec.partition(":")
    if colon:
        raise UsageError(f"-k {spec!r} has more parameters than it takes; write {name}")
    _check_planar(spec, dims)
    x, y = PAIRS[name]
    return named(x), named(y)


def _check_planar(spec: str, dims: int | None) -> None:
    if dims not in (None, 2):
        raise UsageError(f"-k {spec} has 2 axes, not --dims {dims}; use a filter such as log")


def named(spec: str, dims: int | None = None) -> Array:
    """Make a filter from its name and parameters, such as ``gaussian:5:1.0``.

    Parameters
    ----------
    spec : str
        ``NAME``, ``NAME:SIZE`` with a size such as ``5`` or ``5x3``, or ``NAME:SIZE:SIGMA``.
    dims : int, optional
        Axes of a filter given by a single size; two by default.

    Raises
    ------
    UsageError
        It does not take these parameters.
    """
    name, *texts = spec.split(":")
    known = NAMED[name]
    if len(texts) > len(known.parameters):
        usage = ":".join([name, *known.parameters])
        raise UsageError(f"-k {spec!r} has more parameters than it takes; write {usage}")
    if known.size is None:
        _check_planar(name, dims)
        return known.make()
    arguments: list[object] = [_sizes(spec, texts[0] if texts else str(known.size), dims or 2)]
    if known.takes_sigma:
        arguments.append(_sigma(spec, texts[1]) if len(texts) > 1 else None)
    return known.make(*arguments)


def listing() -> Iterator[tuple[str, Array]]:
    """Give each filter by how it is written, with its numbers at its defaults."""
    for name, known in NAMED.items():
        spec = name if known.size is None else f"{name}:{known.size}"
        yield spec, named(spec)


def is_named(spec: str | None) -> bool:
    """Whether this is the name of a filter, with its parameters if there are any."""
    return spec is not None and spec.partition(":")[0] in (*NAMED, *PAIRS)


def nearest(spec: str) -> str:
    """Suggest filters with a name like this one."""
    import difflib  # noqa: PLC0415  only needed for errors

    if re.fullmatch(r"\d+(x\d+)*", spec):
        return f"for a filter of that size with random numbers use -f {spec}"
    if re.match(r"[-+.]?\d", spec):
        return "numbers are written in brackets, such as -k [1,2,1]"
    close = difflib.get_close_matches(spec.partition(":")[0], (*NAMED, *PAIRS), n=2, cutoff=0.5)
    names = ", ".join((*NAMED, *PAIRS))
    return f"did you mean {' or '.join(close)}?" if close else f"names are {names}"


def _sizes(spec: str, text: str, dims: int) -> Sizes:
    parts = text.split("x")
    if not all(part.isdecimal() and len(part) <= 5 and 1 <= int(part) <= 10_000 for part in parts):
        raise UsageError(
            f"-k {shortened(spec)}: size {shortened(text)} must be from 1 to 10000, "
            f"such as 3 or 5x3"
        )
    sizes = tuple(map(int, parts))
    sizes = sizes * dims if len(sizes) == 1 else sizes
    check_room(f"-k {spec!r}", sizes)
    return sizes


def _sigma(spec: str, text: str) -> float:
    try:
        sigma = float(text)
    except ValueError:
        sigma = math.nan
    if not 1e-3 <= sigma <= 1e6:  # beyond, sums overflow, or the filter is identity or box
        raise UsageError(
            f"-k {spec!r}: sigma {text!r} must be a number above 0 (from 0.001 to 1000000), "
            f"such as 1.0"
        )
    return sigma
