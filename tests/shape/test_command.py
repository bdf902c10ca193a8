"""`shape` at the prompt: what it prints, and what it says of mistakes."""

import csv
import json

import pytest

from convcli.terminal.tables import console, facts_table
from tests.conftest import Stream, run_command, shell


@pytest.mark.parametrize(
    ("args", "out"),
    [
        ("-n 8 -f 3 -p 1 -s 2", "4x4"),
        ("-n 8 -f 3 -p 1", "8x8"),
        ("-n 3 -f 2 -p 1", "4x4"),
        ("-n 8x6 -f 5x3 -p 2x1 -s 3x4", "3x2"),
        ("-n 8 -f 3 --dims 1", "6"),
        ("-n 8 -f 3 --dims 3", "6x6x6"),
        ("-n 8 -f 3x3x3", "6x6x6"),
        ("-n 7 -f 3 -d 2", "3x3"),
        ("-n 5 -f 3 -p same -s 2", "3x3"),
        ("-n 5 -f 2 -p same-lower", "5x5"),
        ("-n 5 -f 3 -p full", "7x7"),
        ("-n 5 -f 3 -p valid", "3x3"),
        ("-n 5 -f 2 -p 0:1", "5x5"),
        ("-n 5 -f 2 -p 0:1x1:0", "5x5"),
        ("--size 8 --filter 3 --padding 1 --stride 2 --dilation 1", "4x4"),
    ],
)
def test_plain_output(args: str, out: str) -> None:
    done = run_command("shape", *args.split())
    assert (done.status, done.out, done.err) == (0, out + "\n", "")


@pytest.mark.parametrize(
    ("args", "status", "line"),
    [
        (
            "-n 3 -f 5",
            1,
            "filter 5 does not fit input 3 with padding 0: 3 + 2·0 < 5; use -p 1 or more",
        ),
        ("-n 2 -f 3 -s 2", 1, "filter 3 does not fit input 2 with padding 0: 2 + 2·0 < 3"),
        ("-n 8 -f 3 -d 4", 1, "filter 3 with dilation 4 spans 9 and does not fit input 8"),
        ("-n 8x2 -f 3", 1, "width: filter 3 does not fit input 2"),
        ("-n 8 -f 3 -s 0", 2, "stride 0 must be 1 or more; use -s 1 or more"),
        ("-n 8 -f 3 -s -2", 2, "stride -2 must be 1 or more"),
        ("-n 8 -f 3 -p -1", 2, "padding -1 must be 0 or more"),
        ("-n 0 -f 3", 2, "input size 0 must be 1 or more"),
        ("-n 8a -f 3", 2, "-n '8a' is not a whole number; write a size such as 8"),
        ("-n 2.5 -f 3", 2, "-n '2.5' is not a whole number"),
        ("-n 8 -f x", 2, "-f 'x' is not a whole number"),
        (
            f"-n {10**18} -f 3",
            2,
            f"-n '{10**18}' is too large; write a number of at most 18 digits",
        ),
        (f"-n 8 -f 3 -p 0:{10**18}", 2, "is too large; write a number of at most 18 digits"),
        ("-n 8 -f 3 -p sme", 2, "-p 'sme' is not padding; write a number, BEGIN:END, or one of"),
        ("-n 8 -f 3 -p x", 2, "-p 'x' is not padding; write a number, BEGIN:END, or one of valid"),
        ("-n 8 -f 3 -p 1,sme", 2, "-p '1,sme': 'sme' is not padding; write a number"),
        ("-n 8x8x8 -f 3x3", 2, "-f 3x3 has 2 values for 3 axes; give 1 value for all, or 3"),
        ("-n 8x8x8x8 -f 3", 2, "'8x8x8x8' has 4 axes, and there can be 1, 2 or 3"),
        ("-n 8 -f 3 --dims 4", 2, "--dims 4 must be 1, 2 or 3"),
        ("-n 8 -f 3 --dims -1", 2, "--dims -1 must be 1, 2 or 3; use --dims 2 for an image"),
        (f"-n 8 -f 3 --dims {10**30}", 2, "must be 1, 2 or 3"),
        ("-n 8 -f 3 --dims two", 2, "--dims 'two' is not a whole number; write --dims 2; see"),
        ("-n 8", 2, "-f is missing; add it, such as -f 3"),
        ("-f 3", 2, "-n is missing"),
        ("-n 8 -f 3 --format xml", 2, "--format 'xml' is not a format; write one of table, plain"),
        (
            "-n 8 -f 3 --frmat json",
            2,
            "--frmat is not an option; tip: --format; see convcli shape --help",
        ),
        ("-n 8 -f 3 --ceil", 2, "ceil mode is only valid for pooling layers"),
        ("-n 8 -f 3 --output-padding 1", 2, "is only valid for transposed layers"),
        ("-n 8 -f 3 --pool --transposed", 2, "--transposed cannot be combined with --pool"),
        ("-n 8 -f 3 --animate", 2, "--animate needs a terminal"),
        ("-n 8 -f 3 --explain --format csv", 2, "--explain has no csv form"),
        ("-n 8 -f 3 -c 3:64 -g 2", 2, "input channels 3 must be a multiple of groups 2"),
        ("-n 8 -f 3 -c 3-64", 2, "error: -c '3-64' is not channels; write IN:OUT such as 3:64"),
        ("-n 8, -f 3", 2, "has an empty case; write 8\n"),
        ("-n 8,,9 -f 3", 2, "has an empty case; write 8,9\n"),
        ("-n 8x8 -f 3 --dims 1", 2, "-n 8x8 has 2 values for 1 axis; give 1 value, such as 8\n"),
        (
            "-n 8 -f 3 --transposed --output-padding 1",
            2,
            "smaller than the larger of stride 1 and dilation 1; use --output-padding 0\n",
        ),
        ("-n 8 -f 3 --animate -l conv", 2, "-l conv cannot be combined with --animate"),
        ("-n 8 -f 3 --animate --explain", 2, "--explain cannot be combined with --animate"),
        ("-n 8 -f 3 --animate --format json", 2, "--format json cannot be combined with --animate"),
        ("-n 8 -f 3 --all", 2, "--all cannot be combined with one layer; leave it out"),
        ("-n 8 -f 3 --all --animate", 2, "--all cannot be combined with --animate"),
        ("-f 3 --all --solve n --out 8", 2, "--all cannot be combined with --solve n"),
        ("-n 8 -f 3 --all --explain -o c.svg", 2, "--all cannot be combined with -o c.svg"),
        ("lenet5 --all", 2, "--all cannot be combined with the format plain; use --format table"),
        ("tests/data/pnet.pt --all", 2, "--all cannot be combined with tests/data/pnet.pt, which"),
        ("--list-networks -f 9 --ceil", 2, "-f 9 cannot be combined with --list-networks"),
        ("--list-networks lenet5", 2, "NETWORK lenet5 cannot be combined with --list-networks"),
        ("--list-networks -l relu", 2, "-l relu cannot be combined with --list-networks"),
        ("--list-networks --all", 2, "--all cannot be combined with --list-networks"),
        ("-n 8 -f 2 --pool --no-bias", 2, "--no-bias cannot be combined with --pool"),
        ("-n 9..3 -f 3", 2, "the range '9..3' is empty"),
    ],
)
def test_mistakes_get_one_line(args: str, status: int, line: str) -> None:
    done = run_command("shape", *args.split())
    assert done.status == status
    assert done.out == ""
    assert done.err.startswith("convcli: error: ")
    assert line in done.err
    assert done.err.count("\n") == 1


