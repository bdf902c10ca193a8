"""The keys under which both commands give the figures of a window to machines.

No two keys are equal when case is ignored, as many readers do.
"""

from collections.abc import Callable
from typing import Any

from convcli.geometry.window.axis import Axis

WINDOW: dict[str, Callable[[Axis], Any]] = {
    "input": lambda axis: axis.n,
    "filter": lambda axis: axis.f,
    "stride": lambda axis: axis.s,
    "padding": lambda axis: [axis.pb, axis.pe],
    "dilation": lambda axis: axis.d,
    "output_padding": lambda axis: axis.op,
    "effective_filter": lambda axis: axis.e,
    "output": lambda axis: axis.out,
}
