"""Stacks of layers at the prompt: from options, files and pipes."""

import json
from pathlib import Path

import pytest

from tests.conftest import run_command

STACK = ("-n", "224", "-c", "3", "-l", "conv f=7 s=2 p=3 c=64", "-l", "maxpool f=3 s=2 p=1")


def test_a_stack_in_every_format() -> None:
    assert run_command("shape", *STACK).out == "56x56\n"
    records = [
        json.loads(line)
        for line in run_command("shape", *STACK, "--format", "json").out.splitlines()
    ]
    assert [r["kind"] for r in records] == ["conv", "maxpool", "total"]
    assert [r["receptive_field"] for r in records] == [[7, 7], [11, 11], [11, 11]]
    assert [r["parameters"] for r in records] == [9472, 0, 9472]
    csv = run_command("shape", *STACK, "--format", "csv").out.splitlines()
    assert [line.count(",") for line in csv] == [csv[0].count(",")] * 3
    table = run_command("shape", *STACK, tty=True).out
    assert "118,013,952" in table
    assert "total" in table


def test_a_stack_from_a_pipe_and_a_sweep_of_inputs() -> None:
    done = run_command("shape", *"-n 8,2,9 --layers -".split(), stdin=b"conv f=3\nmaxpool f=2\n")
    assert done.out == "3x3\n\n3x3\n"  # lines correspond to cases
    assert done.status == 1
    assert "standard input, line 1, layer 1 (conv f=3): filter 3 does not fit input 2" in done.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("-l conv -n 8", "has no filter size"),
        ("--layers nope.txt -n 8", "'nope.txt' is neither a file nor a built-in network; --list"),
        ("resnet51", "'resnet51' is neither a file nor a built-in network; did you mean resnet50?"),
        ("--layers empty.txt -n 8", "empty.txt has no layer"),
        ("--layers bytes.txt -n 8", "is not text"),
        ("--layers empty.txt -n 8 -f 3", "-f 3 cannot be combined with a network"),
        ("-l conv|f=3", "-n is missing"),
        ("-l  -n 8", "-l '' has no layer"),
        ("-l conv -n 8 --transposed", "--transposed cannot be combined with a network"),
        ("-l conv -n 8 --pool", "write it in the layer: maxpool f=2"),
        (
            "-l conv -n 8 --ceil",
            "--ceil cannot be combined with a network; write it in the layer: ",
        ),
        ("-l conv -n 8 --output-padding 1", "write it in the layer: op=1"),
        ("-l conv -n 8 --no-bias", "write it in the layer: bias=0"),
    ],
)
def test_mistakes_with_stacks(args: str, message: str, in_tmp: Path) -> None:
    Path("empty.txt").write_text("# nothing\n")
    Path("bytes.txt").write_bytes(b"\xff\xfe\x00")
    done = run_command("shape", *[word.replace("|", " ") for word in args.split(" ")])
    assert done.status in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_mark_of_the_encoding_is_no_part_of_a_layer(in_tmp: Path) -> None:
    text = "\ufeffconv f=3\n"
    Path("net.txt").write_text(text, encoding="utf-8")
    for file in ("net.txt", "-"):
        done = run_command("shape", "-n", "8", "--layers", file, stdin=text.encode())
        assert done.out == "6x6\n"


def test_a_sweep_of_channels_goes_on_after_what_does_not_fit() -> None:
    for layer in (("-f", "5"), ("-l", "conv f=5")):
        done = run_command("shape", "-n", "3", *layer, "-c", "3,4")
        assert (done.status, done.err.count("does not fit input 3")) == (1, 2)
        assert run_command("shape", "-n", "3", *layer, "-c", "3").err.count("does not fit") == 1
