"""The output of `shape` for people: tables and explanations, from results only."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from rich.console import Group
from rich.table import Table

from convcli.geometry.axis import Axis
from convcli.geometry.coverage import unread
from convcli.geometry.formula import formulas
from convcli.geometry.inverse import Answer, format_answers, format_totals
from convcli.geometry.layers import format_layer
from convcli.geometry.network import Step
from convcli.geometry.notation import format_padding, format_sizes, join_axes
from convcli.geometry.receptive_field import Field
from convcli.shape import drawing, frameworks
from convcli.shape import explain as words
from convcli.streams import Streams
from convcli.terminal.tables import cell, columns_table, console, facts_table

KIND_NAMES = {
    "conv": "convolution",
    "convt": "transposed convolution",
    "maxpool": "max pooling",
    "avgpool": "average pooling",
}
_PAGE = 500  # rows of a long table that are laid out together


def show_cases(steps: Iterable[Step], streams: Streams) -> None:
    """Show one case in full, several as rows; rows go out a page at a time."""
    steps = iter(steps)
    out = console(streams.stdout)
    first = list(islice(steps, 2))
    if len(first) == 1:
        out.print(case_table(first[0]))
        return
    rows = chain(first, steps)
    while page := list(islice(rows, _PAGE)):
        out.print(sweep_table(page), crop=False)


def case_table(step: Step) -> Group:
    """Show every figure of one layer."""
    axes, layer = step.axes, step.layer
    rows = [
        ("input n", format_sizes([a.n for a in axes])),
        ("filter f", format_sizes([a.f for a in axes])),
        ("padding p", _padding(step)),
        ("stride s", format_sizes([a.s for a in axes])),
    ]
    if any(a.d > 1 for a in axes):
        spans = format_sizes([a.e for a in axes])
        rows.append(
            ("dilation d", f"{format_sizes([a.d for a in axes])}, so the filter spans {spans}")
        )
    if layer.window.kind == "convt":
        rows.append(("output padding", format_sizes([a.op for a in axes])))
    rows += [("output", format_sizes(step.out)), ("formula", formulas(axes))]
    rows.append(("unwritten" if layer.window.kind == "convt" else "unread", words.loss(axes)))
    rows += cost_rows(step)
    return facts_table(rows, f"{KIND_NAMES[layer.window.kind]}, {_axes(axes)}")


def cost_rows(step: Step) -> Iterator[tuple[str, str]]:
    """Name channels, parameters and arithmetic, where the channels are known."""
    layer = step.layer
    if step.c_in is None:
        return
    groups = f" in {layer.g} groups" if layer.g > 1 else ""
    yield "channels", f"{step.c_in} in, {step.c_out} out{groups}"
    pooling = layer.window.kind in ("maxpool", "avgpool")
    bias = "" if pooling else (" with bias" if layer.bias else " without bias")
    yield "parameters", f"{step.params:,}{bias}"
    yield "MACs", f"{step.macs:,} multiply-accumulates"
    added = " + bias additions" if layer.bias and not pooling else ""
    yield "FLOPs", f"{step.flops:,} = 2·MACs{added}"


def sweep_table(steps: Sequence[Step]) -> Table:
    """Show many cases as rows; a column appears where a case needs it."""
    dilated = any(a.d > 1 for step in steps for a in step.axes)
    extended = any(a.op for step in steps for a in step.axes)
    grouped = any(step.layer.g > 1 for step in steps)
    counted = any(step.params is not None for step in steps)
    headers = ["n", "f", "p", "s"]
    if dilated:
        headers.append("d")
    if extended:
        headers.append("op")
    if counted:
        headers.append("c")
    if grouped:
        headers.append("g")
    headers += ["out", "unread"]
    if counted:
        headers += ["parameters", "MACs"]
    table = columns_table(headers)
    for step in steps:
        cells = _sweep_cells(step)
        table.add_row(*[cells[header] for header in headers])
    return table


def _sweep_cells(step: Step) -> dict[str, str]:
    axes = step.axes
    return {
        "n": format_sizes([a.n for a in axes]),
        "f": format_sizes([a.f for a in axes]),
        "p": format_padding([(a.pb, a.pe) for a in axes]),
        "s": format_sizes([a.s for a in axes]),
        "d": format_sizes([a.d for a in axes]),
        "op": format_sizes([a.op for a in axes]),
        "c": f"{step.c_in}:{step.c_out}",
        "g": str(step.layer.g),
        "out": format_sizes(step.out),
        "unread": format_sizes([unread(a) for a in axes]),
        "parameters": _count(step.params),
        "MACs": _count(step.macs),
    }


def show_stack(steps: Sequence[Step], streams: Streams) -> None:
    """Show a stack of layers as rows, with totals where the channels are known."""
    n = format_sizes([a.n for a in steps[0].axes])
    counted = steps[0].c_in is not None
    headers = ["#", "layer", "out", "r", "j", "P"]
    if counted:
        headers.insert(3, "c")
        headers += ["parameters", "MACs"]
    came_in = f", {steps[0].c_in} channels" if counted else ""
    table = columns_table(headers, f"input {n}{came_in}")
    table.show_footer = counted
    for i, step in enumerate(steps, 1):
        name = f"{step.layer.name}: " if step.layer.name else ""
        cells = [
            str(i),
            name + format_layer(step.layer),
            format_sizes(step.out),
            *_field_cells(step.fields),
        ]
        if counted:
            cells.insert(3, str(step.c_out))
            cells += [_count(step.params), _count(step.macs)]
        table.add_row(*map(cell, cells))
    if counted:
        table.columns[1].footer = "total"
        table.columns[-2].footer = _count(sum(step.params or 0 for step in steps))
        table.columns[-1].footer = _count(sum(step.macs or 0 for step in steps))
    out = console(streams.stdout)
    out.print(table, crop=False)
    out.print("r receptive field, j jump, P effective padding, in pixels of the input")
    if not all(field.exact for step in steps for field in step.fields):
        out.print("≤ an upper bound: too many outputs differ in what they read")
    if not counted:
        out.print("for parameters and MACs give the input's channels, such as -c 3")


def _field_cells(fields: Sequence[Field]) -> list[str]:
    """Write r, j and P; one for all axes where they are equal."""
    bound = ["" if field.exact else "≤" for field in fields]
    return [
        join_axes([f"{b}{field.r}" for b, field in zip(bound, fields, strict=True)]),
        join_axes([str(field.j) for field in fields]),
        join_axes([f"{b}{field.P}" for b, field in zip(bound, fields, strict=True)]),
    ]


def show_answers(
    unknown: str, out: Sequence[int], answers: Sequence[Sequence[Answer]], streams: Streams
) -> None:
    """Show what ``--solve`` found."""
    text = format_answers(answers).replace(",", ", ")
    if any(answer.last is None for axis in answers for answer in axis):
        text += f", and every larger {unknown}"
    rows = [("output", format_sizes(out)), (unknown, text)]
    if unknown == "p":
        rows.append(("total", f"{format_totals(answers)}, both sides together"))
    console(streams.stdout).print(facts_table(rows, f"every {unknown} that gives the output"))


def explain(steps: Iterable[Step], streams: Streams) -> None:
    """Explain each layer: formula, picture, coverage, and the same layer elsewhere."""
    out = console(streams.stdout)
    for step in steps:
        out.print(case_table(step))
        for line in words.step_by_step(step):
            out.print(line)
        out.print()
        out.print(drawing.windows(step.axes, out.width))
        out.print()
        for line in words.coverage_words(step.axes):
            out.print(line)
        out.print(drawing.coverage_map(step.axes, out.width))
        out.print()
        code = {"PyTorch": frameworks.pytorch, "Keras": frameworks.keras, "ONNX": frameworks.onnx}
        for name, write in code.items():
            out.print(f"{name + ':':9}{write(step)}", soft_wrap=True)  # whole, to be copied


def _padding(step: Step) -> str:
    """Write the padding, and what a word was resolved to."""
    pads = format_padding([(a.pb, a.pe) for a in step.axes])
    p = step.layer.window.p
    return f"{p} = {pads}" if isinstance(p, str) else pads


def _axes(axes: Sequence[Axis]) -> str:
    return f"{len(axes)} axis" if len(axes) == 1 else f"{len(axes)} axes"


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
