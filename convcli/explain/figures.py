"""What ``--explain`` adds to a layer's figures for machines, in both commands."""

from collections.abc import Callable, Sequence
from typing import Any

from convcli.explain.frameworks import keras, onnx, pytorch
from convcli.geometry.network.layer import Step
from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import coverage, extent
from convcli.geometry.window.formula import formula

_MAX_COVERAGE = 10**6  # pixels of an axis


def _coverages(axes: Sequence[Axis]) -> list[list[int] | None]:
    """Count how often each pixel of each axis is read; None for an axis of more than a million."""
    return [coverage(a) if extent(a) <= _MAX_COVERAGE else None for a in axes]


EXPLAINED: dict[str, Callable[[Step], Any]] = {
    "formula": lambda step: [formula(axis) for axis in step.axes],
    "coverage": lambda step: _coverages(step.axes),
    "pytorch": pytorch,
    "keras": keras,
    "onnx": onnx,
}
