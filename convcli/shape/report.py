"""The output of `shape` for people: tables and explanations, from results only."""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from rich.console import Console

from convcli.explain.layer import case_table, explain_layer
from convcli.geometry.inverse import Answer, format_answers, format_totals
from convcli.geometry.network.layer import Step
from convcli.geometry.text.notation import format_sizes
from convcli.shape.figures import CHANNELS, FIGURES, Figure, Row
from convcli.streams import Streams
from convcli.terminal.tables import Column, Sheet, as_text, console, facts_table

_PAGE = 500  # rows of a long table that are laid out together
_BY_KEY = {figure.key: figure for figure in (*FIGURES, CHANNELS)}
# The columns of a table, in its order.
_SWEEP = (
    *("input", "filter", "padding", "stride", "dilation", "output_padding", "channels", "groups"),
    *("output", "unread", "parameters", "macs"),
)
_COSTS = ("channels", "parameters", "macs")


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
        _show_sweep(page, out)


def _show_sweep(steps: Sequence[Step], out: Console) -> None:
    """Show many cases as rows; a column appears where a case needs it."""
    needed = {
        "dilation": any(a.d > 1 for step in steps for a in step.axes),
        "output_padding": any(a.op for step in steps for a in step.axes),
        "groups": any(step.layer.g > 1 for step in steps),
    }
    columns = _columns([key for key in _SWEEP if needed.get(key, True)], steps)
    same = {c.header: c.cells[0] for c in columns if len(set(c.cells)) == 1 and not c.answer}
    # What is the same in every row is left out first, and said below the table.
    columns = [c._replace(drop=1 if c.header in same else c.drop and c.drop + 1) for c in columns]
    sheet = Sheet(columns, out.width)
    said = [f"{header} {as_text(same[header])}" for header in sheet.dropped if header in same]
    dropped = [header for header in sheet.dropped if header not in same]
    show_sheet(sheet, out, [f"in every row: {', '.join(said)}"] * bool(said), dropped)


def show_sheet(sheet: Sheet, out: Console, notes: Iterable[str], dropped: Sequence[str]) -> None:
    """Show a table, with notes below it, the last of them on what was left out."""
    notes = list(notes)
    if dropped:
        notes.append(f"{', '.join(dropped)} dropped: {out.width} columns; --format csv has all")
    out.print(sheet, crop=False)
    out.print("".join(f"\n{note}" for note in notes), end="\n" if notes else "")


def _columns(keys: Iterable[str], steps: Sequence[Step]) -> list[Column]:
    """Make the columns of figures; those of costs only where there are some."""
    counted = any(step.params is not None for step in steps)
    rows = [Row(step) for step in steps]
    return [figure_column(_BY_KEY[key], rows) for key in keys if counted or key not in _COSTS]


def figure_column(figure: Figure, rows: Sequence[Row]) -> Column:
    """Make the column of a figure."""
    cells = [(figure.cell or figure.value)(row) for row in rows]
    text, answer = figure.key == "layer", figure.key == "output"
    return Column(figure.header, cells, figure.short, figure.drop, text, answer)


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
    title = f"every {unknown} that gives the output"
    console(streams.stdout).print(facts_table(rows, title, answer=unknown))


def explain(steps: Iterable[Step], streams: Streams) -> None:
    """Explain each layer, see `convcli.explain.layer`."""
    out = console(streams.stdout)
    for step in steps:
        explain_layer(step, out)
