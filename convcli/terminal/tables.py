"""The console, and the two kinds of table that all reports use; they fit any width."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from convcli.streams import color_of, printable
from convcli.terminal.fitting import abbreviated, narrowest, wrap

ANSWER = "bold magenta"  # readable on light and on dark terminals
_NARROWEST = 20  # columns of a terminal; a narrower one wraps lines, and nothing is cut
_GUTTER = 2  # between columns


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let a closed pipe end the program as it does elsewhere; Rich would exit with 1."""
        raise BrokenPipeError


def console(stream: TextIO) -> Console:
    """Return a console that obeys --color, NO_COLOR, FORCE_COLOR, TERM and COLUMNS, not markup."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    color = color_of(stream)
    if color == "auto":
        result = _Console(file=stream, **plain)
    elif color == "never":
        result = _Console(file=stream, color_system=None, **plain)
    else:  # also in a pipe, with NO_COLOR, and on a terminal that names no colors
        result = _Console(file=stream, force_terminal=True, no_color=False, **plain)
        if result.color_system is None:
            result = _Console(
                file=stream, force_terminal=True, no_color=False, color_system="256", **plain
            )
    if result.width < 1:  # COLUMNS=0 means the width of the terminal
        result.width = shutil.get_terminal_size().columns
    result.width = max(result.width, _NARROWEST)
    return result


def facts_table(rows: Iterable[tuple[str, str]], title: str, answer: str = "") -> Group:
    """Lay out named facts, one a row, under a title; the fact named `answer` stands out."""
    return Group(Text(printable(title)), _Facts(list(rows), answer))


class _Facts(NamedTuple):
    rows: list[tuple[str, str]]
    answer: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=box.ROUNDED, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(no_wrap=True)
        room = options.max_width - max(cell_len(printable(name)) for name, _ in self.rows) - _FRAME
        for name, value in self.rows:
            lines = [line for part in value.split("\n") for line in wrap(printable(part), room)]
            is_answer = name == self.answer
            if is_answer:  # lines around it: it stands out without colours as well
                table.add_section()
            style = ANSWER if is_answer else ""
            table.add_row(Text(printable(name)), Text("\n".join(lines), style))
            if is_answer:
                table.add_section()
        yield table


_FRAME = 7  # characters of a table of two columns: three lines, two spaces a column


Cell = str | int | None  # a number is abbreviated where the exact one does not fit


class Column(NamedTuple):
    """One column of a `Sheet`.

    Attributes
    ----------
    header : str
    cells : sequence of str, int or None
        None is shown as ``-``.
    short : str
        The header where the table is too wide with the whole one.
    drop : int
        Columns with a number are left out where there is no room for all: 1 first, then 2. One
        of 0 is never left out.
    text : bool
        Words, aligned to the left; they may be folded between words.
    answer : bool
        What the reader looks for; it stands out.
    """

    header: str
    cells: Sequence[Cell]
    short: str = ""
    drop: int = 0
    text: bool = False
    answer: bool = False


class Sheet:
    """A table for a console of `width` columns.

    Where it is too wide, numbers are abbreviated; then columns are left out one by one; then text
    is folded between words. Where even that is not enough other cells are folded, and at last
    words are broken. `dropped` has the headers of the columns that were left out.
    """

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        self.dropped: list[str] = []
        shown = [_Shown(each, each.header, list(map(as_text, each.cells))) for each in columns]
        if _total(shown) > width:
            shown = [
                _Shown(c, c.short or c.header, [as_text(cell, abbreviated) for cell in c.cells])
                for c in columns
            ]
        for column in sorted(filter(lambda each: each.drop, columns), key=lambda each: each.drop):
            if _total(shown) > width:
                shown = [each for each in shown if each.column is not column]
                self.dropped.append(column.header)
        self._shown = shown
        self._widths = _widths(shown, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for shown, width in zip(self._shown, self._widths, strict=True):
            table.add_column(
                Text("\n".join(wrap(shown.header, width))),
                justify="left" if shown.column.text else "right",
                width=width,
                no_wrap=True,
                style=ANSWER if shown.column.answer else "",
            )
        for row in zip(*[shown.cells for shown in self._shown], strict=True):
            cells = zip(row, self._widths, strict=True)
            table.add_row(*["\n".join(wrap(cell, width)) for cell, width in cells])
        yield table


class _Shown(NamedTuple):
    """A column with its cells as text."""

    column: Column
    header: str
    cells: list[str]

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.header, *self.cells)))


def as_text(cell: Cell, number: Callable[[int], str] = "{:,}".format) -> str:
    """Write a cell as a table shows it."""
    if cell is None:
        return "-"
    return number(cell) if isinstance(cell, int) else printable(cell)


def _total(shown: Sequence[_Shown]) -> int:
    return sum(each.width for each in shown) + _GUTTER * (len(shown) - 1)


def _widths(shown: Sequence[_Shown], width: int) -> list[int]:
    """Divide the width: each column gets what its longest word needs, and a share of the rest."""
    room = width - _GUTTER * (len(shown) - 1)
    whole = [each.width for each in shown]
    if sum(whole) <= room:
        return whole
    for least in (
        [narrowest([e.header, *e.cells], False) if e.column.text else e.width for e in shown],
        [narrowest([e.header, *e.cells], True) for e in shown],
        [1] * len(shown),
    ):
        if sum(least) <= room:
            break
    return _share(least, whole, room)


def _share(least: Sequence[int], whole: Sequence[int], room: int) -> list[int]:
    """Widen the narrowest columns first, none beyond what it needs."""
    widths = list(least)
    for _ in range(room - sum(least)):
        growing = [i for i, width in enumerate(widths) if width < whole[i]]
        if growing:
            widths[min(growing, key=widths.__getitem__)] += 1
    return widths
