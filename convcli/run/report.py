"""What a person sees of `run`: one table of facts, values where they are wanted, heat maps."""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from convcli.arrays.dtypes import Array
from convcli.explain.figures import EXPLAINED
from convcli.explain.layer import explain_layer
from convcli.geometry.axis import POOLS
from convcli.geometry.formula import formulas
from convcli.geometry.keys import WINDOW
from convcli.geometry.network import Step
from convcli.geometry.notation import format_padding, format_sizes
from convcli.geometry.pad_modes import PAD_MODES
from convcli.run import plot
from convcli.run.axes import SPATIAL
from convcli.run.layer import as_step
from convcli.run.results import Facts, Kept, Parts, Result, Timing, Verdict
from convcli.terminal.tables import Column, Sheet, console, facts_table

_ROWS = 24  # rows of values that are shown whole


def write_json(result: Result, stream: TextIO, explain: bool = False) -> None:
    """Write the facts of one array as a line of JSON; `explain` adds what ``--explain`` does."""
    keys = record(result)
    if explain:
        step = _step(result)
        keys |= {key: figure(step) for key, figure in EXPLAINED.items()}
    stream.write(json.dumps(keys, allow_nan=False) + "\n")


def show(result: Result, kept: Kept, stream: TextIO, parts: Parts) -> None:
    """Show the table of one array, and the parts that are wanted."""
    out = console(stream)
    out.print(facts_table(facts(result, parts.verbose), operation_name(result), answer="output"))
    if parts.values and kept.output is not None:
        out.print(values_table(kept.output, out.width))
    if parts.plot:
        out.print()
        plot.show(result, kept, out)
    if parts.explain:
        out.print()
        _explain(result, out)


def _explain(result: Result, out: Console) -> None:
    """Explain the layer as `shape` does, and say what the lines for frameworks leave out."""
    explain_layer(_step(result), out)
    if result.pad_mode != "zeros" and any(a.pb or a.pe for a in result.axes):
        out.print(f"These three pad with zeros; here padding is {result.pad_mode}.")
    if result.flip:
        out.print("These three do not flip the filter; here it is flipped.")


def _step(result: Result) -> Step:
    c_in = c_out = None
    if "C" in result.output.layout:
        c_in, c_out = _channels(result.input), _channels(result.output)
    groups = (c_out or 1) if result.each_channel else result.groups
    return as_step(result.axes, c_in, c_out, groups, bool(result.bias))


def show_many(results: Sequence[Result], stream: TextIO) -> None:
    """Show one row for each of many arrays."""
    out = console(stream)
    sheet = Sheet(
        [
            Column("input", [result.input.name for result in results], text=True),
            Column(
                "output",
                [f"{format_sizes(r.output.shape)} {r.output.dtype}" for r in results],
                answer=True,
            ),
            Column("min", [f"{result.low:.4g}" for result in results], drop=3),
            Column("mean", [f"{result.mean:.4g}" for result in results], drop=1),
            Column("max", [f"{result.high:.4g}" for result in results], drop=2),
            Column("written to", list(map(_written_to, results)), text=True),
        ],
        out.width,
    )
    out.print(operation_name(results[0]))
    out.print(sheet, crop=False)
    if sheet.dropped:
        out.print(
            f"\n{', '.join(sheet.dropped)} dropped: {out.width} columns; --format json has all"
        )


def _written_to(result: Result) -> str:
    path = result.output.name or "-"
    return f"{path}, {result.mapping.text}" if result.mapping else path


def operation_name(result: Result) -> str:
    """Name the operation in the words of signal processing and of PyTorch."""
    if result.kind in POOLS:
        return "max pooling" if result.kind == "maxpool" else "average pooling"
    name = (
        "convolution (the filter is flipped)"
        if result.flip
        else "cross-correlation (as in PyTorch: the filter is not flipped)"
    )
    return f"transposed {name}" if result.transposed else name


