"""What one array became: the facts that a report is written from."""

import math
from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, DType
from convcli.arrays.sources import InMemory
from convcli.engines.base import Engine
from convcli.run.operation import Operation


class Verdict(NamedTuple):
    """How far outputs lie from a sum in float64 (or exact integers), and how far they may."""

    checked: int
    total: int
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether no output lies too far."""
        return self.error <= self.tolerance


class Summary:
    """Minimum, mean and maximum of an output that passes by in parts; of complex: magnitudes."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0.0
        self.low, self.high = math.inf, -math.inf

    def add(self, part: Array, figures: bool) -> None:
        """Count one part, and take in its figures where they will be shown."""
        self.count += part.size
        if not figures:
            return
        values = np.abs(part) if part.dtype.kind == "c" else part
        self._sum += float(values.sum(dtype=np.float64))
        self.low = float(np.minimum(self.low, values.min()))
        self.high = float(np.maximum(self.high, values.max()))

    @property
    def mean(self) -> float:
        """Mean of what passed."""
        return self._sum / self.count


class Timing(NamedTuple):
    """What repeated runs took."""

    runs: int
    seconds: float  # median
    macs: int
    bytes: int  # of input and output


class Result(NamedTuple):
    """What one array became, for a report."""

    name: str
    in_shape: tuple[int, ...]
    in_dtype: DType
    filter: InMemory
    operation: Operation
    engine: Engine
    methods: tuple[str, ...]
    costs: dict[str, float]  # nanoseconds on one core that each method was estimated to take
    out_shape: tuple[int, ...]
    summary: Summary
    seconds: float  # of convolving alone
    path: str | None
    mapping: str | None  # how an image's values were mapped
    input: Array | None  # where it was kept, and likewise
    output: Array | None
    verdict: Verdict | None
    timing: Timing | None
