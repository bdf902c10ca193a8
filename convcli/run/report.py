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
from convcli.geometry.notation import format_padding, format_sizes
from convcli.geometry.pad_modes import PAD_MODES
from convcli.run.heat_map import heat_map
from convcli.run.results import Result
from convcli.streams import printable
from convcli.terminal.tables import columns_table, console, facts_table

_ROWS = 24  # rows of values that are shown whole


def show(result: Result, fmt: str, stream: TextIO, values: bool, plot: bool) -> None:
    """Write the report of one array as ``table`` or ``json``."""
    if fmt == "json":
        stream.write(json.dumps(record(result), allow_nan=False) + "\n")
        return
    out = console(stream)
    out.print(facts_table(facts(result), operation_name(result)))
    if values and result.output is not None:
        out.print(values_table(result.output, out.width))
    if plot:
        for name, array in _plotted(result):
            out.print(f"{name}:")
            out.print(heat_map(array, out))


def show_many(results: Sequence[Result], stream: TextIO) -> None:
    """Write one row for each of many arrays."""
    table = columns_table(["input", "output", "min", "mean", "max", "written to"])
    for result in results:
        summary = result.summary
        figures = (summary.low, summary.mean, summary.high)
        table.add_row(
            Text(printable(result.name)),
            f"{format_sizes(result.out_shape)} {result.operation.out_dtype}",
            *(f"{figure:.4g}" for figure in figures),
            Text(printable(result.path or "-") + (f", {result.mapping}" if result.mapping else "")),
        )
    out = console(stream)
    out.print(operation_name(results[0]))
    out.print(table)


def operation_name(result: Result) -> str:
    """Name what was done in the words of signal processing and of PyTorch."""
    operation = result.operation
    sense = (
        "convolution (the filter is flipped)"
        if operation.flip
        else "cross-correlation (as in PyTorch: the filter is not flipped)"
    )
    return f"transposed {sense}" if operation.transposed else sense


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """Name everything that was settled and measured, one fact at a time."""
    operation = result.operation
    kernel = result.filter.array
    yield "input", f"{result.name}  {format_sizes(result.in_shape)} {result.in_dtype}"
    yield "axes", _axes(result)
    yield "filter", f"{result.filter.name}  {format_sizes(kernel.shape)} {kernel.dtype}"
    yield "padding", _padding(result)
    yield "stride", format_sizes([a.s for a in operation.axes])
    if any(a.d > 1 for a in operation.axes):
        yield "dilation", format_sizes([a.d for a in operation.axes])
    if operation.bias is not None:
        yield (
            "bias",
            f"{operation.bias.size} numbers"
            if operation.bias.size > 1
            else (f"{operation.bias[0]:g}"),
        )
    yield "output", f"{format_sizes(result.out_shape)} {operation.out_dtype}"
    yield "formula", formulas(operation.axes)
    methods = " and ".join(result.methods)
    yield "runs on", f"{result.engine.device} by {result.engine.name}, method {methods}"
    if result.costs:
        by_cost = sorted(result.costs.items(), key=lambda item: item[1])
        costs = ", ".join(f"{name} {_milliseconds(cost * 1e-9)}" for name, cost in by_cost)
        yield "estimated", f"{costs}, on one core"
    yield "time", _milliseconds(result.seconds)
    summary = result.summary
    magnitude = " (magnitudes)" if operation.out_dtype.kind == "c" else ""
    figures = f"{summary.low:.6g} / {summary.mean:.6g} / {summary.high:.6g}"
    yield "min/mean/max", figures + magnitude
    if result.timing is not None:
        timing = result.timing
        yield (
            "timed",
            (
                f"median of {timing.runs}: {_milliseconds(timing.seconds)}, "
                f"{timing.macs / timing.seconds:.3g} MAC/s, "
                f"{timing.bytes / timing.seconds:.3g} bytes/s"
            ),
        )
    if result.verdict is not None:
        verdict = result.verdict
        outcome = "passed" if verdict.passed else "FAILED"
        yield (
            "verified",
            (
                f"{outcome}: {verdict.checked:,} of {verdict.total:,} outputs, largest error "
                f"{verdict.error:.3g}, tolerance {verdict.tolerance:.3g}"
            ),
        )
    if result.path is not None:
        mapping = f", values {result.mapping}" if result.mapping else ""
        yield "written to", f"{result.path}{mapping}"


