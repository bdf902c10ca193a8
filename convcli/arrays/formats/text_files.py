"""Numbers in text: ``.csv``, ``.tsv`` and ``.txt``, read and written row by row.

NumPy's loadtxt reads a piece of lines at a time. What it makes of them goes to a temporary file, as
only the end of the text tells how many rows there are, and whether all numbers are integers.
"""

import codecs
import io
import math
import warnings
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from convcli.arrays.dtypes import Array, DType, shape_text
from convcli.arrays.files.spool import spooled
from convcli.arrays.files.transfer import write_all
from convcli.arrays.formats import Note
from convcli.arrays.formats.writers import Whole
from convcli.arrays.named.literals import BEYOND
from convcli.arrays.sources.npy import Header
from convcli.arrays.sources.source import OnStream, Source
from convcli.errors import ConvcliError, shortened

_PIECE = 1 << 18  # characters of the lines that are parsed at once
_LONGEST = 1 << 26  # characters of a line; what is longer is not text
_NUMBERS = 1 << 14  # that are written at once
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": " "}


class _Style(NamedTuple):
    """How the numbers of a text are written.

    Numbers are separated by semicolons, commas, tabs or white space: the first of them that the
    first line has. With semicolons as separators, a comma is a decimal point.
    """

    separator: str | None

    def plain(self, line: str) -> str:
        """Write a line with decimal points, and without quotes."""
        line = line.replace('"', "")
        return line.replace(",", ".") if self.separator == ";" else line

    def fields(self, line: str) -> list[str]:
        """Split a line."""
        return [field.strip() for field in self.plain(line).split(self.separator)]


def read(
    spec: str, path: str, member: str | None, note: Note, file: BinaryIO | None = None
) -> Iterator[Source]:
    """Read rows of numbers; a single column has one axis.

    Integers give int64, all other numbers float64. Empty lines, and what follows a ``#``, are
    skipped; so is a first line that holds names of columns.
    """
    called = repr(path) if file is None else path
    if member is not None:
        raise ConvcliError(f"{called} is one array; leave ::{member} out")
    with (
        cast("io.BufferedReader", file) if file else open(path, "rb") as binary,
        spooled() as spool,
    ):
        # UTF-8, or the UTF-16 that Windows writes.
        utf_16 = binary.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        text = io.TextIOWrapper(binary, "utf-16" if utf_16 else "utf-8-sig", errors="replace")
        table = _Table(spool, called)
        for number, lines in _pieces(text, called):
            table.add(number, lines)
        text.detach()
        header = table.end()
        if table.header is not None:
            note(f"{called}: the first line, {shortened(table.header)}, is read as a header")
        source = OnStream(spec, called, header, spool)
        yield source


def _pieces(text: io.TextIOWrapper, called: str) -> Iterator[tuple[int, list[str]]]:
    """Read the lines piece by piece, with the number of the first."""
    number, lines, size = 1, [], 0
    while line := text.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise ConvcliError(f"{called} has a line too long for text; save it as .npy")
        lines.append(line)
        size += len(line)
        if size >= _PIECE:
            yield number, lines
            number, lines, size = number + len(lines), [], 0
    yield number, lines