def test_a_table_on_a_terminal_has_the_formula_filled_in() -> None:
    done = run_command("shape", *"-n 8 -f 3 -p 1 -s 2".split(), tty=True)
    assert "floor((8 + 2·1 - 3)/2) + 1 = 4" in done.out
    assert all(fact in done.out for fact in ("8x8", "3x3", "4x4"))


def test_a_word_is_shown_with_what_it_resolved_to() -> None:
    done = run_command("shape", *"-n 5 -f 2 -p same --format table".split())
    assert "same = 0:1" in done.out


def test_json_is_one_object_with_stable_names() -> None:
    done = run_command("shape", *"-n 8x6 -f 3 -p 0:1x1 --format json".split())
    (line,) = done.out.splitlines()
    record = json.loads(line)
    assert record["input"] == [8, 6]
    assert record["padding"] == [[0, 1], [1, 1]]
    assert record["output"] == [7, 6]


def test_plain_output_is_input() -> None:
    first = run_command("shape", *"-n 224 -f 7 -p 3 -s 2".split()).out.strip()
    assert run_command("shape", "-n", first, *"-f 3 -s 2".split()).out == "55x55\n"
    sweep = run_command("shape", *"-n 32,64 -f 3".split()).out
    assert run_command("shape", "-n", sweep, "-f", "3").out == "28x28\n60x60\n"


def test_names_cannot_drive_the_terminal() -> None:
    done = run_command("shape", "-n", "8\x1b[31m", "-f", "3")
    assert "\x1b" not in done.err
    layer = ("-l", "conv f=3 name=\x1b[31mred\x9b")
    for form in ("table", "plain"):
        done = run_command("shape", "-n", "2,8", *layer, "--format", form)
        assert "\\x1b[31mred\\x9b" in done.err
        assert not {"\x1b", "\x9b"} & {*done.out, *done.err}
    group = facts_table([("na\x1bme", "one\x1b\ntwo")], "title")
    stream = Stream()
    console(stream).print(group)
    shown = stream.bytes.getvalue().decode()
    assert "na\\x1bme" in shown
    assert "one\\x1b" in shown
    assert "two" in shown.splitlines()[-2]  # a second line stays one


