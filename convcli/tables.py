"""The one console and the two kinds of table that every report is made of."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from convcli.streams import printable


def console(stream: TextIO) -> Console:
    """Make a console that obeys NO_COLOR, FORCE_COLOR, TERM and COLUMNS, and no markup."""
    return Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)


def facts_table(rows: Iterable[tuple[str, str]], title: str) -> Group:
    """Lay out named facts, one a row, under a title that may be wider than they are."""
    table = Table(box=box.ROUNDED, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    return Group(Text(printable(title)), table)


_WORDS = ("layer", "input", "written to")  # columns of text, which may be folded


def columns_table(headers: Sequence[str], title: str = "") -> Table:
    """Lay out columns; numbers are aligned to the right."""
    table = Table(title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left")
    for header in headers:
        text = header in _WORDS
        table.add_column(
            header, justify="left" if text else "right", overflow="fold", no_wrap=not text
        )
    return table
