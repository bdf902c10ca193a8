"""The output of `shape` for people: tables and explanations, from results only."""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from rich.table import Table

from convcli.explain.layer import case_table, explain_layer
from convcli.geometry.coverage import unread
from convcli.geometry.inverse import Answer, format_answers, format_totals
from convcli.geometry.layers import format_layer
from convcli.geometry.network import Step
from convcli.geometry.notation import format_padding, format_sizes, join_axes
from convcli.geometry.receptive_field import Field
from convcli.streams import Streams
from convcli.terminal.tables import cell, columns_table, console, facts_table

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
    """Explain each layer, see `convcli.explain.layer`."""
    out = console(streams.stdout)
    for step in steps:
        explain_layer(step, out)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
