"""What a person sees of `run`: a table of facts, and below it the parts that were asked for."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console

from convcli.explain.layer import explain_layer
from convcli.geometry.text.notation import format_padding, format_sizes
from convcli.geometry.window.axis import POOL_KINDS
from convcli.geometry.window.formula import formulas
from convcli.geometry.window.pad_modes import PAD_MODES
from convcli.run.pictures import plot
from convcli.run.report.records import step_of
from convcli.run.report.values import values_table
from convcli.run.resolve.axes import SPATIAL
from convcli.run.results import Facts, Parts, Result, ShownArrays, Timing, Verdict, operation_name
from convcli.terminal.tables import Column, Sheet, console, facts_table


def show(result: Result, kept: ShownArrays, stream: TextIO, parts: Parts) -> None:
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
    explain_layer(step_of(result), out)
    if result.pad_mode != "zeros" and any(a.pb or a.pe for a in result.axes):
        out.print(f"These three pad with zeros; here padding is {result.pad_mode}.")
    if result.flip:
        out.print("These three do not flip the filter; here it is flipped.")


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


def facts(result: Result, verbose: bool = True) -> Iterator[tuple[str, str]]:
    """Name what was resolved and measured, one fact at a time.

    Only if `verbose` are axes named that can be read in one way, and the method with its estimate.
    """
    yield "input", _array(result.input)
    if verbose or not result.each_channel or result.input.layout != SPATIAL[len(result.axes)]:
        yield "axes", _axes(result)
    pooling = result.kind in POOL_KINDS
    yield "filter", format_sizes(result.filter.shape) if pooling else _array(result.filter)
    yield "padding", _padding(result)
    yield "stride", format_sizes([a.s for a in result.axes])
    if any(a.d > 1 for a in result.axes):
        yield "dilation", format_sizes([a.d for a in result.axes])
    if result.bias:
        bias = result.bias
        yield "bias", f"{len(bias)} numbers" if len(bias) > 1 else f"{bias[0]:g}"
    yield "output", f"{format_sizes(result.output.shape)} {result.output.dtype}"
    yield "formula", "\n".join(formulas(result.axes))
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
    if result.cluster:
        yield "workers", result.cluster
    figures = f"{result.low:.6g} / {result.mean:.6g} / {result.high:.6g}"
    of = ["magnitudes"] if result.output.dtype.startswith("complex") else []
    if result.blocks is not None and result.blocks.before:
        yield "resumed", f"{result.blocks.before:,} of {result.blocks.total:,} blocks were done"
        of.append("of the others")
    if result.blocks is None or result.blocks.before < result.blocks.total:
        yield "min/mean/max", figures + (f" ({', '.join(of)})" if of else "")
    if result.timing is not None:
        yield "timed", _timing(result.timing)
    if result.verdict is not None:
        yield "verified", _verdict(result.verdict)
    if result.output.name:
        mapping = f", values {result.mapping.text}" if result.mapping else ""
        yield "written to", f"{result.output.name}{mapping}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def _array(array: Facts) -> str:
    return f"{array.name}  {format_sizes(array.shape)} {array.dtype}"


def _axes(result: Result) -> str:
    names = {"N": "batch", "C": "channels", "D": "depth", "H": "height", "W": "width"}
    layout = result.input.layout
    read = f"{layout} ({', '.join(names[letter] for letter in layout)})"
    if not result.each_channel:
        return f"{read}; the filter: out, in/groups, spatial"
    if "C" in layout:
        what = "the filter is applied to each channel"
        if result.kind in POOL_KINDS:
            what = "channels are pooled one by one"
        read += f"; {what}"
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
        f"{outcome}: {verdict.checked:,} of {verdict.total:,} outputs checked, largest error "
        f"{verdict.error:.3g}, tolerance {verdict.tolerance:.3g}"
    )
