"""What a run is to compute, settled: how axes are read, sizes, numbers, and the single passes.

An input is seen as (batch, channels, spatial axes...), a filter as (out, in per group, spatial
axes...). Everything is lowered to *passes*: strided convolutions, in PyTorch's sense of
cross-correlation, with padding that may be negative where a transposed operation crops.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np

from convcli.arrays import Array, at
from convcli.errors import DoesNotFit, UsageError
from convcli.geometry import Axis, Window

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


class Pass(NamedTuple):
    """One convolution of the whole input, whose outputs go to a lattice of the output."""

    filter: Array  # (out, in per group, *f)
    axes: tuple[Axis, ...]
    lattice: tuple[slice, ...]  # which outputs of each spatial axis it makes


@dataclass(frozen=True)
class Operation:
    """A run with every question settled.

    Attributes
    ----------
    layout, out_layout : str
        A letter for each axis of the input and of the output: N, C, D, H, W.
    filter : ndarray
        (out, in per group, spatial...), PyTorch's order also for a transposed operation's groups.
    axes : tuple of Axis
        One for each spatial axis.
    groups : int
    each_channel : bool
        One spatial filter serves every channel.
    pad_mode : str
    out_dtype : dtype
    """

    layout: str
    out_layout: str
    filter: Array
    axes: tuple[Axis, ...]
    groups: int
    each_channel: bool
    pad_mode: str
    out_dtype: np.dtype[np.generic]

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.axes)

    def canonical(self, x: Array) -> Array:
        """View an array, laid out as the input, as (batch, channels, spatial...)."""
        return _canonical(x, self.layout, self.dims)

    def out_canonical(self, y: Array) -> Array:
        """View an array, laid out as the output, as (batch, channels, spatial...)."""
        return _canonical(y, self.out_layout, self.dims)

    def out_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the output, in its own layout."""
        sizes = dict(zip(self.layout, x_shape, strict=True))
        if not self.each_channel:
            sizes["C"] = self.filter.shape[0]
        sizes |= zip(SPATIAL[self.dims], (axis.out for axis in self.axes), strict=True)
        return tuple(sizes[letter] for letter in self.out_layout)

    def passes(self) -> Iterator[Pass]:
        """Lower the operation to plain convolutions."""
        if self.axes[0].kind == "conv":
            yield Pass(self.filter, self.axes, (slice(None),) * self.dims)
            return
        for phases in itertools.product(*(range(axis.s) for axis in self.axes)):
            settled = [_phase(axis, phase) for axis, phase in zip(self.axes, phases, strict=True)]
            if all(phase.axis.out > 0 and phase.axis.f > 0 for phase in settled):
                taps = tuple(phase.taps for phase in settled)
                yield Pass(
                    self.filter[at(slice(None), slice(None), *taps)],
                    tuple(phase.axis for phase in settled),
                    tuple(phase.lattice for phase in settled),
                )


class _Phase(NamedTuple):
    taps: slice
    axis: Axis
    lattice: slice


def _phase(axis: Axis, phase: int) -> _Phase:
    """Find the plain convolution that makes every s-th output of a transposed one.

    Output ``u`` (counted before the crop) is the sum of ``x[i]·w[k]`` over ``i·s + k·d = u``. For
    ``u = phase + s·q`` those are the taps ``k = first + m·step``, and their inputs lie
    ``d/gcd(s, d)`` apart: a stride-1 convolution with the taps in reverse.
    """
    s, d = axis.s, axis.d
    step = s // gcd(s, d)
    first = next((k for k in range(min(step, axis.f)) if (phase - k * d) % s == 0), None)
    start = (phase - axis.pb) % s
    out = len(range(start, axis.out, s))
    if first is None:
        return _Phase(slice(0, 0), axis._replace(kind="conv", f=0, out=out), slice(start, None, s))
    count = len(range(first, axis.f, step))
    dilation = d // gcd(s, d)
    last = first + (count - 1) * step
    # The input under the first (reversed) tap of the first output.
    origin = (start + axis.pb - last * d) // s
    e = dilation * (count - 1) + 1
    before = -origin
    after = out - 1 + e - axis.n - before
    return _Phase(
        slice(last, first - 1 if first else None, -step),
        Axis("conv", axis.n, count, 1, dilation, before, after, 0, False, out),
        slice(start, None, s),
    )


def _canonical(x: Array, layout: str, dims: int) -> Array:
    """Reorder axes to N, C and the spatial ones; an axis that is missing gets size 1."""
    order = [layout.index(letter) for letter in "NC" + SPATIAL[dims] if letter in layout]
    x = x.transpose(order)
    for position, letter in enumerate("NC"):
        if letter not in layout:
            x = np.expand_dims(x, position)
    return x


