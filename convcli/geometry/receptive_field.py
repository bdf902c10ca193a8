"""Receptive fields: which input pixels an output depends on, through any number of layers.

For layers that do not upsample this is the recurrence of Araujo, Norris and Sim, *Computing
Receptive Fields of Convolutional Neural Networks* (Distill, 2019). After a transposed layer
outputs differ in what they read, with a period: an interval is kept for each phase of it.
"""

from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from convcli.geometry.axis import Axis
from convcli.geometry.coverage import reads

if TYPE_CHECKING:  # importing fractions takes as long as all of this package's plain modules
    from fractions import Fraction

Span = tuple[int, int]  # first and last input pixel


class Field(NamedTuple):
    """Receptive field of one axis, in input pixels.

    `r` is the largest size over all outputs, `j` the jump from one output to the next, `P` how far
    the field of the first output starts before the input (effective padding). Where it is not
    `exact`, `r` and `P` are upper bounds.
    """

    r: int
    j: "int | Fraction"
    P: int
    exact: bool = True


class Phases(NamedTuple):
    """What each output of a layer depends on, exactly, along one axis.

    Outputs `period` apart depend on the same pixels, moved by `advance`. `spans` are the intervals
    of outputs 0 to ``period - 1``, not cut at the borders; None where one depends on no pixel.

    With a transposed layer of f=1, s=2, every other output is written, and from one pixel each:
    ``Phases(period=2, advance=1, spans=((0, 0), None))``.
    """

    period: int
    advance: int
    spans: tuple[Span | None, ...]
    work: int = 0  # steps taken so far to compute the spans of all layers

    def at(self, output: int) -> Span | None:
        """Return the interval of input pixels that one output depends on."""
        cycle, phase = divmod(output, self.period)
        span = self.spans[phase]
        moved = cycle * self.advance
        return (span[0] + moved, span[1] + moved) if span else None

    def union(self, outputs: range) -> Span | None:
        """Return the interval that several outputs, evenly spaced, depend on together."""
        # Every phase among them occurs in the first of them, and again in the last of them.
        distinct = self.period // gcd(self.period, outputs.step)
        firsts = [span[0] for span in map(self.at, outputs[:distinct]) if span]
        lasts = [span[1] for span in map(self.at, outputs[-distinct:]) if span]
        return (min(firsts), max(lasts)) if firsts else None

    def field(self) -> Field:
        """Return the largest field, the jump, and where the first field starts."""
        spans = [span for span in self.spans if span]
        size = max((last - first + 1 for first, last in spans), default=0)
        return Field(size, _ratio(self.advance, self.period), -spans[0][0] if spans else 0)

    def bound(self) -> "Bound":
        """Return bounds that hold for every phase."""
        rows = [
            (o * self.advance - span[0] * self.period, span[1] * self.period - o * self.advance)
            for o, span in enumerate(self.spans)
            if span
        ]
        before = max((row[0] for row in rows), default=0)
        after = max((row[1] for row in rows), default=-self.period)
        return Bound(self.period, self.advance, before, after)


class Bound(NamedTuple):
    """Bounds of what each output depends on, where there are too many phases to store.

    Output ``o`` depends on pixels from ``(o·advance - before)/period`` to
    ``(o·advance + after)/period`` at most.
    """

    period: int
    advance: int
    before: int
    after: int

    def extend(self, axis: Axis) -> "Bound":
        """Add a layer, as if it read every pixel between its first and its last tap."""
        left, right = self.advance * axis.pb, self.advance * (axis.e - 1 - axis.pb)
        if axis.kind != "convt":
            return Bound(self.period, self.advance * axis.s, self.before + left, self.after + right)
        s = axis.s
        return Bound(self.period * s, self.advance, self.before * s + right, self.after * s + left)

    def field(self) -> Field:
        """Return the upper bounds of the field."""
        size = (self.before + self.after) // self.period + 1
        jump = _ratio(self.advance, self.period)
        return Field(size, jump, self.before // self.period, exact=False)


Reach = Phases | Bound
INPUT = Phases(period=1, advance=1, spans=((0, 0),))  # of the input itself: each pixel is its own
_MAX_WORK = 1 << 17  # phases times taps, over all layers of a stack: about 0.2 s


def extend(before: Reach, axis: Axis) -> Reach:
    """Add a layer to those before it."""
    if isinstance(before, Bound):
        return before.extend(axis)
    if axis.kind == "convt":
        period, advance = before.period * axis.s, before.advance
        taps = -(-axis.f * gcd(axis.s, axis.d) // axis.s)  # that reach one output
    else:
        common = gcd(before.period, axis.s)
        period, advance = before.period // common, before.advance * (axis.s // common)
        taps = axis.f
    work = before.work + period * min(taps, before.period)
    if work > _MAX_WORK:
        return before.bound().extend(axis)
    spans = tuple([before.union(reads(axis, output)) for output in range(period)])
    return Phases(period, advance, spans, work)


def _ratio(numerator: int, denominator: int) -> "int | Fraction":
    if numerator % denominator == 0:
        return numerator // denominator
    import fractions  # noqa: PLC0415

    return fractions.Fraction(numerator, denominator)
