"""What a run computes, every question resolved: how axes are read, sizes, groups, types."""

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType, shape_text
from convcli.errors import DoesNotFit, UsageError, counted
from convcli.geometry.network.channels import check_groups
from convcli.geometry.window.axis import Axis, Kind, Window
from convcli.run.resolve.axes import SPATIAL, read_axes, with_channel_axis
from convcli.run.resolve.types import resolve_types

_FEW_CHANNELS = 4  # a last axis of as many is likely colours, or the channels of a sound


class Operation(NamedTuple):
    """A convolution with everything resolved; plain data.

    Attributes
    ----------
    layout, out_layout : str
        A letter for each axis of the input and of the output: N, C, D, H, W.
    filter : ndarray
        (out, in per group, spatial...), also for a transposed operation; of pooling, ones.
    bias : ndarray or None
        One number for each output channel.
    axes : tuple of Axis
        One for each spatial axis.
    groups : int
    each_channel : bool
        One spatial filter is applied to every channel.
    pad_mode : str
        One of `pad_modes.PAD_MODES`.
    out_dtype : dtype
    flip : bool
        The filter was flipped: mathematical convolution.
    in_dtype : dtype
    sums_dtype : dtype
        Type of the sums, if `joined` makes the output from them.
    second : ndarray or None
        As `filter`: the output is the magnitude ``sqrt(a² + b²)`` of what the two make.
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
    sums_dtype: DType
    second: Array | None = None

    @property
    def parts(self) -> "tuple[Operation, ...]":
        """Operations whose sums are joined to the output; none if the sums are the output."""
        if self.second is None and self.sums_dtype == self.out_dtype:
            return ()
        filters = [self.filter] if self.second is None else [self.filter, self.second]
        return tuple(
            self._replace(filter=each, second=None, out_dtype=self.sums_dtype) for each in filters
        )

    @property
    def joined_bytes(self) -> int:
        """Bytes of the sums from which `joined` makes one output."""
        return len(self.parts) * self.sums_dtype.itemsize

    @property
    def dims(self) -> int:
        """Number of spatial axes."""
        return len(self.axes)

    @property
    def kind(self) -> Kind:
        """What it is: a convolution, a transposed one, or pooling."""
        return self.axes[0].kind

    @property
    def transposed(self) -> bool:
        """Whether it is a transposed convolution."""
        return self.kind == "convt"

    @property
    def spatial(self) -> str:
        """Letters of the spatial axes."""
        return SPATIAL[self.dims]

    @property
    def lead(self) -> int:
        """How many axes come first along which every index is convolved independently."""
        independent = "NC" if self.each_channel else "N"
        return next(i for i, letter in enumerate(self.layout) if letter not in independent)

    def axis_of(self, letter: str) -> Axis:
        """Return the spatial axis of a letter."""
        return self.axes[self.spatial.index(letter)]

    def out_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the output, in its own layout."""
        sizes = dict(zip(self.layout, x_shape, strict=True))
        if not self.each_channel:
            sizes["C"] = self.filter.shape[0]
        sizes |= zip(self.spatial, (axis.out for axis in self.axes), strict=True)
        return tuple(sizes[letter] for letter in self.out_layout)