def settle(
    x_shape: tuple[int, ...],
    x_dtype: np.dtype[np.generic],
    filter_: Array,
    window: Window,
    *,
    groups: int | None = None,
    layout: str | None = None,
    dims: int | None = None,
    flip: bool = False,
    pad_mode: str = "zeros",
    dtype: np.dtype[np.generic] | None = None,
) -> Operation:
    """Settle how an input and a filter go together.

    Parameters
    ----------
    x_shape, x_dtype
        Of the input.
    filter_ : ndarray
        Spatial (D axes), or a layer's weight (D + 2 axes: out, in per group, spatial; of a
        transposed operation in, out per group, spatial).
    window : Window
        Stride, padding and dilation; its filter size is not looked at.
    groups : int, optional
        Groups of channels of a layer's weight.
    layout : str, optional
        A letter for each axis of the input; by default the last of N, C, D, H, W.
    dims : int, optional
        Number of spatial axes, where a filter of three axes leaves it open.
    flip : bool
        Flip the filter: mathematical convolution.
    pad_mode : str
    dtype : dtype, optional
        Of the output.

    Raises
    ------
    UsageError, DoesNotFit
    """
    letters, dims, weight = read_axes(x_shape, filter_.shape, layout, dims)
    if filter_.size == 0 or 0 in x_shape:
        raise DoesNotFit(f"{'filter' if filter_.size == 0 else 'input'} has no numbers in it")
    sizes = dict(zip(letters, x_shape, strict=True))
    transposed = window.kind == "convt"
    channels = sizes.get("C", 1)
    if weight:
        canonical = _layer_filter(filter_, channels, groups or 1, transposed)
    elif groups not in (None, 1, channels):
        raise UsageError(
            f"-g {groups}: one spatial filter serves each of the {channels} channels by itself; "
            f"leave -g out, or give a filter with axes for out and in channels"
        )
    else:
        canonical = filter_[None, None]
    if flip:
        canonical = np.flip(canonical, tuple(range(2, canonical.ndim)))
    n = tuple(sizes[letter] for letter in SPATIAL[dims])
    axes = window._replace(f=canonical.shape[2:]).on(n)
    out_letters = letters if "C" in letters or not weight else "C" + letters
    return Operation(
        layout=letters,
        out_layout=out_letters,
        filter=canonical,
        axes=axes,
        groups=(groups or 1) if weight else channels,
        each_channel=not weight,
        pad_mode=pad_mode,
        out_dtype=dtype or result_dtype(x_dtype, filter_.dtype),
    )


def read_axes(
    x_shape: Sequence[int], filter_shape: Sequence[int], layout: str | None, dims: int | None
) -> tuple[str, int, bool]:
    """Read the axes of input and filter by their number, never by their sizes.

    Returns
    -------
    tuple
        A letter for each input axis, the number of spatial axes, and whether the filter is a
        layer's weight.
    """
    x_axes, f_axes = len(x_shape), len(filter_shape)
    if layout is not None:
        layout = _check_layout(layout, x_axes)
        dims = len(layout.replace("N", "").replace("C", ""))
    elif dims is None:
        # Three axes are a spatial filter, but over two axes can only be a 1-D layer's weight.
        dims = f_axes if f_axes <= 2 or (f_axes == 3 and x_axes > 2) else f_axes - 2
    if not 1 <= dims <= 3 or f_axes not in (dims, dims + 2):
        kinds = f"{dims} (spatial) or {dims + 2} (out, in/groups, spatial)" if dims else "1 to 5"
        raise DoesNotFit(
            f"the filter has {f_axes} axes ({_shape(filter_shape)}), which must be {kinds}; "
            f"name the axes with --layout or --dims"
        )
    if not dims <= x_axes <= dims + 2:
        raise DoesNotFit(
            f"the input has {x_axes} axes ({_shape(x_shape)}), and the filter {dims} spatial ones: "
            f"the input must have {dims} to {dims + 2}; name its axes with --layout or --dims"
        )
    letters = layout or ("NC" + SPATIAL[dims])[-x_axes:]
    return letters, dims, f_axes == dims + 2


def _check_layout(layout: str, x_axes: int) -> str:
    letters = layout.upper().replace("L", "W")
    spatial = "".join(sorted(letters.replace("N", "").replace("C", "")))
    if len(set(letters)) != len(letters) or spatial not in SPATIAL.values():
        raise UsageError(
            f"--layout {layout!r} is not a layout: each letter once, of N C and W, HW or DHW; "
            f"write one such as HW, CHW, HWC or NHWC"
        )
    if len(letters) != x_axes:
        raise UsageError(
            f"--layout {layout!r} names {len(letters)} axes, and the input has {x_axes}; "
            f"give a letter for each"
        )
    return letters


def _layer_filter(filter_: Array, channels: int, groups: int, transposed: bool) -> Array:
    """Check a layer's weight against the channels; returns it as (out, in per group, spatial)."""
    if groups < 1:
        raise UsageError(f"groups {groups} must be 1 or more; use -g 1")
    first, second = filter_.shape[:2]
    c_in = first if transposed else second * groups
    if c_in != channels or (first % groups):
        order = "in, out/groups" if transposed else "out, in/groups"
        raise DoesNotFit(
            f"the filter {_shape(filter_.shape)} ({order}, spatial) with {groups} groups takes "
            f"{c_in} channels, and the input has {channels}; use another -g, or --layout"
        )
    if not transposed:
        return filter_
    grouped = filter_.reshape(groups, first // groups, second, *filter_.shape[2:])
    return grouped.swapaxes(1, 2).reshape(groups * second, first // groups, *filter_.shape[2:])


def result_dtype(x: np.dtype[np.generic], filter_: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Choose the output's type.

    Integers and booleans with an integer filter give int64; with a float filter float32 if they
    have at most 16 bits, else float64. Floats keep their type; complex stays complex.
    """
    if x.kind in "iub" and filter_.kind in "iub":
        return np.dtype(np.int64)
    if x.kind in "iub":
        x = np.dtype(np.float32 if x.itemsize <= 2 else np.float64)
    if filter_.kind == "c" and x.kind != "c":
        x = np.result_type(x, np.complex64)
    return x.newbyteorder("=")


def integer_bound(x: Array, filter_: Array) -> int:
    """Bound the magnitude of every sum of an integer convolution, in exact arithmetic."""
    largest = max(abs(int(x.max())), abs(int(x.min())))
    weights = filter_.reshape(filter_.shape[0], -1)
    if weights.dtype.kind == "b":
        weights = weights.astype(np.int64)
    per_output = max(sum(abs(int(w)) for w in row) for row in weights.tolist())
    return largest * per_output


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
