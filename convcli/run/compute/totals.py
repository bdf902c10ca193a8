"""What is reported of an output that comes in blocks, added up block by block."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.engines import fft
from convcli.engines.base import Plan

_AT_ONCE = 1 << 17  # numbers


class Summary:
    """Minimum, mean and maximum of an output that comes in blocks; magnitudes if complex."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, y: Array) -> None:
        """Take in one block: some numbers at a time, which stay in the cache."""
        numbers = y.reshape(-1)
        with np.errstate(all="ignore"):  # infinities of both signs have no sum
            for start in range(0, numbers.size, _AT_ONCE):
                some = numbers[start : start + _AT_ONCE]
                values = np.abs(some) if y.dtype.kind == "c" else some
                self._count += values.size
                # To convert first is three times as fast as a sum that converts.
                self._sum += float(values.astype(np.float64, copy=False).sum())
                self.low = float(np.minimum(self.low, values.min()))
                self.high = float(np.maximum(self.high, values.max()))

    def join(self, other: "Summary") -> None:
        """Take in what another one has."""
        self._count += other._count
        self._sum += other._sum
        self.low = float(np.minimum(self.low, other.low))
        self.high = float(np.maximum(self.high, other.high))

    @property
    def mean(self) -> float:
        """Mean of all blocks so far; NaN if there are none."""
        return self._sum / self._count if self._count else math.nan


class Totals(NamedTuple):
    """Values of an output, the methods that computed it, and their estimated nanoseconds."""

    summary: Summary
    methods: set[str]
    costs: Counter[str]

    @classmethod
    def of(cls, plans: Iterable[Plan]) -> "Totals":
        """Begin with the plans of some blocks, and no values."""
        totals = cls(Summary(), set(), Counter())
        totals.add_plans(plans)
        return totals

    @property
    def transformed(self) -> bool:
        """Whether some numbers come from a Fourier transform, which rounds otherwise than sums."""
        return not fft.METHODS.isdisjoint(self.methods)

    def add_plans(self, plans: Iterable[Plan]) -> None:
        """Take in how a block was computed."""
        for plan in plans:
            self.methods.add(plan.method)
            self.costs.update(plan.costs)

    def join(self, other: "Totals") -> None:
        """Take in those of other blocks."""
        self.summary.join(other.summary)
        self.methods.update(other.methods)
        self.costs.update(other.costs)
