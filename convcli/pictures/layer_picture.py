"""The picture of one layer: the window where it starts, how often each pixel is read, formula."""

from collections.abc import Sequence
from math import prod

from convcli.explain import words
from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import coverage, extent, most
from convcli.geometry.window.formula import formulas
from convcli.pictures import board, grid
from convcli.pictures.board import INNER, MARGIN, WIDTH, Numbers
from convcli.pictures.grid import Grid
from convcli.pictures.scene import (
    Group,
    Rect,
    Scene,
    Shape,
    Text,
    paragraph,
    paragraph_height,
    text_width,
    wrapped,
)

_CAPTION = 13.0
_BESIDE = 200.0  # pixels of the words beside the coverage
_TALLEST = 360.0


def layer_picture(
    axes: Sequence[Axis], numbers: Numbers | None = None, sums: Sequence[str] = ()
) -> Scene:
    """Draw a layer.

    Parameters
    ----------
    axes : sequence of Axis
        Of three, the last two are drawn.
    numbers : Numbers, optional
        The numbers of a run, which the cells then hold.
    sums : sequence of str
        Lines of numbers: how the first output comes about.
    """
    top = board.board(axes, numbers, filled=True)
    numbers = top.numbers
    rows, columns = (each.taps(0) for each in board.strips(axes))
    cells = numbers.input if numbers else None
    first = Group("window", tuple(grid.window(top.input, rows, columns, cells)))
    lines = board.projection(top.input, top.output, rows, columns, (0, 0))
    if numbers is not None:
        seen = tuple(grid.number(top.output, 0, 0, numbers.output(0, 0), "on-window"))
        lines = lines._replace(shapes=(*lines.shapes, *seen))
    groups = [*top.groups, _next_window(top.input, axes), first, lines]
    y = top.bottom + 14
    signs, y = board.legend(y, board.kinds_in(top))
    groups.append(Group("legend", signs))
    if sums:
        texts = paragraph(MARGIN, y + 4, sums, 13, mono=True)
        groups.append(Group("sum", texts))
        y += paragraph_height(sums, 13) + 10
    read, y = _coverage(axes, y + 12)
    groups += read
    said, y = _formulas(axes, y + 10)
    groups.append(said)
    description = ". ".join([board.settings_of(axes), *formulas(axes), *words.coverage_words(axes)])
    return Scene(WIDTH, y + 8, board.title_of(axes), description, tuple(groups))


def _next_window(source: Grid, axes: Sequence[Axis]) -> Group:
    """Draw the outline of the second window, a stride further."""
    rows, columns = board.strips(axes)
    if columns.places < 2 or not source.is_fine:
        return Group("next", ())
    box = source.box(rows.taps(0), columns.taps(1))
    return Group("next", (Rect(*box, stroke="window-edge", line=1.6, dash=True),))


def _coverage(axes: Sequence[Axis], y: float) -> tuple[list[Group], float]:
    """Draw how many windows read each pixel: all of them, or the first where there are many."""
    rows_axis, columns_axis = board.planar(axes)
    deep = prod(coverage(a, (extent(a) // 2,))[0] for a in axes[:-2])
    top = deep * most(rows_axis) * most(columns_axis)
    size = (extent(rows_axis), extent(columns_axis))
    is_line = len(axes) == 1
    room = INNER if is_line else INNER - _BESIDE - 20
    cell = max(min(26.0, room / size[1], _TALLEST / size[0]), grid.cell_for(str(top)))
    shown = (min(size[0], int(_TALLEST / cell)), min(size[1], int(room / cell)))
    row_counts = coverage(rows_axis, range(shown[0])) if not is_line else [1]
    column_counts = coverage(columns_axis, range(shown[1]))
    values = [[deep * r * c for c in column_counts] for r in row_counts]

    head, *sentence = words.coverage_words(axes)
    lines = wrapped(head.removesuffix(":"), INNER, _CAPTION)
    texts: list[Shape] = list(paragraph(MARGIN, y, lines, _CAPTION))
    y += paragraph_height(lines, _CAPTION) + 8
    spans = [[("output", range(count))] for count in shown]
    panel = Grid(MARGIN, y, cell, spans[0], spans[1], str(top))
    drawn = tuple(grid.heat(panel, values, top))
    notes = [*sentence, *_cut(axes, size, shown), *board.note_of(axes)]
    x, width, below = MARGIN + panel.width + 24, WIDTH - 2 * MARGIN - panel.width - 24, y
    if is_line:
        x, width, below = MARGIN, INNER, y + panel.height + 12
    scale = tuple(grid.ramp(x, below, min(width, 180.0), top))
    below += 38
    for note in notes:
        wrap = wrapped(note, width, _CAPTION)
        texts += paragraph(x, below, wrap, _CAPTION, fill="soft")
        below += paragraph_height(wrap, _CAPTION) + 4
    groups = [
        Group("coverage-words", tuple(texts)),
        Group("coverage", drawn),
        Group("scale", scale),
    ]
    return groups, max(y + panel.height, below) + 8


def _cut(axes: Sequence[Axis], size: tuple[int, int], shown: tuple[int, int]) -> list[str]:
    parts = [
        f"the first {part} of {whole} {what}"
        for part, whole, what in zip(shown, size, ("rows", "columns"), strict=True)
        if part < whole
    ]
    notes = [f"counts of {' and '.join(parts)} are drawn"] if parts else []
    if len(axes) > 2:
        notes.append("counts of the middle slice of the depth are drawn")
    return notes


def _formulas(axes: Sequence[Axis], y: float) -> tuple[Group, float]:
    texts: list[Text] = []
    for line in formulas(axes):
        size = 15.0 if text_width(line, 15.0, True) <= INNER else 13.0
        wrap = wrapped(line, INNER, size, True)
        texts += paragraph(MARGIN, y, wrap, size, mono=True)
        y += paragraph_height(wrap, size) + 2
    return Group("formula", tuple(texts)), y + 4
