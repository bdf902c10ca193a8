"""Sheets of any cells at any width: whole words, whole numbers, and no line too wide."""

from hypothesis import given
from hypothesis import strategies as st

from convcli.terminal.tables import Cell, Column, Sheet, console
from tests.conftest import Stream


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """One or two columns of text, sizes that are the answer, and counts that may be left out."""
    rows = draw(st.integers(1, 4))

    def each(cells: st.SearchStrategy[Cell]) -> list[Cell]:
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    # What cannot be folded or left out takes 40 columns at most.
    def words(longest: int) -> st.SearchStrategy[Cell]:
        word = st.text("abcf=12", min_size=1, max_size=longest)
        return st.lists(word, min_size=1, max_size=6).map(" ".join)

    sizes = st.lists(st.integers(1, 999), min_size=1, max_size=3)
    made = [
        Column("layer", each(words(16)), text=True),
        Column("out", each(sizes.map(lambda s: "x".join(map(str, s)))), answer=True),
    ]
    if draw(st.booleans()):
        made.append(Column("written to", each(words(9)), text=True))
    for drop in draw(st.permutations(range(1, draw(st.integers(1, 7))))):
        counts: st.SearchStrategy[Cell] = st.one_of(st.none(), st.integers(0, 10**12))
        made.append(Column(f"column-{drop}", each(counts), f"c{drop}", drop))
    return made


def _lines(sheet: Sheet, width: int) -> list[str]:
    stream = Stream()
    out = console(stream)
    out.width = width
    out.print(sheet, crop=False)
    return stream.bytes.getvalue().decode().splitlines()


@given(columns(), st.integers(40, 200))
def test_a_sheet_fits_and_breaks_nothing(given_: list[Column], width: int) -> None:
    sheet = Sheet(given_, width)
    lines = _lines(sheet, width)
    assert max(map(len, lines)) <= width
    # What is left out is named, and is what has the lowest numbers.
    numbers = sorted(column.drop for column in given_ if column.drop)
    dropped = [column for column in given_ if column.header in sheet.dropped]
    assert sorted(column.drop for column in dropped) == numbers[: len(dropped)]
    pieces = {piece for line in lines for piece in line.split()}
    for column in given_:
        if column not in dropped:
            assert pieces & {*column.header.split(), column.short}
            for cell in column.cells:
                if isinstance(cell, str):
                    assert pieces >= set(cell.split())


@given(columns())
def test_on_a_wide_console_numbers_are_exact_and_rows_are_lines(given_: list[Column]) -> None:
    sheet = Sheet(given_, 400)
    header, _, *rows = [line for line in _lines(sheet, 400) if line.strip()]
    assert sheet.dropped == []
    assert header.split() == [word for column in given_ for word in column.header.split()]
    for row, *cells in zip(rows, *[column.cells for column in given_], strict=True):
        shown = ["-" if c is None else f"{c:,}" if isinstance(c, int) else c for c in cells]
        assert row.split() == " ".join(map(str, shown)).split()


def test_columns_are_left_out_only_where_abbreviated_numbers_do_not_fit() -> None:
    made = [Column("out", ["8x8"]), Column("MACs", [118_013_952], drop=1)]
    assert "118,013,952" in _lines(Sheet(made, 16), 16)[2]
    assert "118.0 M" in _lines(Sheet(made, 12), 20)[2]
    assert Sheet(made, 11).dropped == ["MACs"]