def facts(result: Result, verbose: bool = True) -> Iterator[tuple[str, str]]:
    """Name what was resolved and measured, one fact at a time.

    Only if `verbose` are axes named that can be read in one way, and the method with its estimate.
    """
    yield "input", _array(result.input)
    if verbose or not result.each_channel or result.input.layout != SPATIAL[len(result.axes)]:
        yield "axes", _axes(result)
    pooling = result.kind in POOLS
    yield "filter", format_sizes(result.filter.shape) if pooling else _array(result.filter)
    yield "padding", _padding(result)
    yield "stride", format_sizes([a.s for a in result.axes])
    if any(a.d > 1 for a in result.axes):
        yield "dilation", format_sizes([a.d for a in result.axes])
    if result.bias:
        bias = result.bias
        yield "bias", f"{len(bias)} numbers" if len(bias) > 1 else f"{bias[0]:g}"
    yield "output", f"{format_sizes(result.output.shape)} {result.output.dtype}"
    yield "formula", formulas(result.axes)
    where = f"{result.device} by {result.engine}"
    if verbose:
        yield "method", " and ".join(result.methods)
    if verbose and result.costs:
        by_cost = sorted(result.costs.items(), key=lambda item: item[1])
        costs = ", ".join(f"{name} {_milliseconds(cost * 1e-9)}" for name, cost in by_cost)
        yield "estimated", f"{costs}, on one core"
    if result.seed is not None:
        yield "seed", str(result.seed)
    yield "time", f"{_milliseconds(result.seconds)} on {where}"
    figures = f"{result.low:.6g} / {result.mean:.6g} / {result.high:.6g}"
    magnitudes = " (magnitudes)" if result.output.dtype.startswith("complex") else ""
    yield "min/mean/max", figures + magnitudes
    if result.timing is not None:
        yield "timed", _timing(result.timing)
    if result.verdict is not None:
        yield "verified", _verdict(result.verdict)
    if result.output.name:
        mapping = f", values {result.mapping.text}" if result.mapping else ""
        yield "written to", f"{result.output.name}{mapping}"


def record(result: Result) -> dict[str, Any]:
    """Give the facts under stable names; those of the window are the same as in `shape`."""
    verdict, timing = result.verdict, result.timing
    return {
        "kind": result.kind,
        "operation": operation_name(result),
        **{key: [figure(axis) for axis in result.axes] for key, figure in WINDOW.items()},
        "channels_in": _channels(result.input),
        "channels_out": _channels(result.output),
        "groups": result.groups,
        "bias": bool(result.bias),
        "pad_mode": result.pad_mode,
        "flip": result.flip,
        **_array_record("input", result.input),
        "filter_name": None if result.kind in POOLS else result.filter.name,
        "filter_shape": list(result.filter.shape),
        "filter_dtype": result.filter.dtype or None,
        **_array_record("output", result.output),
        "mapping": result.mapping and result.mapping.text,
        "seed": result.seed,
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
    return str(value) if value.dtype.kind in "iub" else f"{value:.4g}"


def _array(array: Facts) -> str:
    return f"{array.name}  {format_sizes(array.shape)} {array.dtype}"


def _axes(result: Result) -> str:
    names = {"N": "batch", "C": "channels", "D": "depth", "H": "height", "W": "width"}
    layout = result.input.layout
    read = f"{layout} ({', '.join(names[letter] for letter in layout)})"
    if not result.each_channel:
        return f"{read}; the filter: out, in/groups, spatial"
    if "C" in layout:
        what = "channels are pooled one by one"
        read += f"; {what if result.kind in POOLS else 'the filter is applied to each channel'}"
    if layout in ("CHW", "NCHW") and result.input.shape[-1] in (3, 4):
        read += "; if the last axis holds colours, use --layout HWC"
    return read


def _padding(result: Result) -> str:
    pads = format_padding([(a.pb, a.pe) for a in result.axes])
    if pads == "0":
        return pads
    if result.transposed:
        return f"{pads}, cropped from the output"
    if result.kind == "maxpool":
        return f"{pads}, never the maximum"
    if result.kind == "avgpool":
        return f"{pads} of zeros, which count in the mean"
    if result.pad_mode == "zeros":
        return f"{pads} of zeros"
    mode = PAD_MODES[result.pad_mode]
    return f"{pads}, {result.pad_mode}: {mode.picture} ({mode.known_as})"


def _timing(timing: Timing) -> str:
    macs = f"{timing.macs / timing.seconds:.3g} MAC/s, " if timing.macs else ""
    return (
        f"median of {timing.runs}: {_milliseconds(timing.seconds)}, "
        f"{macs}{timing.bytes / timing.seconds:.3g} bytes/s"
    )


def _verdict(verdict: Verdict) -> str:
    outcome = "passed" if verdict.passed else "FAILED"
    return (
        f"{outcome}: {verdict.checked:,} of {verdict.total:,} outputs, largest error "
        f"{verdict.error:.3g}, tolerance {verdict.tolerance:.3g}"
    )
