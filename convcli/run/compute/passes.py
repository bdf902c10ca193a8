"""Lowers an operation to plain convolutions: one, or for a transposed one, one per phase.

A transposed convolution of stride `s` makes `s` interleaved sets of outputs along each axis, its
*phases*. Each is a plain convolution of stride 1 with some of the taps.
"""

import itertools
from collections.abc import Iterator, Sequence
from math import gcd
from typing import NamedTuple

from convcli.arrays.dtypes import Array, at
from convcli.geometry.window.axis import Axis
from convcli.geometry.window.size import effective_filter


class Pass(NamedTuple):
    """One plain convolution of the whole input; it makes every step-th output of each axis."""

    filter: Array  # (out, in per group, *f)
    axes: tuple[Axis, ...]
    outputs: tuple[range, ...]


def lower(filter_: Array, axes: Sequence[Axis]) -> Iterator[Pass]:
    """List the plain convolutions that together make all outputs that any tap reaches.

    Parameters
    ----------
    filter_ : ndarray, shape (out, in per group, *f)
    axes : sequence of Axis
        One for each spatial axis, all of one kind.
    """
    if axes[0].kind != "convt":
        yield Pass(filter_, tuple(axes), tuple(range(axis.out) for axis in axes))
        return
    for phases in itertools.product(*(range(axis.s) for axis in axes)):
        lowered = [_phase(axis, phase) for axis, phase in zip(axes, phases, strict=True)]
        if all(each.outputs and each.axis.f for each in lowered):
            taps = (each.taps for each in lowered)
            yield Pass(
                filter_[at(slice(None), slice(None), *taps)],
                tuple(each.axis for each in lowered),
                tuple(each.outputs for each in lowered),
            )


class _Phase(NamedTuple):
    taps: slice
    axis: Axis
    outputs: range


def _phase(axis: Axis, phase: int) -> _Phase:
    """Find the plain convolution that makes one phase of a transposed axis.

    Output ``u``, counted before the crop, is the sum of ``x[i]·w[k]`` over ``i·s + k·d = u``. With
    4 taps, stride 2 and dilation 1::

        u        0      1      2              3              4              5
        phase 0  w0·x0         w2·x0 + w0·x1                 w2·x1 + w0·x2
        phase 1         w1·x0                 w3·x0 + w1·x1                 w3·x1 + w1·x2

    A phase takes every ``s/gcd(s, d)``-th tap, in reverse, over inputs ``d/gcd(s, d)`` apart.
    """
    s, d = axis.s, axis.d
    step = s // gcd(s, d)
    first = next((k for k in range(min(step, axis.f)) if (phase - k * d) % s == 0), None)
    start = (phase - axis.pb) % s
    outputs = range(start, axis.out, s)
    if first is None:  # no tap reaches this phase
        return _Phase(slice(0, 0), axis._replace(kind="conv", f=0), range(0))
    count = len(range(first, axis.f, step))
    last = first + (count - 1) * step
    dilation = d // gcd(s, d)
    e = effective_filter(count, dilation)
    # The first output meets the last tap at this input; before input 0 that is padding.
    origin = (start + axis.pb - last * d) // s
    before = -origin
    after = len(outputs) - 1 + e - axis.n - before
    return _Phase(
        slice(last, first - 1 if first else None, -step),
        Axis("conv", axis.n, f=count, s=1, d=dilation, pb=before, pe=after, out=len(outputs)),
        outputs,
    )
