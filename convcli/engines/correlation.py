"""What every tile of a convolution shares."""

from collections.abc import Callable
from math import ceil
from typing import Any, TypeVar

from convcli.arrays.dtypes import Array

T = TypeVar("T")

EVERY = slice(None)


class Correlation:
    """A valid cross-correlation: the filter, its steps, and tables that methods make of them.

    Attributes
    ----------
    filter : ndarray, shape (out, in per group, f...)
        Of the type to compute in.
    stride, dilation : tuple of int
        One for each spatial axis.
    groups : int
    exact : bool
        Integers, to be summed without rounding whatever the type that holds them.
    """

    def __init__(
        self,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
        exact: bool = False,
    ) -> None:
        """Take filter, steps and groups."""
        self.filter = filter_
        self.stride = stride
        self.dilation = dilation
        self.groups = groups
        self.exact = exact
        self._tables: dict[Any, Any] = {}

    @property
    def f(self) -> tuple[int, ...]:
        """Filter size of each spatial axis."""
        return tuple(self.filter.shape[2:])

    @property
    def each_in(self) -> int:
        """Input channels of a group."""
        return int(self.filter.shape[1])

    @property
    def each_out(self) -> int:
        """Output channels of a group."""
        return len(self.filter) // self.groups

    def table(self, make: Callable[..., T], *args: Any) -> T:
        """Make a table from the corr, once."""
        key = (make, *args)
        if key not in self._tables:
            self._tables[key] = make(self, *args)
        found: T = self._tables[key]
        return found

    def part(self, first: int, last: int) -> "Correlation":
        """Take some of the groups alone."""
        if (first, last) == (0, self.groups):
            return self
        return self.table(_part, first, last)


def _part(corr: Correlation, first: int, last: int) -> Correlation:
    each = corr.each_out
    weights = corr.filter[first * each : last * each]
    return Correlation(weights, corr.stride, corr.dilation, last - first, corr.exact)


def split(x: Array, axis: int, count: int) -> Array:
    """View an axis as two, of `count` and what remains; never a copy."""
    return x.reshape(*x.shape[:axis], count, -1, *x.shape[axis + 1 :])


def even(n: int, most: int, threads: int, unit: int = 1) -> int:
    """Cut n into equal steps of about `most`: as many for every thread, each in whole units."""
    parts = ceil(n / max(most, 1))
    if parts > 1:
        parts += -parts % threads
    return min(ceil(ceil(n / parts) / unit) * unit, n)