def record(result: Result) -> dict[str, Any]:
    """Give the facts under stable names."""
    operation, summary = result.operation, result.summary
    verdict, timing = result.verdict, result.timing
    return {
        "input": result.name,
        "input_shape": list(result.in_shape),
        "input_dtype": str(result.in_dtype),
        "layout": operation.layout,
        "filter": result.filter.name,
        "filter_shape": list(result.filter.array.shape),
        "operation": operation_name(result),
        "transposed": operation.transposed,
        "flip": operation.flip,
        "p": [[a.pb, a.pe] for a in operation.axes],
        "pad_mode": operation.pad_mode,
        "s": [a.s for a in operation.axes],
        "d": [a.d for a in operation.axes],
        "g": operation.groups,
        "output": result.path,
        "output_layout": operation.out_layout,
        "output_shape": list(result.out_shape),
        "output_dtype": str(operation.out_dtype),
        "mapping": result.mapping,
        "device": result.engine.device,
        "engine": result.engine.name,
        "method": list(result.methods),
        "estimated_ns": result.costs,
        "seconds": result.seconds,
        # JSON has no NaN and no infinity.
        "min": summary.low if math.isfinite(summary.low) else None,
        "mean": summary.mean if math.isfinite(summary.mean) else None,
        "max": summary.high if math.isfinite(summary.high) else None,
        "verify": None if verdict is None else verdict._asdict() | {"passed": verdict.passed},
        "time": None if timing is None else timing._asdict(),
    }


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


def _axes(result: Result) -> str:
    operation = result.operation
    names = {"N": "batch", "C": "channels", "D": "depth", "H": "height", "W": "width"}
    read = ", ".join(names[letter] for letter in operation.layout)
    if not operation.each_channel:
        return f"{operation.layout} ({read}); the filter: out, in/groups, spatial"
    each = "; the filter serves each channel" if "C" in operation.layout else ""
    colours = result.in_shape[-1] in (3, 4) and operation.layout in ("CHW", "NCHW")
    hint = "; if the last axis holds colours, say --layout HWC" if colours else ""
    return f"{operation.layout} ({read}){each}{hint}"


def _padding(result: Result) -> str:
    operation = result.operation
    pads = format_padding([(a.pb, a.pe) for a in operation.axes])
    if pads == "0":
        return pads
    if operation.transposed:
        return f"{pads}, cropped from the output"
    if operation.pad_mode == "zeros":
        return f"{pads} of zeros"
    mode = PAD_MODES[operation.pad_mode]
    return f"{pads}, {operation.pad_mode}: {mode.picture} ({mode.known_as})"


def _plotted(result: Result) -> Iterator[tuple[str, Array]]:
    """Choose a plane of input, filter and output: the first of each, and say so."""
    operation = result.operation
    if result.input is not None:
        yield _plane("input", result.input, operation.layout)
    letters = ("" if operation.each_channel else "NC") + operation.spatial
    yield _plane("filter", result.filter.array, letters)
    if result.output is not None:
        yield _plane("output", result.output, operation.out_layout)


def _plane(name: str, array: Array, layout: str) -> tuple[str, Array]:
    index = tuple(slice(None) if letter in "HW" else 0 for letter in layout)
    more = [letter for letter in layout if letter not in "HW"]
    plane = np.atleast_2d(array[index])
    if "H" in layout and layout.index("H") > layout.index("W"):
        plane = plane.T
    return f"{name}, the first of {' and '.join(more)}" if more else name, plane
