"""The output of `shape` for people: tables and explanations, from results only."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from rich.console import Console
from rich.text import Text

from convcli.explain import growth, words
from convcli.explain.layer import case_table, explain_layer
from convcli.geometry.inverse import Answer, format_answers, format_totals
from convcli.geometry.network import Step
from convcli.geometry.notation import format_sizes
from convcli.shape.figures import CHANNELS, FIGURES, Figure, Row
from convcli.shape.records import total
from convcli.streams import Streams
from convcli.terminal.tables import ANSWER, Column, Sheet, as_text, console, facts_table

_PAGE = 500  # rows of a long table that are laid out together
_BY_KEY = {figure.key: figure for figure in (*FIGURES, CHANNELS)}
# The columns of a table, in its order.
_SWEEP = (
    *("input", "filter", "padding", "stride", "dilation", "output_padding", "channels", "groups"),
    *("output", "unread", "parameters", "macs"),
)
_STACK = (
    *("layer", "output", "channels_out", "receptive_field", "jump", "effective_padding"),
    *("parameters", "macs"),
)
_COSTS = ("channels", "channels_out", "parameters", "macs")


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
    _show_sheet(sheet, out, [f"in every row: {', '.join(said)}"] * bool(said), dropped)


def _show_sheet(sheet: Sheet, out: Console, notes: Iterable[str], dropped: Sequence[str]) -> None:
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
    return [_column(_BY_KEY[key], rows) for key in keys if counted or key not in _COSTS]


def _column(figure: Figure, rows: Sequence[Row]) -> Column:
    cells = [(figure.cell or figure.value)(row) for row in rows]
    text, answer = figure.key == "layer", figure.key == "output"
    return Column(figure.header, cells, figure.short, figure.drop, text, answer)


def show_stack(steps: Sequence[Step], streams: Streams, explained: bool = False) -> None:
    """Show a stack of layers as rows, with totals where the channels are known.

    If it is to be explained, what `growth` says follows; a stack of one layer is explained as one.
    """
    if explained and len(steps) == 1:
        explain(steps, streams)
        return
    out = console(streams.stdout)
    numbers = Column("#", [str(i) for i in range(1, len(steps) + 1)])
    sheet = Sheet([numbers, *_columns(_STACK, steps)], out.width)
    out.print(_from_input_to_output(steps))
    _show_sheet(sheet, out, _notes(steps, sheet), sheet.dropped)
    if explained:
        for part in growth.explain_stack(steps, out.width):
            out.print(part, crop=False)


def _notes(steps: Sequence[Step], sheet: Sheet) -> Iterator[str]:
    sums = total(steps)
    if sums["parameters"] is None:
        yield "for parameters and MACs give the input's channels, such as -c 3"
    else:
        yield f"total {', '.join(words.costs(sums))}"
    headers = [f for f in FIGURES if f.meaning and f.header not in sheet.dropped]
    if headers:
        meanings = [f"{figure.header} {figure.meaning}" for figure in headers]
        yield f"{', '.join(meanings)}, in pixels of the input"
    if not all(field.exact for step in steps for field in step.fields):
        yield "≤ an upper bound: too many outputs differ in what they read"


def _from_input_to_output(steps: Sequence[Step]) -> Text:
    first, last = steps[0], steps[-1]
    text = Text(f"input {format_sizes([a.n for a in first.axes])}{_channels(first.c_in)} → output ")
    text.append(format_sizes(last.out), ANSWER)
    return text.append(f"{_channels(last.c_out)}\n")


def _channels(count: int | None) -> str:
    return "" if count is None else f", {count} channel{'s' if count > 1 else ''}"


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
