"""Receptive fields: what an output pixel sees of the input, through any number of layers."""

from math import gcd, prod
from typing import TYPE_CHECKING, NamedTuple

from convcli.geometry.axis import Axis
from convcli.geometry.coverage import reads

if TYPE_CHECKING:  # fractions costs as much to import as all of this package's plain modules
    from fractions import Fraction


class Field(NamedTuple):
    """Receptive field of one axis, in input pixels.

    `r` is its size, `j` the jump from one output to the next, `P` how far the first output's
    field starts before the input (effective padding).
    """

    r: int
    j: "int | Fraction"
    P: int


# What layers do to one axis. Those in a row that do not upsample are one that reads the same.
Trail = tuple[Axis, ...]
Span = tuple[int, int]  # the first and the last pixel of some
START = Axis("conv", n=1, f=1, s=1, d=1, pb=0, pe=0, op=0, ceil=False, out=1)
_TRACED = 4096  # outputs that are traced through a layer that upsamples
_TRACED_TAPS = 256


def append(trail: Trail, axis: Axis) -> Trail:
    """Put a layer after others: ``r += (e-1)j; P += pb·j; j *= s``, unless it upsamples."""
    if axis.kind == "convt" and axis.s > 1:
        return (*trail, axis, START)
    last = trail[-1]
    # Without a stride a transposed layer is a plain one, padded by what it does not crop.
    pb = axis.e - 1 - axis.pb if axis.kind == "convt" else axis.pb
    joined = last._replace(
        f=last.f + (axis.e - 1) * last.s, s=last.s * axis.s, pb=last.pb + pb * last.s
    )
    return (*trail[:-1], joined)


def field_of(trail: Trail) -> Field:
    """Trace outputs of the last layer back to the input."""
    if len(trail) == 1:
        return Field(trail[0].f, trail[0].s, trail[0].pb)
    import fractions  # noqa: PLC0415

    # What outputs read is one of these spans, moved by `step` times any whole number.
    spans, step = {(0, 0)}, 1
    for axis in reversed(trail):
        spans, step = _read_by(axis, spans, step)
    widest = max((last - first + 1 for first, last in spans), default=0)
    up = prod(axis.s for axis in trail if axis.kind == "convt")
    down = prod(axis.s for axis in trail) // up
    outputs = (_trace(trail, output) for output in range(_TRACED))
    return Field(widest, fractions.Fraction(down, up), -next(filter(None, outputs), (0, 0))[0])


def _read_by(axis: Axis, spans: set[Span], step: int) -> tuple[set[Span], int]:
    """Take spans of a layer's output, and what they may be moved by, to its input."""
    if axis.kind != "convt":
        return {span for span in (reads(axis, *each) for each in spans) if span}, step * axis.s
    common = gcd(step, axis.s)
    phases = range(min(axis.s // common, _TRACED // max(len(spans), 1)))
    step_in = step // common
    found = set()
    for first, last in spans:
        moves = {phase * step for phase in phases}
        if step == 1 and len(moves) < axis.s:
            # What is read changes only where an end of the span comes to a tap.
            taps = (0, axis.f - 1) if axis.d == 1 else range(min(axis.f, _TRACED_TAPS))
            places = [tap * axis.d - axis.pb for tap in taps]
            moves |= {(place - first + 1) % axis.s for place in places}
            moves |= {(place - last) % axis.s for place in places}
        for move in moves:
            if span := reads(axis, first + move, last + move):
                back = span[0] // step_in * step_in  # so that spans which are alike become one
                found.add((span[0] - back, span[1] - back))
    return found, step_in


def _trace(trail: Trail, output: int) -> Span | None:
    span: Span | None = (output, output)
    for axis in reversed(trail):
        span = reads(axis, *span) if span else None
    return span
