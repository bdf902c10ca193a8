"""A cross-correlation with its filter and steps: what every tile shares."""

from collections.abc import Callable
from math import ceil
from typing import Any, Literal, TypeVar

from convcli.arrays.dtypes import Array

T = TypeVar("T")

Reduction = Literal["sum", "max"]

EVERY = slice(None)


class Correlation:
    """A valid cross-correlation: filter, stride, dilation, groups.

    What methods derive from it (a banded matrix, a spectrum) is computed once and kept; a pickle
    holds the attributes only.

    Attributes
    ----------
    filter : ndarray, shape (out, in per group, f...)
        Of the type to compute in.
    stride, dilation : tuple of int
        One for each spatial axis.
    groups : int
    exact : bool
        The filter holds integers, whatever its type: sums must not be rounded.
    reduction : str
        ``sum`` of the products, or ``max`` of the numbers in the window, whatever the filter holds.
    """

    def __init__(
        self,
        filter_: Array,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
        exact: bool = False,
        reduction: Reduction = "sum",
    ) -> None:
        self.filter = filter_
        self.stride = stride
        self.dilation = dilation
        self.groups = groups
        self.exact = exact
        self.reduction: Reduction = reduction
        self._cache: dict[Any, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        steps = (self.stride, self.dilation, self.groups)
        return Correlation, (self.filter, *steps, self.exact, self.reduction)

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

    @property
    def has_one_filter(self) -> bool:
        """Whether one filter of one channel serves all channels."""
        w = self.filter
        return self.each_in == self.each_out == 1 and (
            w.strides[0] == 0 or len(w) == 1 or bool((w == w[:1]).all())
        )

    def cached(self, compute: Callable[..., T], *args: Any) -> T:
        """Return ``compute(self, *args)``, computed once for the same arguments."""
        key = (compute, *args)
        if key not in self._cache:
            self._cache[key] = compute(self, *args)
        value: T = self._cache[key]
        return value

    def select_groups(self, first: int, last: int) -> "Correlation":
        """Return the correlation of the groups from `first` up to `last`."""
        if (first, last) == (0, self.groups):
            return self
        return self.cached(_select_groups, first, last)


def _select_groups(corr: Correlation, first: int, last: int) -> Correlation:
    each = corr.each_out
    weights = corr.filter[first * each : last * each]
    steps = (corr.stride, corr.dilation, last - first)
    return Correlation(weights, *steps, corr.exact, corr.reduction)


def split(x: Array, axis: int, count: int) -> Array:
    """View an axis as two: `count` and the rest. Splitting never copies."""
    return x.reshape(*x.shape[:axis], count, x.shape[axis] // count, *x.shape[axis + 1 :])


def even_step(n: int, most: int, threads: int, unit: int = 1) -> int:
    """Choose a step that cuts n into equal parts of about `most`: whole units, balanced threads."""
    parts = ceil(n / max(most, 1))
    if parts > 1:
        parts += -parts % threads
    return min(ceil(ceil(n / parts) / unit) * unit, n)