class _Table:
    """Rows of one length, written to a stream as numbers of 8 bytes."""

    def __init__(self, spool: BinaryIO, called: str) -> None:
        self.header: str | None = None
        self._spool = spool
        self._called = called
        self._style: _Style | None = None
        self._rows, self._columns = 0, 0
        self._dtype: DType = np.dtype(np.int64)

    def add(self, number: int, lines: list[str]) -> None:
        """Parse lines, and add their rows."""
        numbered = [(number + i, text) for i, line in enumerate(lines) if (text := _bare(line))]
        if self._style is None and numbered:
            numbered = self._begin(numbered)
        if not numbered or self._style is None:
            return
        rows = self._parse(numbered, self._style)
        if rows.dtype.kind == "f" and self._dtype.kind == "i":
            self._to_floats()
        self._spool.write(rows.astype(self._dtype).tobytes())
        self._rows += len(rows)

    def _begin(self, numbered: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Find the separator, and skip a line of names."""
        first = numbered[0][1]
        self._style = _Style(next((c for c in ";,\t" if c in first), None))
        if not any(map(_is_number, self._style.fields(first))) and self.header is None:
            self.header, self._style = first, None
            return self._begin(numbered[1:]) if len(numbered) > 1 else []
        self._columns = len(self._style.fields(first))
        return numbered

    def _parse(self, numbered: list[tuple[int, str]], style: _Style) -> Array:
        lines = [style.plain(line) for _, line in numbered]
        whole = not any(mark in line for line in lines for mark in ".eEnN")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # an integer read by way of a float
                rows: Array = np.loadtxt(
                    lines, np.int64 if whole else np.float64, None, style.separator, ndmin=2
                )
        except (ValueError, OverflowError, Warning) as error:
            raise self._wrong(numbered, style, error) from None
        if rows.shape != (len(lines), self._columns) or _overflowed(rows, lines):
            raise self._wrong(numbered, style, None)
        return rows

    def _wrong(
        self, numbered: list[tuple[int, str]], style: _Style, error: Exception | None
    ) -> ConvcliError:
        """Find what is wrong with some lines."""
        for number, line in numbered:
            fields = style.fields(line)
            for column, field in enumerate(fields, 1):
                place = f"{self._called}, line {number}, column {column}"
                if not field:
                    return ConvcliError(f"{place} is empty; write a number, or nan")
                if not _is_number(field):
                    return ConvcliError(
                        f"{place}: {shortened(field)} is not a number; write one, or nan"
                    )
                if math.isinf(float(field)) and "inf" not in field.lower():
                    return ConvcliError(
                        f"{place}: {shortened(field)} is {BEYOND}; write less, or inf"
                    )
                if field.lstrip("+-").isdecimal() and not abs(float(field)) < 2**63:
                    return ConvcliError(
                        f"{place}: {shortened(field)} does not fit int64; "
                        f"write it as a float, such as 1e19"
                    )
            if len(fields) != self._columns:
                return ConvcliError(
                    f"{self._called}, line {number}: the row has length {len(fields)}, and the "
                    f"first row {self._columns}; write rows of equal length"
                )
        reason = str(error).partition("\n")[0]
        return ConvcliError(f"{self._called} cannot be read as numbers ({reason}); save it again")

    def _to_floats(self) -> None:
        """Convert the integers so far in place."""
        self._dtype = np.dtype(np.float64)
        self._spool.seek(0)
        while data := self._spool.read(1 << 20):
            self._spool.seek(-len(data), io.SEEK_CUR)
            self._spool.write(np.frombuffer(data, np.int64).astype(np.float64).tobytes())

    def end(self) -> Header:
        """Return to the start of the numbers, and say what they are."""
        if not self._rows:
            what = "" if self.header is None else f" but {shortened(self.header)}, a header"
            raise ConvcliError(f"{self._called} holds no numbers{what}; write rows such as 1,2,3")
        self._spool.seek(0)
        one_column = self._columns == 1
        shape = (self._rows,) if one_column else (self._rows, self._columns)
        return Header(shape, False, self._dtype)


def _overflowed(rows: Array, lines: list[str]) -> bool:
    """Whether a number became infinite that was not written so."""
    infinite = int(np.isinf(rows).sum())
    return infinite > 0 and infinite > sum(line.lower().count("inf") for line in lines)


def _bare(line: str) -> str:
    return line.partition("#")[0].strip(" \r\n")


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field and field.isascii()


def writer(ending: str, stream: BinaryIO, called: str) -> "_Writer":
    """Make what writes rows of numbers."""
    return _Writer(_SEPARATORS[ending], stream, called)


class _Writer:
    """Writes one array of rows and columns; every number reads back exactly."""

    needs_whole = False

    def __init__(self, separator: str, stream: BinaryIO, called: str) -> None:
        self._separator = separator
        self._stream = stream
        self._called = called
        self._columns = 0
        self._column = 0  # of the next number

    def begin(self, shape: tuple[int, ...], dtype: DType, layout: str) -> None:
        """Refuse what text does not hold."""
        del layout
        if self._columns:
            raise ConvcliError(f"{self._called}: text holds one output; write them as .npy")
        if len(shape) > 2:
            raise ConvcliError(
                f"{self._called}: text has rows and columns, and the output {len(shape)} axes "
                f"({shape_text(shape)}); write it as .npy"
            )
        if dtype.kind == "c":
            raise ConvcliError(
                f"{self._called}: text holds real numbers, and the output is {dtype}; "
                f"write it as .npy"
            )
        self._columns = shape[1] if len(shape) == 2 else 1

    def write(self, part: Array) -> None:
        """Write numbers: each row a line."""
        flat = part.reshape(-1)
        for start in range(0, len(flat), _NUMBERS):
            lines = self._lines(_texts(flat[start : start + _NUMBERS]))
            write_all("".join(lines).encode(), self._stream)

    def _lines(self, numbers: list[str]) -> Iterator[str]:
        """Join numbers to lines, of which the first and the last may be parts."""
        at = 0
        while at < len(numbers):
            row = numbers[at : at + self._columns - self._column]
            at += len(row)
            self._column = (self._column + len(row)) % self._columns
            yield self._separator.join(row) + (self._separator if self._column else "\n")

    def finish(self, whole: Whole | None) -> None:
        """Do nothing: all is written."""

    def close(self) -> None:
        """Do nothing: all is written."""


def _texts(numbers: Array) -> list[str]:
    """Write numbers with the fewest digits that distinguish them in their type."""
    if numbers.dtype.kind in "iu" or numbers.dtype == np.float64:  # Python's are faster
        return list(map(str, numbers.tolist()))
    return list(map(str, numbers))
