"""Grids of cells: an input with its window, an output, numbers on a heat map; all to scale."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from convcli.pictures.palette import ink_on
from convcli.pictures.scene import Line, Paint, Rect, Shade, Shape, Text, fitting, text_width

Runs = Sequence[tuple[str, range]]
CellText = Callable[[int, int], str]  # of a row and a column, by position

FINE = 5.0  # pixels of a cell that has lines around it
SMALLEST = 9.0  # pixels of text in a cell
_THINNEST = 4.0  # pixels of a window on a large input
_STYLE: dict[str, tuple[Paint, str | None]] = {  # fill and hatch
    "input": ("input", None),
    "padding": ("padding", None),
    "zero": ("cell", None),
    "unread": ("input", "unread"),
    "output": ("output", None),
    "empty": ("cell", None),
}
_ORDER = ("padding", "unread", "zero")  # of a cell's row and column, the first of these says it


class Grid(NamedTuple):
    """Rows and columns of cells, with the corner of the first one."""

    x: float
    y: float
    cell: float
    rows: Runs
    columns: Runs
    widest: str = ""  # the longest of its numbers, whose font all have
    tall: float = 0.0  # height of a cell, where it is not its width

    @property
    def high(self) -> float:
        """Height of a cell in pixels."""
        return self.tall or self.cell

    @property
    def is_fine(self) -> bool:
        """Whether cells have lines around them."""
        return min(self.cell, self.high) >= FINE

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.cell * _count(self.columns)

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.high * _count(self.rows)

    def kind(self, row: int, column: int) -> str:
        """Return what a cell is."""
        kinds = [
            next(kind for kind, cells in runs if at in cells)
            for runs, at in ((self.rows, row), (self.columns, column))
        ]
        return _joined(*kinds)

    def box(self, rows: range, columns: range) -> tuple[float, float, float, float]:
        """Return x, y, width and height of some positions."""
        x = self.x + (columns.start - self.columns[0][1].start) * self.cell
        y = self.y + (rows.start - self.rows[0][1].start) * self.high
        wide = (columns[-1] + 1 - columns.start) * self.cell
        high = (rows[-1] + 1 - rows.start) * self.high
        return x, y, wide, high


def drawn(grid: Grid, text: CellText | None = None) -> Iterator[Shape]:
    """Draw the cells; those of one kind are one area, with lines between them where they fit."""
    for row_kind, rows in grid.rows:
        for column_kind, columns in grid.columns:
            fill, hatch = _STYLE[_joined(row_kind, column_kind)]
            yield Rect(*grid.box(rows, columns), fill=fill, hatch=hatch)
    edge = "output-edge" if grid.rows[0][0] == "output" else "line"
    if grid.is_fine:
        yield from _lines(grid)
    yield Rect(grid.x, grid.y, grid.width, grid.height, stroke=edge, line=1.2)
    if text is not None:
        for r in _positions(grid.rows):
            for c in _positions(grid.columns):
                yield from number(grid, r, c, text(r, c), "ink")


def window(
    grid: Grid, rows: range, columns: range, text: CellText | None = None
) -> Iterator[Shape]:
    """Draw the taps of a window, and what it spans."""
    x, y, wide, high = grid.box(rows, columns)
    dense = rows.step == columns.step == 1
    if not grid.is_fine and (dense or len(rows) * len(columns) > 100):
        wide, high = max(wide, _THINNEST), max(high, _THINNEST)
        yield Rect(x, y, wide, high, fill="window", stroke="window-edge", line=1.2)
        return
    for r in rows:
        for c in columns:
            box = grid.box(range(r, r + 1), range(c, c + 1))
            edge = "window-edge" if grid.is_fine else None
            solid = grid.kind(r, c) in ("input", "unread", "output")
            yield Rect(*box, fill="window" if solid else "window-pale", stroke=edge, line=0.8)
            if text is not None:
                yield from number(grid, r, c, text(r, c), "on-window" if solid else "ink")
    yield Rect(x, y, wide, high, stroke="window-edge", line=2.2)


def number(grid: Grid, row: int, column: int, text: str, ink: str) -> Iterator[Text]:
    """Write a number in a cell, if it can be read there."""
    cell = min(grid.cell, grid.high)
    size = min(number_size(text, cell), number_size(grid.widest, cell))
    if text and size >= SMALLEST:
        x, y, wide, high = grid.box(range(row, row + 1), range(column, column + 1))
        yield Text(x + wide / 2, y + high / 2 + size * 0.35, text, size, "middle", ink)


def number_size(text: str, cell: float) -> float:
    """Return the font size of a number in a cell."""
    return fitting(text, cell * 0.9, min(14.0, cell * 0.55))


def cell_for(text: str, size: float = 11.0) -> float:
    """Return the size of a cell in which a number can be read at a font size."""
    return max(size / 0.55, text_width(text, size) / 0.9)


def heat(grid: Grid, values: Sequence[Sequence[int]], top: int) -> Iterator[Shape]:
    """Draw numbers on a heat map from 0 to `top`; a zero is on paper."""
    for r, row in zip(_positions(grid.rows), values, strict=True):
        for c, value in zip(_positions(grid.columns), row, strict=True):
            shade = Shade(value / top if top else 0.0)
            box = grid.box(range(r, r + 1), range(c, c + 1))
            if value:
                yield Rect(*box, fill=shade, stroke="paper", line=0.8)
            else:
                yield Rect(*box, fill="cell", stroke="line", line=0.8)
            ink = ink_on(shade) if value else "unread"
            yield from number(grid, r, c, str(value), ink)


def ramp(x: float, y: float, width: float, top: int) -> Iterator[Shape]:
    """Draw the scale of a heat map with the numbers at its ends."""
    steps = min(max(top, 1), 24)
    for i in range(steps):
        share = (i + 1) / steps
        yield Rect(x + width * i / steps, y, width / steps + 0.3, 12, fill=Shade(share))
    yield Text(x, y + 27, "1" if top > 1 else str(top), 12, "start", "soft")
    if top > 1:
        yield Text(x + width, y + 27, str(top), 12, "end", "soft")


def _lines(grid: Grid) -> Iterator[Line]:
    right, bottom = grid.x + grid.width, grid.y + grid.height
    for i in range(1, _count(grid.columns)):
        x = grid.x + i * grid.cell
        yield Line(x, grid.y, x, bottom, "line", 0.6)
    for i in range(1, _count(grid.rows)):
        y = grid.y + i * grid.high
        yield Line(grid.x, y, right, y, "line", 0.6)


def _joined(row: str, column: str) -> str:
    """Return what a cell is by what its row and its column are."""
    return next((kind for kind in _ORDER if kind in (row, column)), row)


def _count(runs: Runs) -> int:
    return runs[-1][1].stop - runs[0][1].start


def _positions(runs: Runs) -> range:
    return range(runs[0][1].start, runs[-1][1].stop)
