"""`--solve` against an exhaustive search."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry.axis import fit
from convcli.geometry.inverse import Answer, solve
from tests.conftest import run_command

LIMIT = 60  # as far as the exhaustive search goes


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """The numbers of a layer of any kind; the stride None where it is the filter size."""
    kind = draw(st.sampled_from(("conv", "convt", "maxpool")))
    pads = st.tuples(st.integers(0, 5), st.integers(0, 5))
    words = st.sampled_from(("valid", "same", "same-lower", "full"))
    strides = st.integers(1, 5)
    s = draw(st.one_of(st.none(), strides) if kind == "maxpool" else strides)
    d = draw(st.integers(1, 3))
    return {
        "n": draw(st.integers(1, 9)),
        "f": draw(st.integers(1, 5)),
        "s": s,
        "p": draw(st.one_of(pads, words)),
        "d": d,
        "op": draw(st.integers(0, max(s or 1, d) - 1)) if kind == "convt" else 0,
        "kind": kind,
        "ceil": kind == "maxpool" and draw(st.booleans()),
    }


def _gives(numbers: dict[str, Any], out: int) -> bool:
    if numbers["s"] is None:
        numbers["s"] = numbers["f"]
    try:
        return fit(**numbers).out == out
    except ConvcliError:
        return False


def _values(unknown: str, limit: int) -> list[Any]:
    if unknown != "p":
        return list(range(1, limit))
    sides = range(limit)
    return [(b, e) for b in sides for e in (b - 1, b, b + 1) if e in sides]


def _values_of(unknown: str, answer: Answer, limit: int) -> list[Any]:
    last = limit if answer.last is None else min(answer.last, limit)
    values = range(answer.first, last + 1)
    if unknown != "p":
        return [x for x in values if x < limit]
    pads = [(x + answer.before, x + answer.after) for x in values]
    return [pad for pad in pads if max(pad) < limit]


@pytest.mark.parametrize("unknown", ["n", "f", "p", "s"])
@given(numbers=problems(), data=st.data())
def test_every_answer_is_found_and_no_other(
    unknown: Any, numbers: dict[str, Any], data: st.DataObject
) -> None:
    # A size that the layer can have, where there is one.
    value = data.draw(st.sampled_from(_values(unknown, 9)))
    out = next((out for out in range(1, 60) if _gives(numbers | {unknown: value}, out)), 3)
    expected = [x for x in _values(unknown, LIMIT) if _gives(numbers | {unknown: x}, out)]
    try:
        answers = solve(unknown, out, **numbers)
    except UsageError:  # of a pool too, where windows can step over the input
        assert expected == [] or (numbers["kind"] == "maxpool" and numbers["d"] > 1)
        return
    except DoesNotFit:
        assert expected == []
        return
    found = [x for answer in answers for x in _values_of(unknown, answer, LIMIT)]
    assert sorted(found) == expected


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        ("--solve n --out 112 -f 7 -p 3 -s 2", "223..224"),
        ("--solve p --out 224 -n 224 -f 7", "3"),
        ("--solve p --out 8 -n 8 -f 4", "1:2,2:1"),
        ("--solve f --out 6 -n 8", "3"),
        ("--solve s --out 4 -n 8 -f 3 -p 1", "2"),
        ("--solve n --out 6x3 -f 3 -s 1x2", "8x7..8"),
        ("--solve n --out 3 -f 2 --pool", "6..7"),
        ("--solve n --out 6 -f 4 -s 2 -p 1 --transposed", "3"),
        ("--solve p --out 4 -n 8 -f 3 -s 2", "1,0:1,1:0"),
        ("--solve p --out 112 -n 224 -f 7 -s 2", "3,2:3,3:2"),
        ("--solve p --out 6 -n 8 -f 3 -s 5", "10..12,10..11:11..12,11..12:10..11"),
        (
            "--solve p --out 4x3 -n 8 -f 3x4 -s 2x3",
            "1x1..2,1x1:2,1x2:1,0:1x1..2,0:1x1:2,0:1x2:1,1:0x1..2,1:0x1:2,1:0x2:1",
        ),
        ("--solve f --out 3 -n 9 --pool", "3"),
        ("--solve f --out 2 -n 9 --pool", "4"),
    ],
)
def test_answers_are_in_the_notation_that_shape_reads(args: str, answer: str) -> None:
    words = args.split()
    done = run_command("shape", *words)
    assert (done.status, done.out) == (0, answer + "\n")
    letter, out = words[1], words[3]
    back = run_command("shape", f"-{letter}", answer, *words[4:])
    expected = out if "x" in out else f"{out}x{out}"
    assert set(back.out.split()) == {expected}


def test_an_answer_without_end_is_told() -> None:
    done = run_command("shape", *"--solve s --out 1 -n 7 -f 3".split())
    assert (done.out, done.err) == ("5\n", "convcli: note: and every larger s\n")
    table = run_command("shape", *"--solve s --out 1 -n 7 -f 3".split(), tty=True)
    assert "5, and every larger s" in table.out


@pytest.mark.parametrize(
    ("args", "status", "line"),
    [
        (
            "--solve s --out 3 -n 6 -f 3",
            1,
            "no s gives the output 3; nearest: s=1 gives 4 and s=2 ",
        ),
        ("--solve p --out 1 -n 8 -f 3", 1, "no p gives the output 1; nearest: p=0 gives 6"),
        ("--solve x --out 3 -n 6 -f 3", 2, "--solve 'x' is not one of n, f, p, s"),
        ("--solve n -f 3", 2, "--solve and --out go together"),
        ("--out 3 -n 8 -f 3", 2, "--solve and --out go together"),
        ("--solve n --out 3 -n 8 -f 3", 2, "-n 8 cannot be combined with --solve n"),
        ("--solve n --out 3", 2, "-f is missing"),
        ("--solve n --out 3,4 -f 3", 2, "takes one value here, not a sweep of 2"),
        ("--solve n --out 0 -f 3", 1, "no n gives the output 0"),
        ("--solve p --out 4x5 -n 8 -f 3x4", 1, "error: height: no p gives the output 4; nearest"),
        ("--solve p --out 6x1 -n 8 -f 3x4", 1, "error: width: no p gives"),
        ("--solve n --out x -f 3", 2, "--out 'x': 'x' is not a whole number"),
        ("--solve n --out 3 -f 3 -l conv", 2, "-l conv cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 --layers a", 2, "--layers a cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 -c 3:4", 2, "-c 3:4 cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 -g 2", 2, "-g 2 cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 --no-bias", 2, "--no-bias cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 --explain", 2, "--explain cannot be combined with --solve n"),
        ("--solve n --out 3 -f 3 --animate", 2, "cannot be combined with --animate"),
    ],
)
def test_no_answer_says_what_comes_nearest(args: str, status: int, line: str) -> None:
    done = run_command("shape", *args.split())
    assert (done.status, done.out) == (status, "")
    assert line in done.err
    assert done.err.count("\n") == 1
