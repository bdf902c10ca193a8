"""What a person sees of `run`: one table of facts, values where they are wanted, heat maps."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from convcli.arrays.dtypes import Array
from convcli.geometry.formula import formulas
from convcli.geometry.keys import WINDOW
from convcli.geometry.notation import format_padding, format_sizes
from convcli.geometry.pad_modes import PAD_MODES
from convcli.run.axes import SPATIAL
from convcli.run.heat_map import heat_map
from convcli.run.results import Facts, Kept, Result, Timing, Verdict
from convcli.streams import printable
from convcli.terminal.tables import columns_table, console, facts_table

_ROWS = 24  # rows of values that are shown whole


def write_json(result: Result, stream: TextIO) -> None:
    """Write the facts of one array as a line of JSON."""
    stream.write(json.dumps(record(result), allow_nan=False) + "\n")


def show(result: Result, kept: Kept, stream: TextIO, values: bool, plot: bool) -> None:
    """Show the table of one array, its values and heat maps.

    Parameters
    ----------
    result : Result
    kept : Kept
    stream : text stream
    values, plot : bool
        Whether to show the output's numbers, and the heat maps.
    """
    out = console(stream)
    out.print(facts_table(facts(result), operation_name(result)))
    if values and kept.output is not None:
        out.print(values_table(kept.output, out.width))
    if plot:
        for name, array in _planes(result, kept):
            out.print(f"{name}:")
            out.print(heat_map(array, out))


def show_many(results: Sequence[Result], stream: TextIO) -> None:
    """Show one row for each of many arrays."""
    table = columns_table(["input", "output", "min", "mean", "max", "written to"])
    for result in results:
        figures = (result.low, result.mean, result.high)
        path = result.output.name or "-"
        table.add_row(
            Text(printable(result.input.name)),
            f"{format_sizes(result.output.shape)} {result.output.dtype}",
            *(f"{figure:.4g}" for figure in figures),
            Text(printable(f"{path}, {result.mapping}" if result.mapping else path)),
        )
    out = console(stream)
    out.print(operation_name(results[0]))
    out.print(table)


def operation_name(result: Result) -> str:
    """Name the operation in the words of signal processing and of PyTorch."""
    name = (
        "convolution (the filter is flipped)"
        if result.flip
        else "cross-correlation (as in PyTorch: the filter is not flipped)"
    )
    return f"transposed {name}" if result.transposed else name


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """Name everything that was resolved and measured, one fact at a time."""
    yield "input", _array(result.input)
    yield "axes", _axes(result)
    yield "filter", _array(result.filter)
    yield "padding", _padding(result)
    yield "stride", format_sizes([a.s for a in result.axes])
    if any(a.d > 1 for a in result.axes):
        yield "dilation", format_sizes([a.d for a in result.axes])
    if result.bias:
        bias = result.bias
        yield "bias", f"{len(bias)} numbers" if len(bias) > 1 else f"{bias[0]:g}"
    yield "output", f"{format_sizes(result.output.shape)} {result.output.dtype}"
    yield "formula", formulas(result.axes)
    methods = " and ".join(result.methods)
    yield "runs on", f"{result.device} by {result.engine}, method {methods}"
    if result.costs:
        by_cost = sorted(result.costs.items(), key=lambda item: item[1])
        costs = ", ".join(f"{name} {_milliseconds(cost * 1e-9)}" for name, cost in by_cost)
        yield "estimated", f"{costs}, on one core"
    yield "time", _milliseconds(result.seconds)
    figures = f"{result.low:.6g} / {result.mean:.6g} / {result.high:.6g}"
    magnitudes = " (magnitudes)" if result.output.dtype.startswith("complex") else ""
    yield "min/mean/max", figures + magnitudes
    if result.timing is not None:
        yield "timed", _timing(result.timing)
    if result.verdict is not None:
        yield "verified", _verdict(result.verdict)
    if result.output.name:
        mapping = f", values {result.mapping}" if result.mapping else ""
        yield "written to", f"{result.output.name}{mapping}"


def record(result: Result) -> dict[str, Any]:
    """Give the facts under stable names; those of the window are the same as in `shape`."""
    verdict, timing = result.verdict, result.timing
    return {
        "kind": result.axes[0].kind,
        "operation": operation_name(result),
        **{key: [figure(axis) for axis in result.axes] for key, figure in WINDOW.items()},
        "channels_in": _channels(result.input),
        "channels_out": _channels(result.output),
        "groups": result.groups,
        "bias": bool(result.bias),
        "pad_mode": result.pad_mode,
        "flip": result.flip,
        **_array_record("input", result.input),
        "filter_name": result.filter.name,
        "filter_shape": list(result.filter.shape),
        "filter_dtype": result.filter.dtype,
        **_array_record("output", result.output),
        "mapping": result.mapping,
        "device": result.device,
        "engine": result.engine,
        "methods": list(result.methods),
        "estimated_ns": result.costs,
        "seconds": result.seconds,
        # JSON has no NaN and no infinity.
        "min": result.low if math.isfinite(result.low) else None,
        "mean": result.mean if math.isfinite(result.mean) else None,
        "max": result.high if math.isfinite(result.high) else None,
        "verify": None if verdict is None else verdict._asdict() | {"passed": verdict.passed},
        "time": None if timing is None else timing._asdict(),
    }


def _array_record(which: str, array: Facts) -> dict[str, Any]:
    return {
        f"{which}_name": array.name or None,
        f"{which}_shape": list(array.shape),
        f"{which}_layout": array.layout,
        f"{which}_dtype": array.dtype,
    }


def _channels(array: Facts) -> int:
    return array.shape[array.layout.index("C")] if "C" in array.layout else 1


def values_table(y: Array, width: int) -> Table:
    """Lay numbers out; of an axis that does not fit, both ends."""
    plane = y.reshape(-1, y.shape[-1]) if y.ndim > 1 else y.reshape(1, -1)
    rows = _excerpt(len(plane), _ROWS)
    names = [
        "" if y.ndim < 3 or r < 0 else "".join(f"[{i}]" for i in np.unravel_index(r, y.shape[:-1]))
        for r in rows
    ]
    room = width - max(map(len, names)) - 6
    for columns in _fewer_and_fewer(plane.shape[1]):
        cells = [["…" if min(r, c) < 0 else _number(plane[r, c]) for c in columns] for r in rows]
        if sum(max(map(len, column)) + 3 for column in zip(*cells, strict=True)) <= room:
            break
    table = Table(box=box.SQUARE, show_header=False)
    if y.ndim > 2:
        table.add_column(style="dim", no_wrap=True)
    for _ in columns:
        table.add_column(justify="right", overflow="fold")
    for name, row in zip(names, cells, strict=True):
        table.add_row(*[name] * (y.ndim > 2), *row)
    return table


def _fewer_and_fewer(size: int) -> Iterator[list[int]]:
    """Choose all indices of an axis, if they are few; then less and less of both its ends."""
    if size <= 2 * _ROWS:
        yield list(range(size))
    for edge in range(min((size - 1) // 2, _ROWS), 0, -1):
        yield [*range(edge), -1, *range(size - edge, size)]


def _excerpt(size: int, most: int) -> list[int]:
    """Choose indices: all, or both ends with -1 for what is left out between them."""
    return list(range(size)) if size <= most else [0, 1, 2, -1, size - 3, size - 2, size - 1]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def _number(value: Any) -> str:
    return str(value) if value.dtype.kind in "iu" else f"{value:.4g}"


def _array(array: Facts) -> str:
    return f"{array.name}  {format_sizes(array.shape)} {array.dtype}"


def _axes(result: Result) -> str:
    names = {"N": "batch", "C": "channels", "D": "depth", "H": "height", "W": "width"}
    layout = result.input.layout
    read = f"{layout} ({', '.join(names[letter] for letter in layout)})"
    if not result.each_channel:
        return f"{read}; the filter: out, in/groups, spatial"
    if "C" in layout:
        read += "; the filter is applied to each channel"
    if layout in ("CHW", "NCHW") and result.input.shape[-1] in (3, 4):
        read += "; if the last axis holds colours, use --layout HWC"
    return read


def _padding(result: Result) -> str:
    pads = format_padding([(a.pb, a.pe) for a in result.axes])
    if pads == "0":
        return pads
    if result.transposed:
        return f"{pads}, cropped from the output"
    if result.pad_mode == "zeros":
        return f"{pads} of zeros"
    mode = PAD_MODES[result.pad_mode]
    return f"{pads}, {result.pad_mode}: {mode.picture} ({mode.known_as})"


def _timing(timing: Timing) -> str:
    return (
        f"median of {timing.runs}: {_milliseconds(timing.seconds)}, "
        f"{timing.macs / timing.seconds:.3g} MAC/s, {timing.bytes / timing.seconds:.3g} bytes/s"
    )


def _verdict(verdict: Verdict) -> str:
    outcome = "passed" if verdict.passed else "FAILED"
    return (
        f"{outcome}: {verdict.checked:,} of {verdict.total:,} outputs, largest error "
        f"{verdict.error:.3g}, tolerance {verdict.tolerance:.3g}"
    )


def _planes(result: Result, kept: Kept) -> Iterator[tuple[str, Array]]:
    """Choose a plane of input, filter and output, the first of each, with its name."""
    dims = len(result.axes)
    letters = ("" if result.each_channel else "NC") + SPATIAL[dims]
    if kept.input is not None:
        yield _plane("input", kept.input, result.input.layout)
    yield _plane("filter", kept.filter, letters)
    if kept.output is not None:
        yield _plane("output", kept.output, result.output.layout)


def _plane(name: str, array: Array, layout: str) -> tuple[str, Array]:
    index = tuple(slice(None) if letter in "HW" else 0 for letter in layout)
    others = [letter for letter in layout if letter not in "HW"]
    plane = np.atleast_2d(array[index])
    if "H" in layout and layout.index("H") > layout.index("W"):
        plane = plane.T
    return f"{name}, the first of {' and '.join(others)}" if others else name, plane
