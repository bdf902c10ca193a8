"""Receptive fields: which input pixels an output depends on, through any number of operations.

For layers that do not upsample this is the recurrence of Araujo, Norris and Sim, *Computing
Receptive Fields of Convolutional Neural Networks* (Distill, 2019). After an operation that
upsamples, outputs differ in what they read, with a period: an interval is kept for each phase of
it. Where branches meet, the intervals of each phase are joined.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from convcli.geometry.network.index_map import Bordered, IndexMap

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

    @property
    def sign(self) -> str:
        """What is written before `r` and `P`: ≤ where they are upper bounds."""
        return "" if self.exact else "≤"


class Phases(NamedTuple):
    """What each output depends on, exactly, along one axis.

    Outputs `period` apart depend on the same pixels, moved by `advance`. `spans` are the intervals
    of outputs 0 to ``period - 1``, not cut at the borders; None where one depends on no pixel.

    With a transposed layer of f=1, s=2, every other output is written, and from one pixel each:
    ``Phases(period=2, advance=1, spans=((0, 0), None))``. Where all outputs depend on the same
    pixels, as after global pooling, the advance is 0.
    """

    period: int
    advance: int
    spans: tuple[Span | None, ...]

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
        low, high = outputs[:distinct], outputs[-distinct:]
        if self.advance < 0:
            low, high = high, low
        firsts = [span[0] for span in map(self.at, low) if span]
        lasts = [span[1] for span in map(self.at, high) if span]
        return (min(firsts), max(lasts)) if firsts else None

    def field(self, count: int) -> Field:
        """Return the largest field of so many outputs, the jump, and where the first one starts."""
        return _field(self.period, self.advance, self.spans[:count])

    def bound(self) -> "Bound":
        """Return bounds that hold for every phase."""
        return _bound(self.period, self.advance, self.spans)


class Listed(NamedTuple):
    """What each output depends on, exactly, where no period describes it: `spans` has them all.

    ``advance/period`` is the jump of the first branch.
    """

    period: int
    advance: int
    spans: tuple[Span | None, ...]

    def at(self, output: int) -> Span | None:
        """Return the interval of input pixels that one output depends on; None for padding."""
        return self.spans[output] if 0 <= output < len(self.spans) else None

    def union(self, outputs: range) -> Span | None:
        """Return the interval that several outputs depend on together."""
        return _hull([self.at(output) for output in outputs])

    def field(self, count: int) -> Field:
        """Return the largest field, the jump of the first branch, and where output 0 starts."""
        return _field(self.period, self.advance, self.spans[:count])

    def bound(self) -> "Bound":
        """Return bounds that hold for every output."""
        return _bound(self.period, self.advance, self.spans)


class Bound(NamedTuple):
    """Bounds of what each output depends on, where there are too many phases to store.

    Output ``o`` depends on pixels from ``(o·advance - before)/period`` to
    ``(o·advance + after)/period`` at most.
    """

    period: int
    advance: int
    before: int
    after: int

    def at(self, output: int) -> Span | None:
        """Return an interval that holds all input pixels that one output depends on."""
        place = output * self.advance
        return -((self.before - place) // self.period), (place + self.after) // self.period

    def union(self, outputs: range) -> Span | None:
        """Return an interval that holds all that several outputs depend on."""
        if not outputs:
            return None
        ends = [span for span in (self.at(outputs[0]), self.at(outputs[-1])) if span]
        return min(a for a, _ in ends), max(b for _, b in ends)

    def extend(self, map_: IndexMap) -> "Bound":
        """Add an operation, as if it read every index between its first and its last."""
        a = self.advance
        left, right = (map_.before, map_.after) if a >= 0 else (-map_.after, -map_.before)
        return Bound(
            self.period * map_.period,
            a * map_.advance,
            self.before * map_.period + a * left,
            self.after * map_.period + a * right,
        )

    def field(self, _count: int) -> Field:
        """Return the upper bounds of the field."""
        size = (self.before + self.after) // self.period + 1
        jump = _ratio(self.advance, self.period)
        return Field(size, jump, self.before // self.period, exact=False)

    def bound(self) -> "Bound":
        """Return itself."""
        return self


Reach = Phases | Listed | Bound
INPUT = Phases(period=1, advance=1, spans=((0, 0),))  # of the input itself: each pixel is its own
NOTHING = Phases(period=1, advance=0, spans=(None,))  # of a constant
MAX_WORK = 1 << 17  # phases times taps, over all of a network: about 0.2 s


class Budget:
    """How much work may still be done for one network; beyond it, fields are bounds."""

    def __init__(self) -> None:
        self.left = MAX_WORK

    def allows(self, work: int) -> bool:
        """Take some of it, if there is as much left."""
        if work > self.left:
            return False
        self.left -= work
        return True


def extend(before: Reach, map_: IndexMap, budget: Budget) -> Reach:
    """Add an operation to those before it.

    Parameters
    ----------
    before : Reach
        What each index of the operation's input depends on.
    map_ : IndexMap
        Which of those indices each output reads.
    budget : Budget

    Returns
    -------
    Reach
        A `Bound` where `budget` does not allow an exact answer.
    """
    if isinstance(before, Bound):
        return before.extend(map_)
    period, advance = _compose(before, map_)
    if isinstance(map_, Bordered) and before.advance == 0 and before.period == 1:
        return before
    if isinstance(before, Listed) or isinstance(map_, Bordered):
        if not budget.allows(map_.out * map_.taps):
            return before.bound().extend(map_)
        return Listed(period, advance, tuple(_spans(before, map_, map_.out)))
    if not budget.allows(period * min(map_.taps, before.period)):
        return before.bound().extend(map_)
    return Phases(period, advance, tuple(_spans(before, map_, period)))


def _compose(before: "Phases | Listed", map_: IndexMap) -> tuple[int, int]:
    """Return the period and advance of outputs that read what has a period and advance itself."""
    common = gcd(before.period, map_.advance)
    return map_.period * (before.period // common), before.advance * (map_.advance // common)


def _spans(before: "Phases | Listed", map_: IndexMap, count: int) -> list[Span | None]:
    return [before.union(map_.reads(output)) for output in range(count)]


def join(reaches: Sequence[Reach], count: int, budget: Budget) -> Reach:
    """Join branches: each of `count` outputs depends on what its branches depend on there.

    Branches with the same jump are joined phase by phase; with different jumps, output by output.
    """
    first, *others = dict.fromkeys(reaches)
    if not others:
        return first
    branches = [first, *others]
    even = all(each.advance * first.period == first.advance * each.period for each in others)
    exact = [branch for branch in branches if not isinstance(branch, Bound)]
    if len(exact) == len(branches):
        phases = even and not any(isinstance(branch, Listed) for branch in branches)
        size = lcm(*[branch.period for branch in branches]) if phases else count
        if budget.allows(size * len(branches)):
            spans = tuple([_hull([branch.at(o) for branch in exact]) for o in range(size)])
            if phases:
                return Phases(size, first.advance * (size // first.period), spans)
            return Listed(first.period, first.advance, spans)
    return _join_bounds([branch.bound() for branch in branches], count)


def lay_out(reaches: Sequence[Reach], counts: Sequence[int], budget: Budget) -> Reach:
    """Lay the outputs of several operations out one after the other, `counts` of each."""
    exact = [reach for reach in reaches if not isinstance(reach, Bound)]
    if len(exact) == len(reaches) and budget.allows(sum(counts)):
        pieces = zip(exact, counts, strict=True)
        spans = tuple([reach.at(o) for reach, count in pieces for o in range(count)])
        return Listed(reaches[0].period, reaches[0].advance, spans)
    starts = accumulate(counts, initial=0)
    bounds = [reach.bound() for reach in reaches]
    shifts = [start * bound.advance for start, bound in zip(starts, bounds, strict=False)]
    moved = [
        bound._replace(before=bound.before + shift, after=bound.after - shift)
        for bound, shift in zip(bounds, shifts, strict=True)
    ]
    return _join_bounds(moved, sum(counts))


def _hull(spans: Sequence[Span | None]) -> Span | None:
    found = [span for span in spans if span]
    return (min(a for a, _ in found), max(b for _, b in found)) if found else None


def _join_bounds(bounds: Sequence[Bound], count: int) -> Bound:
    """Bound several bounds by one with the jump of the first."""
    period = lcm(*[bound.period for bound in bounds])
    advance = bounds[0].advance * (period // bounds[0].period)
    before, after = [], []
    for bound in bounds:
        scale = period // bound.period
        # The bounds are lines: they are furthest apart at one of the ends.
        for output in (0, count - 1):
            shift = output * (advance - bound.advance * scale)
            before.append(bound.before * scale + shift)
            after.append(bound.after * scale - shift)
    return Bound(period, advance, max(before), max(after))


def _field(period: int, advance: int, spans: Sequence[Span | None]) -> Field:
    found = [span for span in spans if span]
    size = max((last - first + 1 for first, last in found), default=0)
    return Field(size, _ratio(advance, period), -found[0][0] if found else 0)


def _bound(period: int, advance: int, spans: Sequence[Span | None]) -> Bound:
    rows = [
        (o * advance - span[0] * period, span[1] * period - o * advance)
        for o, span in enumerate(spans)
        if span
    ]
    before = max((row[0] for row in rows), default=0)
    after = max((row[1] for row in rows), default=-period)
    return Bound(period, advance, before, after)


def _ratio(numerator: int, denominator: int) -> "int | Fraction":
    if numerator % denominator == 0:
        return numerator // denominator
    import fractions  # noqa: PLC0415

    return fractions.Fraction(numerator, denominator)
