"""The text notation, as people and other programs write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import UsageError
from convcli.geometry.text.notation import parse_padding, parse_sizes
from convcli.geometry.window.axis import PADDING_WORDS, fit
from tests.conftest import run_command

SIZES = st.lists(st.integers(1, 10**6), min_size=1, max_size=3)
FORMS = ("{}", "({})", "[{}]", "( {} )")
JOINTS = {"{}": ("x", "X", "×", "*", " × ", " x ")}


@given(SIZES, st.sampled_from(FORMS), st.data())
def test_every_spelling_is_the_same_size(sizes: list[int], form: str, data: st.DataObject) -> None:
    joint = data.draw(st.sampled_from(JOINTS.get(form, (",", ", ", " ", " , "))))
    text = form.format(joint.join(map(str, sizes)))
    assert list(parse_sizes("-n", text)) == [tuple(sizes)]
    assert list(parse_padding("-p", text)) == [tuple((size, size) for size in sizes)]


@given(st.lists(SIZES, min_size=1, max_size=4))
def test_tuples_with_commas_between_are_cases(cases: list[list[int]]) -> None:
    text = ",".join(f"({', '.join(map(str, sizes))})" for sizes in cases)
    assert list(parse_sizes("-n", text)) == [tuple(sizes) for sizes in cases]


@pytest.mark.parametrize("text", ["()", "[(8,6),(9,9)]", "(8", "8)", "8××6", "(8,6)x", "x8", "8 x"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_sizes("-n", text)


@pytest.mark.parametrize("word", PADDING_WORDS)
def test_words_of_padding_are_read_in_any_case(word: str) -> None:
    for text in (word, word.upper(), word.title(), word.replace("-", "_").upper()):
        assert list(parse_padding("-p", text)) == [word]
    assert list(parse_padding("-p", "SAME_UPPER")) == ["same"]


def test_padding_of_one_side_only_within_a_tuple() -> None:
    assert list(parse_padding("-p", "(0:1, 2)")) == [((0, 1), (2, 2))]


@given(st.integers(1, 50), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4))
def test_causal_padding_reads_no_pixel_that_comes_later(n: int, f: int, s: int, d: int) -> None:
    axis = fit(n, f, s, "causal", d)
    assert axis.out == -(-n // s)
    for i in range(axis.out):
        last = i * s - axis.pb + axis.e - 1  # the last input pixel of window i
        assert last == i * s


@pytest.mark.parametrize(
    ("typed", "ours"),
    [
        ("-n|9×8|-f|(3, 5)|-p|(0,1)|-s|[2,1]", "-n 9x8 -f 3x5 -p 0x1 -s 2x1"),
        ("-n|9*8|-l|conv f=(3, 5) p=SAME s=[2, 1]", "-n 9x8 -l|conv f=3x5 p=same s=2x1"),
        ("--solve|n|--out|(4, 5)|-f|3X5", "--solve n --out 4x5 -f 3x5"),
    ],
)
def test_spellings_in_every_option(typed: str, ours: str) -> None:
    words = [w for part in ours.split(" -l|") for w in [part]]
    plain = words[0].split() + (["-l", words[1]] if len(words) > 1 else [])
    assert run_command("shape", *typed.split("|")) == run_command("shape", *plain)
    assert run_command("shape", *plain).status == 0
