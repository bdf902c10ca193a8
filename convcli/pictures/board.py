"""What a layer's picture and its animation share: title, input and output to scale, legend."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from convcli.explain import words
from convcli.geometry.text.notation import format_padding, format_sizes, join_axes
from convcli.geometry.window.axis import KIND_NAMES, Axis
from convcli.pictures import grid
from convcli.pictures.grid import CellText, Grid
from convcli.pictures.scene import (
    Group,
    Line,
    Rect,
    Shape,
    Text,
    paragraph,
    paragraph_height,
    text_width,
    wrapped,
)
from convcli.pictures.strip import ROW, Strip, output_kinds, strip

WIDTH, MARGIN = 640.0, 24.0
INNER = WIDTH - 2 * MARGIN
_GUTTER = 56.0
_CAPTION = 13.0
_LEAST = 150.0  # pixels of a column, for its caption
_LARGEST = 30.0  # pixels of a cell
_TALLEST = 380.0  # pixels of a grid
_THINNEST = 14.0
_LEGEND = {
    "input": "input",
    "padding": "padding",
    "zero": "zeros between",
    "window": "window, pale on padding and zeros",
    "output": "output",
    "unread": "not read",
}


class Numbers(NamedTuple):
    """The numbers of a run as text: of the input by position, padding included; of the output."""

    input: CellText
    output: CellText
    widest: str


class Board(NamedTuple):
    """The upper part of a picture: where its input and its output are."""

    input: Grid
    output: Grid
    bottom: float
    groups: tuple[Group, ...]
    numbers: Numbers | None  # None where cells are too small for them


def planar(axes: Sequence[Axis]) -> tuple[Axis, Axis]:
    """Return the axes that are drawn as rows and columns; those before them are not drawn."""
    return (axes[-2] if len(axes) > 1 else ROW), axes[-1]


def title_of(axes: Sequence[Axis]) -> str:
    """Say in one line which layer it is."""
    return f"{KIND_NAMES[axes[0].kind].capitalize()}, {sizes_of(axes)}"


def sizes_of(axes: Sequence[Axis]) -> str:
    """Write the sizes of input and output."""
    return f"{format_sizes([a.n for a in axes])} to {format_sizes([a.out for a in axes])}"


def settings_of(axes: Sequence[Axis]) -> str:
    """Write the settings of a layer in words."""
    parts = [
        f"filter {format_sizes([a.f for a in axes])}",
        f"padding {format_padding([(a.pb, a.pe) for a in axes])}",
        f"stride {join_axes([str(a.s) for a in axes])}",
    ]
    if any(a.d > 1 for a in axes):
        parts.append(f"dilation {join_axes([str(a.d) for a in axes])}")
    if any(a.op for a in axes):
        parts.append(f"output padding {join_axes([str(a.op) for a in axes])}")
    return ", ".join(parts)


def board(axes: Sequence[Axis], numbers: Numbers | None, filled: bool) -> Board:
    """Lay out title, input and output; the output is empty unless it is `filled`."""
    row_axis, column_axis = planar(axes)
    rows, columns = strip(row_axis), strip(column_axis)
    top, heading = _heading(axes)
    counts = (len(rows.cells), len(columns.cells)), (row_axis.out, column_axis.out)
    least = grid.cell_for(numbers.widest, grid.SMALLEST + 0.5) if numbers else 0.0
    beside, cell = _fit(counts, len(axes) == 1, least)
    if cell < least:  # numbers could not be read
        numbers = None
        beside, cell = _fit(counts, len(axes) == 1, 0.0)
    fine = cell >= grid.FINE
    in_text = _wrap(_input_caption(axes), counts[0][1] * cell if beside else INNER)
    caption = top + paragraph_height(in_text, _CAPTION) + 8
    widest = numbers.widest if numbers else ""
    # A line of many cells is wider than its scale says, or it would not be seen.
    (tall, wide), (out_tall, out_wide) = (
        [max(cell, _THINNEST / count) for count in pair] for pair in counts
    )
    source = Grid(MARGIN, caption, wide, rows.kinds(fine), columns.kinds(fine), widest, tall)
    x, y = MARGIN, source.y + source.height + 30
    if beside:
        x, y = MARGIN + max(source.width, _LEAST) + _GUTTER, top
    out_text = _wrap(_output_caption(axes), WIDTH - MARGIN - x)
    height = paragraph_height(out_text, _CAPTION) + 8
    target_y = source.y if beside else y
    out_y = target_y - height if beside else target_y + row_axis.out * out_tall + 4
    out_kinds = [output_kinds(axis, fine) for axis in (row_axis, column_axis)]
    if not filled:
        out_kinds = [[("empty", cells) for _, cells in kinds] for kinds in out_kinds]
    target = Grid(x, target_y, out_wide, out_kinds[0], out_kinds[1], widest, out_tall)
    captions = (
        *paragraph(MARGIN, caption - 8 - len(in_text) * _CAPTION * 1.4, in_text, _CAPTION),
        *paragraph(x, out_y, out_text, _CAPTION),
    )
    groups = (
        heading,
        Group("captions", captions),
        Group("input", tuple(grid.drawn(source, numbers.input if numbers else None))),
        Group("output", tuple(grid.drawn(target, numbers.output if numbers and filled else None))),
    )
    bottom = max(source.y + source.height, target.y + target.height + (0 if beside else height))
    return Board(source, target, bottom, groups, numbers)


def strips(axes: Sequence[Axis]) -> tuple[Strip, Strip]:
    """Return the cells of rows and of columns."""
    rows, columns = planar(axes)
    return strip(rows), strip(columns)


def projection(
    source: Grid, target: Grid, rows: range, columns: range, at: tuple[int, int]
) -> Group:
    """Draw lines from a window to the output that it makes."""
    x, y, wide, high = source.box(rows, columns)
    r, c = at
    to_x, to_y, to_wide, to_high = target.box(range(r, r + 1), range(c, c + 1))
    ends: list[tuple[float, float, float, float]] = []
    if source.widest:  # lines would cross numbers
        pass
    elif target.x > source.x + source.width:
        ends = [(x + wide, y, to_x, to_y), (x + wide, y + high, to_x, to_y + to_high)]
    else:
        ends = [(x, y + high, to_x, to_y), (x + wide, y + high, to_x + to_wide, to_y)]
    cell = Rect(to_x, to_y, to_wide, to_high, fill="window", stroke="window-edge", line=1.6)
    return Group("projection", (*(Line(*end, "window-edge", 1.1) for end in ends), cell))


def legend(y: float, kinds: Sequence[str]) -> tuple[tuple[Shape, ...], float]:
    """Draw a sign and a word for each kind of cell; return them and their height."""
    shapes: list[Shape] = []
    x, size = MARGIN, 13.0
    for kind in kinds:
        wide = 20 + text_width(_LEGEND[kind], size) + 18
        if x + wide > WIDTH - MARGIN + 18:
            x, y = MARGIN, y + 22
        fill = {"unread": "cell", "zero": "cell"}.get(kind, kind)
        edge = "window-edge" if kind == "window" else "line"
        hatch = "unread" if kind == "unread" else None
        shapes.append(Rect(x, y, 14, 14, fill=fill, stroke=edge, hatch=hatch))
        shapes.append(Text(x + 20, y + 12, _LEGEND[kind], size, fill="soft"))
        x += wide
    return tuple(shapes), y + 22


def kinds_in(shown: Board) -> list[str]:
    """List what a legend has to name."""
    runs = (runs for g in (shown.input, shown.output) for runs in (g.rows, g.columns))
    found = {kind for cells in runs for kind, _ in cells}
    return [kind for kind in _LEGEND if kind in found or kind in ("window", "output")]


def note_of(axes: Sequence[Axis]) -> Iterator[str]:
    """Say what is not seen in a picture."""
    if axes[0].kind == "convt":
        yield (
            "drawn as the convolution it equals: zeros between and around the inputs, stride 1, "
            "the filter flipped"
        )
    lost = words.loss(axes)
    if lost != "none":
        verb = "written" if axes[0].kind == "convt" else "read"
        yield f"not {verb}: {lost}"


def _heading(axes: Sequence[Axis]) -> tuple[float, Group]:
    size = 18.0
    lines = wrapped(title_of(axes), INNER / 1.07, size)
    texts = paragraph(MARGIN, 18, lines, size, bold=True)
    y = 18 + paragraph_height(lines, size) + 2
    more = wrapped(settings_of(axes), INNER, 14)
    texts += paragraph(MARGIN, y, more, 14, fill="soft")
    return y + paragraph_height(more, 14) + 14, Group("heading", texts)


def _fit(
    counts: tuple[tuple[int, int], tuple[int, int]], line: bool, least: float
) -> tuple[bool, float]:
    """Choose whether output and input are beside each other, and the size of a cell.

    `least` is the size of a cell that its number needs.
    """
    (rows, columns), (out_rows, out_columns) = counts
    largest = max(_LARGEST, min(1.2 * least, 60.0))
    stacked = min(largest, INNER / max(columns, out_columns))
    tall = _TALLEST * 1.3 / (rows + out_rows)
    if tall < stacked:
        stacked = min(max(tall, least), stacked, 2 * tall)
    room = INNER - _GUTTER
    beside = min(
        room / (columns + out_columns),
        (room - _LEAST) / columns,
        (room - _LEAST) / out_columns,
        max(_TALLEST, min(least * max(rows, out_rows), 1.6 * _TALLEST)) / max(rows, out_rows),
        largest,
    )
    if line or beside < 0.75 * stacked or beside < least <= stacked:
        return False, stacked
    return True, beside


def _input_caption(axes: Sequence[Axis]) -> str:
    n = format_sizes([a.n for a in axes])
    deep = f", one slice of the depth {axes[0].n}" if len(axes) > 2 else ""
    if axes[0].kind == "convt":
        between = " with zeros between" if any(a.s > 1 for a in axes) else ""
        return f"input {n}{between}{deep}"
    if any(a.pb or a.pe for a in axes):
        return f"input {n}, padded to {format_sizes([a.padded for a in axes])}{deep}"
    return f"input {n}{deep}"


def _output_caption(axes: Sequence[Axis]) -> str:
    deep = f", one slice of the depth {axes[0].out}" if len(axes) > 2 else ""
    return f"output {format_sizes([a.out for a in axes])}{deep}"


def wrap_all(text: str) -> list[str]:
    """Break a note into lines as wide as the picture."""
    return wrapped(text, INNER, _CAPTION)


def _wrap(text: str, width: float) -> list[str]:
    return wrapped(text, max(width, _LEAST), _CAPTION)
