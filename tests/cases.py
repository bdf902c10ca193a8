"""Convolutions that fit, drawn by Hypothesis: every input is sized by the window it meets."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.geometry.window.axis import Window
from tests import naive


class Limits(NamedTuple):
    """The largest number of each kind that is drawn for an axis."""

    n: int  # input pixels beyond the fewest that fit
    f: int = 4
    s: int = 3
    d: int = 3
    p: int = 3


# By the number of spatial axes; the oracle adds up one product at a time.
SMALL = {1: Limits(20, p=5), 2: Limits(7, p=5), 3: Limits(3, f=3)}


@dataclass(frozen=True)
class Case:
    """A convolution that fits; one number, or (begin, end), for each spatial axis.

    Attributes
    ----------
    x : ndarray, shape (batch, channels, n...)
    w : ndarray
        A spatial filter (f...), or a layer's weight (out, in/groups, f...); of a transposed layer
        (in, out/groups, f...).
    g : int or None
        Groups of channels; None with a spatial filter.
    """

    x: NDArray[Any]
    w: NDArray[Any]
    s: tuple[int, ...]
    p: tuple[tuple[int, int], ...]
    d: tuple[int, ...]
    op: tuple[int, ...]
    g: int | None = None
    transposed: bool = False

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.s)

    @property
    def window(self) -> Window:
        """The window, whose filter size is that of `w`."""
        kind = "convt" if self.transposed else "conv"
        return Window((1,), self.s, self.p, self.d, self.op, kind)  # type: ignore[arg-type]

    def astype(self, dtype: str) -> "Case":
        """Convert the input and the filter."""
        return replace(self, x=self.x.astype(dtype), w=self.w.astype(dtype))

    def with_filter(self, w: NDArray[Any]) -> "Case":
        """Take another filter of the same shape."""
        return replace(self, w=w)

    def expected(self, mode: str = "zeros") -> NDArray[Any]:
        """Compute the output by the definition: (batch, channels, out...)."""
        if self.transposed:
            return naive.transpose_convolve(
                self.x, self.w, self.s, self.p, self.d, self.op, self.g or 1
            )
        if self.g is not None:
            return naive.convolve(self.x, self.w, self.s, self.p, self.d, self.g, mode)
        batch, channels, *n = self.x.shape  # a spatial filter: each channel is an image
        images = self.x.reshape(batch * channels, 1, *n)
        y = naive.convolve(images, self.w[None, None], self.s, self.p, self.d, 1, mode)
        return y.reshape(batch, channels, *y.shape[2:])


@st.composite
def windows(
    draw: st.DrawFn, most: Limits, transposed: bool = False, even: bool = False
) -> tuple[Any, ...]:
    """Draw one axis, (n, f, s, p, d, op); n is at least what the window needs.

    With `even`, the padding is the same at both ends.
    """
    f, s, d = (draw(st.integers(1, top)) for top in (most.f, most.s, most.d))
    pb = draw(st.integers(0, most.p))
    pe = pb if even else draw(st.integers(0, most.p))
    op = draw(st.integers(0, max(s, d) - 1)) if transposed else 0
    e = d * (f - 1) + 1
    # (n - 1)s - pb - pe + e + op >= 1, and n + pb + pe >= e
    fewest = -(-(pb + pe + 1 - e - op) // s) + 1 if transposed else e - pb - pe
    n = draw(st.integers(max(fewest, 1), max(fewest, 1) + most.n))
    return n, f, s, (pb, pe), d, op


def _numbers(draw: st.DrawFn, integers: bool) -> Any:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return (lambda shape: rng.integers(-9, 10, shape)) if integers else rng.standard_normal


@st.composite
def spatial_filters(
    draw: st.DrawFn,
    limits: dict[int, Limits] = SMALL,
    dims: st.SearchStrategy[int] = st.integers(1, 3),  # noqa: B008  a strategy has no state
    batch: int | None = None,
    channels: int | None = None,
    integers: bool = True,
) -> Case:
    """Draw a spatial filter; `batch` and `channels` may be fixed."""
    axes: int = draw(dims)
    n, f, s, p, d, op = zip(*(draw(windows(limits[axes])) for _ in range(axes)), strict=True)
    batch, channels = (draw(st.integers(1, 3)) if k is None else k for k in (batch, channels))
    numbers = _numbers(draw, integers)
    return Case(numbers((batch, channels, *n)), numbers(f), s, p, d, op)


@st.composite
def layers(
    draw: st.DrawFn,
    limits: dict[int, Limits] = SMALL,
    dims: st.SearchStrategy[int] = st.integers(1, 3),  # noqa: B008  a strategy has no state
    batch: int | None = None,
    channels: int | None = None,
    each: tuple[int, ...] = (1, 2),
    transposed: bool = False,
    even: bool = False,
    integers: bool = True,
) -> Case:
    """Draw a layer; `batch` and its input `channels` may be fixed, `each` is channels a group."""
    axes: int = draw(dims)
    drawn = (draw(windows(limits[axes], transposed, even)) for _ in range(axes))
    n, f, s, p, d, op = zip(*drawn, strict=True)
    batch = draw(st.integers(1, 2)) if batch is None else batch
    groups = draw(st.integers(1, 3)) if channels is None else 1
    each_in = draw(st.sampled_from(each)) if channels is None else channels
    each_out = draw(st.sampled_from(each))
    shape = (groups * each_in, each_out) if transposed else (groups * each_out, each_in)
    numbers = _numbers(draw, integers)
    x, w = numbers((batch, groups * each_in, *n)), numbers((*shape, *f))
    return Case(x, w, s, p, d, op, groups, transposed)
