"""Named filters. A new one is a function of its parameters and an entry in `NAMED`."""

import difflib
from collections.abc import Callable

import numpy as np

from convcli.arrays import Array
from convcli.errors import UsageError


def _ints(*rows: list[int]) -> Callable[[], Array]:
    return lambda: np.array(rows, np.int64)


def identity(size: int = 3) -> Array:
    """One in the middle, zero elsewhere: the output is the input."""
    filter_ = np.zeros((_odd(size), size), np.int64)
    filter_[size // 2, size // 2] = 1
    return filter_


def box(size: int = 3) -> Array:
    """The mean of a square."""
    return np.full((_positive(size),) * 2, 1 / size**2)


def gaussian(size: int = 3, sigma: float | None = None) -> Array:
    """A Gaussian bell that sums to 1.

    Parameters
    ----------
    size : int
        Pixels along each side.
    sigma : float, optional
        Standard deviation in pixels; by default OpenCV's ``0.3((size - 1)/2 - 1) + 0.8``.
    """
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8 if sigma is None else sigma
    if sigma <= 0:
        raise UsageError(f"gaussian's sigma {sigma:g} must be above 0; use gaussian:{size}:1.0")
    bell = np.exp(-0.5 * ((np.arange(_positive(size)) - (size - 1) / 2) / sigma) ** 2)
    bell /= bell.sum()
    square: Array = np.outer(bell, bell)
    return square


def log(size: int = 9, sigma: float = 1.4) -> Array:
    """The Laplacian of a Gaussian, shifted so that it sums to 0.

    Source: Gonzalez and Woods, *Digital Image Processing*, eq. 10-29, with MATLAB's zero sum.
    """
    if sigma <= 0:
        raise UsageError(f"log's sigma {sigma:g} must be above 0; use log:{size}:1.4")
    r = np.arange(_positive(size)) - (size - 1) / 2
    square = r[:, None] ** 2 + r[None, :] ** 2
    bell = np.exp(-square / (2 * sigma**2))
    shape: Array = bell / bell.sum() * (square - 2 * sigma**2) / sigma**4
    zero_sum: Array = shape - shape.mean()
    return zero_sum


NAMED: dict[str, tuple[str, Callable[..., Array]]] = {
    "identity": ("identity:SIZE", identity),
    "box": ("box:SIZE", box),
    "gaussian": ("gaussian:SIZE:SIGMA", gaussian),
    "sobel-x": ("", _ints([-1, 0, 1], [-2, 0, 2], [-1, 0, 1])),
    "sobel-y": ("", _ints([-1, -2, -1], [0, 0, 0], [1, 2, 1])),
    "scharr-x": ("", _ints([-3, 0, 3], [-10, 0, 10], [-3, 0, 3])),
    "scharr-y": ("", _ints([-3, -10, -3], [0, 0, 0], [3, 10, 3])),
    "prewitt-x": ("", _ints([-1, 0, 1], [-1, 0, 1], [-1, 0, 1])),
    "prewitt-y": ("", _ints([-1, -1, -1], [0, 0, 0], [1, 1, 1])),
    "laplacian": ("", _ints([0, 1, 0], [1, -4, 1], [0, 1, 0])),
    "log": ("log:SIZE:SIGMA", log),
    "sharpen": ("", _ints([0, -1, 0], [-1, 5, -1], [0, -1, 0])),
    "emboss": ("", _ints([-2, -1, 0], [-1, 1, 1], [0, 1, 2])),
}


def named(spec: str) -> Array:
    """Make a filter from its name and parameters, such as ``gaussian:5:1.0``.

    Raises
    ------
    UsageError
        There is no such name (the nearest is suggested), or it does not take these parameters.
    """
    name, *texts = spec.split(":")
    usage, make = NAMED[name]
    letters = usage.split(":")[1:]
    if len(texts) > len(letters):
        takes = f"write {usage}" if letters else f"write {name} alone"
        raise UsageError(f"-k {spec!r} has {len(texts)} parameters; {takes}")
    values: list[float] = []
    for letter, text in zip(letters, texts, strict=False):
        try:
            values.append(int(text) if letter == "SIZE" else float(text))
        except ValueError:
            raise UsageError(
                f"-k {spec!r}: {text!r} is no {letter.lower()}; write {usage}"
            ) from None
    return make(*values)


def nearest(spec: str) -> str:
    """Suggest filters with a name like this one."""
    close = difflib.get_close_matches(spec.partition(":")[0], NAMED, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"names are {', '.join(NAMED)}"


def _positive(size: int) -> int:
    if not 1 <= size <= 10_000:
        raise UsageError(f"filter size {size} must be from 1 to 10000; use 3, 5 or the like")
    return size


def _odd(size: int) -> int:
    if _positive(size) % 2 == 0:
        raise UsageError(f"identity's size {size} must be odd to have a middle; use {size + 1}")
    return size