_FRAMES = dict.fromkeys(map(ord, "─│╭╮╰╯├┼┤"))


@pytest.mark.parametrize("width", [1, 2, 5, *range(8, 130, 7)])
@pytest.mark.parametrize(
    "args",
    ["-n 224x200x100 -f 3x3x3 -c 256:512 -p same -s 2", "-n 8 -f 3 -p same -d 2 -c 3:64",
     "--solve p --out 112 -n 224 -f 7 -s 2"],
)  # fmt: skip
def test_no_terminal_is_so_narrow_that_a_fact_is_cut(
    width: int, args: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folded table has the characters of a wide one, whatever the lines they are on."""

    def characters(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        done = run_command("shape", *args.split(), "--format", "table")
        assert (done.status, done.err) == (0, "")
        assert max(map(len, done.out.splitlines())) <= max(columns, 20)
        return sorted("".join(done.out.split()).translate(_FRAMES))

    assert characters(width) == characters(400)


@pytest.mark.parametrize(
    ("args", "columns"),
    [
        ("-n 32 -f 3 -d 1,2", {"d"}),
        ("-n 32 -f 3 -c 4:4,8:16 -g 1,2", {"c", "g"}),
        ("-n 32 -f 3 -s 2 --transposed --output-padding 0,1", {"op"}),
    ],
)
def test_rows_of_a_sweep_can_be_told_apart(args: str, columns: set[str]) -> None:
    done = run_command("shape", *args.split(), "--format", "table")
    header, _, *rows = [line.split() for line in done.out.splitlines() if line.strip()]
    assert {"d", "c", "g", "op"} & {*header} == columns
    given = [tuple(row[: header.index("out")]) for row in rows]
    assert len(set(given)) == len(given) > 1


def test_version_and_help() -> None:
    assert run_command("--version").out.startswith("convcli 0.")
    for args in ((), ("--help",), ("-h",), ("shape", "--help"), ("run", "-h")):
        done = run_command(*args)
        assert done.status == 0
        assert "Usage: convcli" in done.out


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_a_layer_name_cannot_drive_the_terminal(form: str) -> None:
    name = "\x1b]52;c;aGk=\x07\x9b31m\u202e\u2066\x7f"
    done = run_command("shape", "-n", "8", "-l", f"conv f=3 name={name}", "--format", form)
    assert done.status == 0
    assert all(c.isprintable() or c == "\n" for c in done.out)
    if form == "json":
        assert json.loads(done.out.splitlines()[0])["name"] == name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_layer_name_is_no_formula_in_a_spreadsheet(name: str) -> None:
    args = ("shape", "-n", "8", "-l", f"conv f=3 name={name}", "--format", "csv")
    header, row = csv.reader(run_command(*args).out.splitlines())
    assert row[header.index("name")] == "'" + name


@pytest.mark.parametrize("args", ["-n 8 --layers /dev/zero", "-n 8 --layers - </dev/zero"])
def test_an_endless_line_is_refused_in_little_memory(args: str) -> None:
    done = shell(f"ulimit -v 1000000; convcli shape {args}")
    assert done.returncode == 1
    assert b"line 1 has more than 10000 characters; a layers file has lines such as" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("-n 1..9999999999x1..9999999999 -f 1", "1x1"),
        ("-n 8 -f 3 -c 4:4 -g 1..1000000000000", "6x6"),
        ("-n 8 -f 9..999999999999999999 -p 0..999999999:1..1000000000 -s 1..1000000000", ""),
    ],
)
def test_sweeps_of_any_length_start_at_once_and_take_no_memory(args: str, line: str) -> None:
    done = shell(f"ulimit -v 1000000; convcli shape {args} 2>&1 | head -n 1")
    assert done.stdout.decode().startswith(line)
    assert b"Traceback" not in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("columns", ["0", "1", "7"])
@pytest.mark.parametrize(
    "args",
    ["-n 224x224x224 -f 7 -s 2 --explain", "-n 9 -f 4 --dims 1 --explain --transposed",
     "-n 999999999 -f 99999999 -p full --explain"],
)  # fmt: skip
def test_pictures_are_drawn_on_any_width(
    columns: str, args: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = run_command("shape", *args.split())
    assert (done.status, done.err) == (0, "")
    assert "■" in done.out


def test_columns_of_0_are_those_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("shape", *"-n 8 -f 3 --explain".split())
    monkeypatch.delenv("COLUMNS", raising=False)
    expected = run_command(*args).out
    monkeypatch.setenv("COLUMNS", "0")
    assert run_command(*args).out == expected
