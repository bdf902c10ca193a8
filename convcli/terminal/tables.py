"""The console and the two kinds of table that all reports use."""

import shutil
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from convcli.streams import color_of, printable

_NARROWEST = 20  # columns of a terminal; a narrower one wraps lines, and nothing is cut


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


def facts_table(rows: Iterable[tuple[str, str]], title: str) -> Group:
    """Lay out named facts, one a row, under a title that may be wider than they are."""
    table = Table(box=box.ROUNDED, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(cell(name), cell(value))
    return Group(Text(printable(title)), table)


def cell(text: str) -> Text:
    """Escape text that a user may have given, except line ends."""
    return Text("\n".join(map(printable, text.split("\n"))))


class Columns(Table):
    """Columns of numbers and text: text is folded first, numbers where that is not enough."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update(max_width=1 << 30)

        def width(column: Column, least: bool) -> int:
            cells = [column.header, column.footer, *column.cells]
            sizes = [Measurement.get(console, unlimited, each) for each in cells]
            return max(size.minimum if least else size.maximum for size in sizes)

        spare = sum(width(c, False) - width(c, True) for c in self.columns if not c.no_wrap)
        if Measurement.get(console, unlimited, self).maximum - spare > options.max_width:
            self.padding = 0
            for column in self.columns:
                column.no_wrap = False
        # A terminal narrower than a digit of each column wraps lines: none is cut.
        narrowest = len(self.columns) * _NARROWEST_COLUMN
        yield from super().__rich_console__(
            console, options.update(max_width=max(options.max_width, narrowest))
        )


_WORDS = ("layer", "input", "written to")  # columns of text, which may be folded
_NARROWEST_COLUMN = 4  # characters, with what is around it


def columns_table(headers: Sequence[str], title: str = "") -> Columns:
    """Lay out columns; numbers are aligned to the right."""
    table = Columns(title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left")
    for header in headers:
        text = header in _WORDS
        table.add_column(
            header, justify="left" if text else "right", overflow="fold", no_wrap=not text
        )
    return table
