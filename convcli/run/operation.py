"""What a run is to compute, settled: how axes are read, sizes, numbers, and the single passes.

An input is seen as (batch, channels, spatial axes...), a filter as (out, in per group, spatial
axes...). Everything is lowered to *passes*: strided convolutions, in PyTorch's sense of
cross-correlation, with padding that may be negative where a transposed operation crops.
"""

import itertools
from collections.abc import Iterator, Sequence
from math import gcd
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, asked_dtype, at, result_dtype, shape_text
from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.axis import Axis, Window
from convcli.run.axes import SPATIAL, read_axes, with_channels


class Pass(NamedTuple):
    """One convolution of the whole input, whose outputs go to a lattice of the output."""

    filter: Array  # (out, in per group, *f)
    axes: tuple[Axis, ...]
    lattice: tuple[range, ...]  # which outputs of each spatial axis it makes


class Operation(NamedTuple):
    """A run with every question settled.

    Attributes
    ----------
    layout, out_layout : str
        A letter for each axis of the input and of the output: N, C, D, H, W.
    filter : ndarray
        (out, in per group, spatial...), of a transposed operation too.
    bias : ndarray or None
        One number for each output channel.
    axes : tuple of Axis
        One for each spatial axis.
    groups : int
    each_channel : bool
        One spatial filter serves every channel.
    pad_mode : str
        One of `borders.PAD_MODES`.
    out_dtype : dtype
    flip : bool
        The filter was flipped: mathematical convolution.
    in_dtype : dtype
    """

    layout: str
    out_layout: str
    filter: Array
    bias: Array | None
    axes: tuple[Axis, ...]
    groups: int
    each_channel: bool
    pad_mode: str
    out_dtype: DType
    flip: bool
    in_dtype: DType

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.axes)

    @property
    def transposed(self) -> bool:
        """Whether it is a transposed convolution."""
        return self.axes[0].kind == "convt"

    @property
    def spatial(self) -> str:
        """Letters of the spatial axes."""
        return SPATIAL[self.dims]

    @property
    def lead(self) -> int:
        """How many axes at the start of the input are images that do not touch each other."""
        apart = "NC" if self.each_channel and self.bias is None else "N"
        lead = next(i for i, letter in enumerate(self.layout) if letter not in apart)
        return 0 if "N" in self.layout[lead:] else lead

    def out_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the output, in its own layout."""
        sizes = dict(zip(self.layout, x_shape, strict=True))
        if not self.each_channel:
            sizes["C"] = self.filter.shape[0]
        sizes |= zip(self.spatial, (axis.out for axis in self.axes), strict=True)
        return tuple(sizes[letter] for letter in self.out_layout)

    def passes(self) -> Iterator[Pass]:
        """Lower the operation to plain convolutions."""
        if not self.transposed:
            yield Pass(self.filter, self.axes, tuple(range(axis.out) for axis in self.axes))
            return
        for phases in itertools.product(*(range(axis.s) for axis in self.axes)):
            settled = [_phase(axis, phase) for axis, phase in zip(self.axes, phases, strict=True)]
            if all(phase.lattice and phase.axis.f for phase in settled):
                taps = tuple(phase.taps for phase in settled)
                yield Pass(
                    self.filter[at(slice(None), slice(None), *taps)],
                    tuple(phase.axis for phase in settled),
                    tuple(phase.lattice for phase in settled),
                )


class _Phase(NamedTuple):
    taps: slice
    axis: Axis
    lattice: range


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
    lattice = range(start, axis.out, s)
    out = len(lattice)
    if first is None:
        return _Phase(slice(0, 0), axis._replace(kind="conv", f=0), range(0))
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
        lattice,
    )


def settle(
    x_shape: tuple[int, ...],
    x_dtype: DType,
    filter_: Array,
    window: Window,
    *,
    bias: Array | None = None,
    groups: int | None = None,
    layout: str | None = None,
    dims: int | None = None,
    flip: bool = False,
    pad_mode: str = "zeros",
    dtype: str | None = None,
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
    bias : ndarray, optional
        One number, or one for each output channel.
    groups : int, optional
        Groups of channels of a layer's weight.
    layout : str, optional
        A letter for each axis of the input; by default the last of N, C, D, H, W.
    dims : int, optional
        Number of spatial axes, where a filter of three axes leaves it open.
    flip : bool
        Flip the filter: mathematical convolution.
    pad_mode : str
        One of `borders.PAD_MODES`.
    dtype : str, optional
        Type of the output, as ``--dtype`` names it.

    Raises
    ------
    UsageError, DoesNotFit
    """
    if filter_.size == 0 or 0 in x_shape:
        raise DoesNotFit(f"the {'filter' if filter_.size == 0 else 'input'} has no numbers in it")
    letters, dims, weight = read_axes(x_shape, filter_.shape, layout, dims)
    sizes = dict(zip(letters, x_shape, strict=True))
    transposed = window.kind == "convt"
    if transposed and pad_mode != "zeros":
        raise UsageError(
            f"--pad-mode {pad_mode}: the padding of a transposed operation crops its output and "
            f"is never filled; leave --pad-mode out"
        )
    channels = sizes.get("C", 1)
    if weight:
        settled = _layer_filter(filter_, channels, groups or 1, transposed)
    elif groups is not None and groups < 1:
        raise UsageError(f"groups {groups} must be 1 or more; use -g 1")
    elif groups not in (None, 1, channels):
        raise UsageError(
            f"-g {groups}: one spatial filter serves each of the {channels} channels by itself; "
            f"leave -g out, or give a filter with axes for out and in channels"
        )
    else:
        settled = filter_[None, None]
    if flip:
        settled = np.flip(settled, tuple(range(2, settled.ndim)))
    n = tuple(sizes[letter] for letter in SPATIAL[dims])
    others = [filter_.dtype] if bias is None else [filter_.dtype, bias.dtype]
    natural = result_dtype(x_dtype, *others)
    return Operation(
        layout=letters,
        out_layout=letters if "C" in letters or not weight else with_channels(letters),
        filter=settled,
        bias=_channel_bias(bias, settled.shape[0] if weight else channels),
        axes=window._replace(f=settled.shape[2:]).on(n),
        groups=(groups or 1) if weight else channels,
        each_channel=not weight,
        pad_mode=pad_mode,
        out_dtype=natural if dtype is None else asked_dtype(dtype, natural),
        flip=flip,
        in_dtype=x_dtype,
    )


