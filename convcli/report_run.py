"""What a person sees of `run`: one table of facts, and the values where they are few."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np
from rich import box
from rich.table import Table

from convcli.arrays import Array
from convcli.explain import formulas
from convcli.notation import format_padding, format_sizes
from convcli.runner import Result
from convcli.tables import console, facts_table

_FEW = 144  # values that are shown as numbers


def show(result: Result, fmt: str, stream: TextIO) -> None:
    """Write the report of one array as ``table`` or ``json``."""
    if fmt == "json":
        stream.write(json.dumps(record(result)) + "\n")
        return
    out = console(stream)
    out.print(facts_table(facts(result), "convolution"))
    if result.output.size <= _FEW:
        for title, plane in planes(result.output):
            out.print(values_table(plane, title))


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """Name everything that was settled and measured, one fact at a time."""
    operation, x, y = result.operation, result.source.array, result.output
    yield "input", f"{result.source.name}  {describe(x)}, axes {operation.layout}"
    yield "filter", f"{result.filter.name}  {describe(result.filter.array)}, {_role(result)}"
    yield "operation", "cross-correlation (as nn.Conv2d: the filter is not flipped)"
    pads = format_padding([(a.pb, a.pe) for a in operation.axes])
    yield "padding", pads if pads == "0" else f"{pads} of zeros"
    yield "stride", format_sizes([a.s for a in operation.axes])
    if any(a.d > 1 for a in operation.axes):
        yield "dilation", format_sizes([a.d for a in operation.axes])
    yield "output", f"{describe(y)}, axes {operation.out_layout}"
    yield "formula", formulas(operation.axes)
    yield "device", f"{result.engine.device}, engine {result.engine.name}"
    yield "time", f"{result.seconds * 1e3:.3g} ms"
    low, mean, high = statistics(y)
    yield "min/mean/max", f"{low:.6g} / {mean:.6g} / {high:.6g}"
    if result.path is not None:
        yield "written to", result.path


def record(result: Result) -> dict[str, Any]:
    """Give the facts under stable names."""
    operation, x, y = result.operation, result.source.array, result.output
    low, mean, high = statistics(y)
    return {
        "input": result.source.name,
        "input_shape": list(x.shape),
        "input_dtype": str(x.dtype),
        "layout": operation.layout,
        "filter": result.filter.name,
        "filter_shape": list(result.filter.array.shape),
        "p": [[a.pb, a.pe] for a in operation.axes],
        "s": [a.s for a in operation.axes],
        "d": [a.d for a in operation.axes],
        "g": operation.groups,
        "output": result.path,
        "output_shape": list(y.shape),
        "output_dtype": str(y.dtype),
        "device": result.engine.device,
        "engine": result.engine.name,
        "seconds": result.seconds,
        "min": low,
        "mean": mean,
        "max": high,
    }


def describe(array: Array) -> str:
    """Write shape and type: ``8x8 float32``."""
    return f"{format_sizes(array.shape)} {array.dtype}"


def statistics(y: Array) -> tuple[float, float, float]:
    """Minimum, mean and maximum; of complex numbers their magnitudes'."""
    if y.dtype.kind == "c":
        y = np.abs(y)
    return float(y.min()), float(y.mean(dtype=np.float64)), float(y.max())


def planes(y: Array) -> Iterator[tuple[str, Array]]:
    """Cut an array into planes of rows and columns, each with its index as a title."""
    y = np.atleast_2d(y)
    for index in np.ndindex(y.shape[:-2]):
        yield "output" + "".join(f"[{i}]" for i in index), y[index]


def values_table(plane: Array, title: str) -> Table:
    """Lay the numbers of a plane out."""
    table = Table(title=title, box=box.SQUARE, show_header=False, title_justify="left")
    for _ in range(plane.shape[1]):
        table.add_column(justify="right")
    for row in plane:
        table.add_row(*(f"{value:.4g}" if row.dtype.kind != "i" else str(value) for value in row))
    return table


def _role(result: Result) -> str:
    if result.operation.each_channel:
        return "on each channel" if "C" in result.operation.layout else "spatial"
    return "out, in/groups, spatial"
