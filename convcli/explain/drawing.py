"""Pictures in a terminal: the padded input under its windows, and heat maps of numbers."""

from collections.abc import Sequence
from math import prod

from rich.text import Text

from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import coverage, extent, most
from convcli.terminal.colours import heat

_ROWS = 20  # taller, two pictures do not fit a terminal
_MARK = {  # what a cell is, to its sign and style
    "tap": ("■", "bold magenta"),
    "tap on padding": ("□", "bold magenta"),
    "pixel": ("o", "none"),
    "padding": ("·", "dim"),
}


def windows(axes: Sequence[Axis], width: int) -> Text:
    """Draw the padded input, the first window on it and where each window starts.

    A transposed layer writes: its output is drawn, with the crop around it.

    Parameters
    ----------
    axes : sequence of Axis
        Of more than two axes, the last two are drawn.
    width : int
        Columns of the terminal.
    """
    transposed = axes[0].kind == "convt"
    place = [0] * len(axes)
    rows, columns = _lines(axes, place, width, _ROWS)
    text = Text("\n").join(_drawn(rows, columns))
    text.append("\n")
    if transposed:
        text.append("o output, · is cropped; ■ the first window, what one input pixel writes\n")
    else:
        text.append("o input, · is padding; ■ the first window, □ where it reads padding\n")
    strides = " and ".join(dict.fromkeys(str(a.s) for a in axes[-2:]))
    text.append(f"v and > where windows start: stride {strides}")
    for note in (_cut_note(rows, "rows"), _cut_note(columns, "columns"), _depth_note(axes)):
        text.append(f"\n{note}" if note else "")
    return text


def grid(axes: Sequence[Axis], at: Sequence[int], width: int, height: int) -> list[Text]:
    """Draw the padded input and the window at a place, in a viewport that follows the window.

    The first of the lines marks the columns where windows start.
    """
    rows, columns = _lines(axes, at, width, height - 1)
    return _drawn(rows, columns)


def length(axis: Axis) -> int:
    """Count the cells of an axis: its padded pixels, and what the last window reads beyond."""
    return _Line(axis, 0, 1).length


def viewport(size: int, first: int, span: int, room: int) -> range:
    """Choose the part of a line to show: a span is in its middle, or starts it if it is longer."""
    room = min(room, size)
    start = min(max(first + min(span - room, 0) // 2, 0), size - room)
    return range(start, start + room)


def _lines(
    axes: Sequence[Axis], place: Sequence[int], width: int, height: int
) -> tuple["_Line", "_Line"]:
    """Choose what is shown of rows and columns."""
    rows_axis = axes[-2] if len(axes) > 1 else None
    columns = _Line(axes[-1], place[-1], max((width - 4) // 2, 1))
    return _Line(rows_axis, place[-2] if rows_axis else 0, max(height, 1)), columns


def _drawn(rows: "_Line", columns: "_Line") -> list[Text]:
    lines = [Text("    " + " ".join("v" if c in columns.starts else " " for c in columns.shown))]
    for r in rows.shown:
        line = Text("  > " if r in rows.starts else "    ")
        for c in columns.shown:
            inside = r in rows.inside and c in columns.inside
            tap = r in rows.taps and c in columns.taps
            kind = "tap" if tap and inside else "tap on padding" if tap else "pixel"
            sign, style = _MARK[kind if tap or inside else "padding"]
            line.append(f"{sign} ", style)
        lines.append(line)
    return lines


class _Line:
    """One axis of the picture: which cells are shown, are input, start a window, hold a tap."""

    def __init__(self, axis: Axis | None, place: int, room: int) -> None:
        if axis is None:  # a single row
            self.inside = self.taps = self.shown = range(1)
            self.starts, self.length = range(0), 1
            return
        pixels, count = (axis.out, axis.n) if axis.kind == "convt" else (axis.n, axis.out)
        self.inside = range(axis.pb, axis.pb + pixels)
        self.starts = range(0, count * axis.s, axis.s)
        first = place * axis.s
        self.taps = range(first, first + axis.e, axis.d)
        self.length = max(axis.pb + pixels + axis.pe, (count - 1) * axis.s + axis.e)
        self.shown = viewport(self.length, first, axis.e, room)


def coverage_map(axes: Sequence[Axis], width: int) -> Text:
    """Draw how often each pixel is read, as numbers on a heat map."""
    deep = prod(coverage(a, (extent(a) // 2,))[0] for a in axes[:-2])
    top = deep * prod(map(most, axes[-2:]))
    cell = len(str(top)) + 1
    columns = extent(axes[-1])
    rows = extent(axes[-2]) if len(axes) > 1 else 1
    shown_columns = coverage(axes[-1], range(min(columns, max((width - 2) // cell, 1))))
    shown_rows = coverage(axes[-2], range(min(rows, _ROWS))) if len(axes) > 1 else [1]
    text = Text()
    for r in shown_rows:
        text.append("  ")
        for c in shown_columns:
            text.append(f"{deep * r * c:>{cell}}", heat(deep * r * c / top if top else 0))
        text.append("\n")
    notes = []
    if len(shown_rows) < rows:
        notes.append(f"drawn: the first {len(shown_rows)} of {rows} rows")
    if len(shown_columns) < columns:
        notes.append(f"drawn: the first {len(shown_columns)} of {columns} columns")
    if len(axes) > 2:
        notes.append("drawn: the middle slice of the depth")
    text.append("\n".join(notes))
    text.rstrip()
    return text


def _cut_note(line: _Line, what: str) -> str:
    if len(line.shown) == line.length:
        return ""
    return f"drawn: the first {len(line.shown)} of {line.length} {what}, padding included"


def _depth_note(axes: Sequence[Axis]) -> str:
    return "drawn: one slice of the depth" if len(axes) > 2 else ""
