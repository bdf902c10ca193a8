"""Which input indices each output index of an operation reads, along one axis.

Every map has a `period` and an `advance`: the reads of outputs `period` apart are `advance` apart.
Output ``o`` reads indices from ``(o·advance - before)/period`` to ``(o·advance + after)/period`` at
most, and `taps` of them. Indices outside the input are those of its padding.
"""

from math import gcd
from typing import NamedTuple, Protocol

from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import reads


class IndexMap(Protocol):
    """What the indices of an output read."""

    @property
    def period(self) -> int: ...
    @property
    def advance(self) -> int: ...
    @property
    def before(self) -> int: ...
    @property
    def after(self) -> int: ...
    @property
    def taps(self) -> int: ...
    @property
    def out(self) -> int: ...
    def reads(self, output: int) -> range:
        """Return the input indices that one output reads."""
        ...


class Windows(NamedTuple):
    """The windows of a layer; a transposed one writes from those inputs whose window covers it."""

    axis: Axis

    @property
    def period(self) -> int:
        return self.axis.s if self.axis.kind == "convt" else 1

    @property
    def advance(self) -> int:
        return 1 if self.axis.kind == "convt" else self.axis.s

    @property
    def before(self) -> int:
        axis = self.axis
        return axis.e - 1 - axis.pb if axis.kind == "convt" else axis.pb

    @property
    def after(self) -> int:
        axis = self.axis
        return axis.pb if axis.kind == "convt" else axis.e - 1 - axis.pb

    @property
    def taps(self) -> int:
        axis = self.axis
        if axis.kind == "convt":
            return -(-axis.f * gcd(axis.s, axis.d) // axis.s)
        return axis.f

    @property
    def out(self) -> int:
        return self.axis.out

    def reads(self, output: int) -> range:
        return reads(self.axis, output)


class Blocks(NamedTuple):
    """Output ``o`` reads `width` indices from ``start + o·step`` on.

    A slice has width 1, cropping starts above 0 and padding below, repeating one index for all
    outputs (broadcasting) has step 0, and what reads the whole axis has step 0 and its width.
    """

    out: int
    start: int = 0
    step: int = 1
    width: int = 1

    @property
    def period(self) -> int:
        return 1

    @property
    def advance(self) -> int:
        return self.step

    @property
    def before(self) -> int:
        return -self.start

    @property
    def after(self) -> int:
        return self.start + self.width - 1

    @property
    def taps(self) -> int:
        return self.width

    def reads(self, output: int) -> range:
        first = self.start + output * self.step
        return range(first, first + self.width)


class Bordered(NamedTuple):
    """Output ``o`` reads index ``o - before_pad`` of `n`, where there is one.

    In the padding it reads an index inside instead, which one depends on `mode`: reflect (without
    the edge), symmetric (with it), replicate or circular. No period describes it.
    """

    n: int
    before_pad: int
    after_pad: int
    mode: str

    @property
    def out(self) -> int:
        return self.before_pad + self.n + self.after_pad

    @property
    def period(self) -> int:
        return 1

    @property
    def advance(self) -> int:
        return 1

    @property
    def before(self) -> int:
        return self.before_pad + self._moved(self.after_pad)

    @property
    def after(self) -> int:
        return self._moved(self.before_pad) - self.before_pad

    @property
    def taps(self) -> int:
        return 1

    def _moved(self, pad: int) -> int:
        """Bound how far pixels of the padding on one side are from where they are read."""
        return max(pad, 0) + self.n

    def reads(self, output: int) -> range:
        place = output - self.before_pad
        if self.mode == "replicate":
            place = min(max(place, 0), self.n - 1)
        elif self.mode == "circular":
            place %= self.n
        elif self.mode == "symmetric":
            place %= 2 * self.n
            place = min(place, 2 * self.n - 1 - place)
        else:
            period = max(2 * (self.n - 1), 1)
            place = min(place % period, period - place % period) if self.n > 1 else 0
        return range(place, place + 1)


class Samples(NamedTuple):
    """Output ``o`` reads around the place ``x = (a·o + low)/q``, as in a resized image.

    The indices are those from ``floor(x)`` to ``floor((a·o + high)/q)``; where these differ, `more`
    on either side.
    """

    out: int
    a: int
    low: int
    high: int
    q: int
    more: int = 0

    @property
    def period(self) -> int:
        return self.q // gcd(self.a, self.q)

    @property
    def advance(self) -> int:
        return self.a // gcd(self.a, self.q)

    @property
    def before(self) -> int:
        return -(-(self.q - 1 - self.low + self.more * self.q) // gcd(self.a, self.q))

    @property
    def after(self) -> int:
        return -(-(self.high + self.more * self.q) // gcd(self.a, self.q))

    @property
    def taps(self) -> int:
        return 2 + 2 * self.more

    def reads(self, output: int) -> range:
        first, last = (
            (self.a * output + self.low) // self.q,
            (self.a * output + self.high) // self.q,
        )
        more = self.more if first != last else 0
        return range(first - more, last + more + 1)


class Shares(NamedTuple):
    """Output ``o`` reads its share of `n` indices, ``floor(o·n/out)`` to ``ceil((o + 1)n/out)``."""

    out: int
    n: int

    @property
    def period(self) -> int:
        return self.out // gcd(self.n, self.out)

    @property
    def advance(self) -> int:
        return self.n // gcd(self.n, self.out)

    @property
    def before(self) -> int:
        return self.period - 1

    @property
    def after(self) -> int:
        return self.advance

    @property
    def taps(self) -> int:
        return -(-self.n // self.out) + 1

    def reads(self, output: int) -> range:
        return range(output * self.n // self.out, -(-(output + 1) * self.n // self.out))