def resolve(
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
    saturate: bool = False,
    second: Array | None = None,
) -> Operation:
    """Resolve how a filter is applied to an input.

    Parameters
    ----------
    x_shape, x_dtype
        Of the input.
    filter_ : ndarray
        Spatial (D axes), or a layer's weight (D + 2 axes: out, in per group, spatial; of a
        transposed operation in, out per group, spatial).
    window : Window
        Stride, padding and dilation; its filter size is ignored.
    bias : ndarray, optional
        One number, or one for each output channel.
    groups : int, optional
        Groups of channels of a layer's weight.
    layout : str, optional
        A letter for each axis of the input; by default the last of N, C, D, H, W.
    dims : int, optional
        Number of spatial axes, where the number of axes is ambiguous.
    flip : bool
        Flip the filter: mathematical convolution.
    pad_mode : str
        One of `pad_modes.PAD_MODES`.
    dtype : str, optional
        Type of the output, as ``--dtype`` names it.
    saturate : bool
        Round and clip the output to what an integer `dtype` holds.
    second : ndarray, optional
        A second spatial filter of the same size: the output is a gradient's magnitude.

    Raises
    ------
    UsageError, DoesNotFit
    """
    if filter_.size == 0 or 0 in x_shape:
        raise DoesNotFit(
            f"the {'filter' if filter_.size == 0 else 'input'} is empty (shape "
            f"{shape_text(filter_.shape if filter_.size == 0 else x_shape)}); use a larger one"
        )
    guessed = layout is None and dims is None
    letters, dims, weight = read_axes(x_shape, filter_.shape, layout, dims)
    sizes = dict(zip(letters, x_shape, strict=True))
    transposed = window.kind == "convt"
    if transposed and pad_mode != "zeros":
        raise UsageError(
            f"--pad-mode {pad_mode}: the padding of a transposed convolution crops its output and "
            f"is never filled; omit --pad-mode"
        )
    channels = sizes.get("C", 1)
    if groups is not None:
        check_groups(groups)
    if weight:
        weights = _layer_filter(filter_, channels, 1 if groups is None else groups, transposed)
    elif groups not in (None, 1, channels):
        raise UsageError(
            f"-g {groups}: a spatial filter is applied to each channel separately, and the input "
            f"has {counted(channels, 'channel')}; omit -g, or use a filter with axes for output "
            f"and input channels"
        )
    else:
        weights = filter_[None, None]
    n = tuple(sizes[letter] for letter in SPATIAL[dims])
    if second is not None:
        if bias is not None:
            raise UsageError(
                "--bias cannot be combined with the magnitude of a gradient; use a filter of one "
                "direction, such as -k sobel-x"
            )
        second = second[None, None]
    out_dtype, sums_dtype = resolve_types(
        window.kind, x_dtype, filter_, bias, second is not None, dtype, saturate
    )
    return Operation(
        layout=letters,
        out_layout=letters if "C" in letters or not weight else with_channel_axis(letters),
        filter=_flipped(weights) if flip else weights,
        bias=_channel_bias(bias, weights.shape[0] if weight else channels),
        axes=_fit(window._replace(f=weights.shape[2:]), n, letters if guessed else ""),
        groups=(groups or 1) if weight else channels,
        each_channel=not weight,
        pad_mode=pad_mode,
        out_dtype=out_dtype,
        flip=flip,
        in_dtype=x_dtype,
        sums_dtype=sums_dtype,
        second=_flipped(second) if flip and second is not None else second,
    )


def _flipped(weights: Array) -> Array:
    return np.flip(weights, tuple(range(2, weights.ndim)))


def _fit(window: Window, n: tuple[int, ...], guessed: str) -> tuple[Axis, ...]:
    """Lay the window on the input; letters of axes that were `guessed` may be others."""
    try:
        return window.on(n)
    except DoesNotFit as error:
        remedy = ""
        if guessed and len(n) == 3 and window.axes == 3:
            remedy = "--dims 1 for the weight of a 1-D layer"
        elif guessed.startswith("C") and n[-1] <= _FEW_CHANNELS:
            remedy = f"--layout {guessed[1:]}C if the last axis holds channels"
        raise DoesNotFit(f"{error}, or {remedy}" if remedy else str(error)) from None


def _channel_bias(bias: Array | None, channels: int) -> Array | None:
    if bias is None:
        return None
    if bias.size not in (1, channels) or bias.squeeze().ndim > 1:  # a row of text has two axes
        raise DoesNotFit(
            f"the bias has shape {shape_text(bias.shape)}, and the output "
            f"{counted(channels, 'channel')}; "
            f"give one number, or one for each channel"
        )
    return np.broadcast_to(bias.reshape(-1), (channels,))


def _layer_filter(filter_: Array, channels: int, groups: int, transposed: bool) -> Array:
    """Check a layer's weight against the channels; returns it as (out, in per group, spatial)."""
    first, second = filter_.shape[:2]
    order, kind = ("in, out/groups", "input") if transposed else ("out, in/groups", "output")
    what = f"the filter {shape_text(filter_.shape)} ({order}, spatial)"
    if first % groups:
        raise DoesNotFit(
            f"{what} has {counted(first, f'{kind} channel')}, which {groups} groups do not divide; "
            f"use -g {gcd(first, groups)}"
        )
    c_in = first if transposed else second * groups
    if c_in != channels:
        remedy = "use --layout, or another filter"
        if not transposed and channels % second == 0 and first % (channels // second) == 0:
            remedy = f"use -g {channels // second}, or --layout"
        raise DoesNotFit(
            f"{what} with -g {groups} needs {counted(c_in, 'input channel')}, and the input has "
            f"{channels}; "
            f"{remedy}"
        )
    if not transposed:
        return filter_
    grouped = filter_.reshape(groups, first // groups, second, *filter_.shape[2:])
    return grouped.swapaxes(1, 2).reshape(groups * second, first // groups, *filter_.shape[2:])