def _channel_bias(bias: Array | None, channels: int) -> Array | None:
    if bias is None:
        return None
    if bias.size not in (1, channels) or bias.ndim > 1:
        raise DoesNotFit(
            f"the bias has {shape_text(bias.shape)} numbers, and the output {channels} channels; "
            f"give one number, or one for each channel"
        )
    return np.broadcast_to(bias.reshape(-1), (channels,))


def _layer_filter(filter_: Array, channels: int, groups: int, transposed: bool) -> Array:
    """Check a layer's weight against the channels; returns it as (out, in per group, spatial)."""
    if groups < 1:
        raise UsageError(f"groups {groups} must be 1 or more; use -g 1")
    first, second = filter_.shape[:2]
    c_in = first if transposed else second * groups
    if c_in != channels or (first % groups):
        order = "in, out/groups" if transposed else "out, in/groups"
        raise DoesNotFit(
            f"the filter {shape_text(filter_.shape)} ({order}, spatial) with {groups} groups takes "
            f"{c_in} channels, and the input has {channels}; use another -g, or --layout"
        )
    if not transposed:
        return filter_
    grouped = filter_.reshape(groups, first // groups, second, *filter_.shape[2:])
    return grouped.swapaxes(1, 2).reshape(groups * second, first // groups, *filter_.shape[2:])
