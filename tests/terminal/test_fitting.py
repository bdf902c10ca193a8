"""Text in narrow places: nothing is lost, and numbers stay whole where they can."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from convcli.terminal.fitting import abbreviated, wrap


@given(st.integers(0, 10**21 - 10**18))
def test_an_abbreviated_number_is_near_and_short(number: int) -> None:
    text = abbreviated(number)
    assert len(text) <= 7
    found = re.fullmatch(r"([0-9.]+) ([kMGTPE])", text)
    if found is None:
        assert int(text.replace(",", "")) == number < 10**6
        return
    scale = 1000 ** ("kMGTPE".index(found[2]) + 1)
    assert 1 <= float(found[1]) < 1000
    assert abs(float(found[1]) * scale - number) <= number * 0.000501


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999_999, "999,999"), (118_013_952, "118.0 M"), (999_949_999, "999.9 M"),
     (999_950_001, "1.000 G"), (1_849_688_064, "1.850 G"), (10**50, "1.0e+50")],
)  # fmt: skip
def test_abbreviated_numbers(number: int, text: str) -> None:
    assert abbreviated(number) == text


@given(st.text("ab1,.x:/=  -漢", max_size=60), st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.integers(13, 40))
def test_no_number_is_broken_that_fits_a_line(numbers: list[int], width: int) -> None:
    joined = "x".join(map(str, numbers)) + " " + ", ".join(f"{n:,}" for n in numbers)
    lines = wrap(joined, width)
    found = [int(n.replace(",", "")) for line in lines for n in re.findall(r"\d[\d,]*\d|\d", line)]
    assert found == numbers * 2
