"""`--solve` at the prompt: answers that `shape` reads back, in every format, and mistakes."""

import csv
import json

import pytest

from tests.conftest import run_command


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
        ("--solve f --out 3 -n 8 -p same", 1, "no f gives the output 3; nearest: f=1 gives 8"),
        ("--solve p --out 8 -n 8 -f 3 --pool max", 1, "gives the output 8; nearest: p=2 gives 4"),
        ("--solve f --out 20 -n 8 -p 2 -s 1 --pool max", 1, "nearest: f=3 gives 10"),
        ("--solve p --out 1 -n 8 -f 3", 1, "no p gives the output 1; nearest: p=0 gives 6"),
        ("--solve x --out 3 -n 6 -f 3", 2, "--solve 'x' is not one of n, f, p, s"),
        ("--solve n -f 3", 2, "--solve and --out go together"),
        ("--out 3 -n 8 -f 3", 2, "--solve and --out go together"),
        ("--solve n --out 3 -n 8 -f 3", 2, "-n 8 cannot be combined with --solve n"),
        ("--solve n --out 3", 2, "-f is missing"),
        ("--solve n --out 3,4 -f 3", 2, "takes one value here, not a sweep of 2"),
        ("--solve f --out 0 -n 9", 2, "output size 0 must be 1 or more; use --out 1 or more"),
        ("--solve p --out 4x5 -n 8 -f 3x4", 1, "error: height: no p gives the output 4; nearest"),
        ("--solve p --out 6x1 -n 8 -f 3x4", 1, "error: width: no p gives"),
        ("--solve n --out x -f 3", 2, "--out 'x' is not a whole number"),
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


@pytest.mark.parametrize(
    ("args", "texts", "totals"),
    [
        ("-n 224 -f 7 -s 2 --out 112", ["3", "2:3", "3:2"], (5, 6)),
        ("-n 8 -f 4 --out 8", ["1:2", "2:1"], (3, 3)),
        ("-n 8 -f 3 --out 8", ["1"], (2, 2)),
    ],
)
def test_every_padding_is_listed_in_every_format(
    args: str, texts: list[str], totals: tuple[int, int]
) -> None:
    words = ("shape", "--solve", "p", *args.split(), "--format")
    assert run_command(*words, "plain").out == ",".join(texts) + "\n"
    (record,) = map(json.loads, run_command(*words, "json").out.splitlines())
    axis = {"total_first": totals[0], "total_last": totals[1], "padding": texts}
    assert record["axes"] == [axis, axis]
    total = f"{totals[0]}..{totals[1]}" if totals[0] < totals[1] else str(totals[0])
    header, row = csv.reader(run_command(*words, "csv").out.splitlines())
    assert dict(zip(header, row, strict=True))["answer"] == ",".join(texts)
    assert dict(zip(header, row, strict=True))["total"] == total
    table = run_command(*words, "table").out
    assert f" {', '.join(texts)} " in table
    assert f" {total}, both sides together " in table


def test_a_search_through_huge_numbers_ends_at_once() -> None:
    done = run_command("shape", *"--solve n --out 1 -f 999999999999999999 --dims 1".split())
    assert done.out == "999999999999999999\n"
