"""Stacks of layers: receptive fields, parameters, arithmetic, and the lines they are read from."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.geometry.layers import format_layer, parse_layers
from convcli.geometry.network import Layer, follow
from tests.conftest import run_command


@st.composite
def layer_lines(draw: st.DrawFn) -> str:
    """A layer of any kind as a line of text."""
    kind = draw(st.sampled_from(("conv", "conv", "convt", "maxpool", "avgpool")))
    words = [kind, f"f={draw(st.integers(1, 4))}", f"s={draw(st.integers(1, 3))}"]
    if kind != "avgpool":
        words.append(f"d={draw(st.integers(1, 2))}")
    if "pool" in kind:
        words += [f"p={draw(st.integers(0, 1))}", f"ceil={draw(st.integers(0, 1))}"]
    else:
        words.append(f"p={draw(st.integers(0, 2))}:{draw(st.integers(0, 2))}")
        words.append(f"bias={draw(st.integers(0, 1))}")
        words += [f"c={draw(st.sampled_from((2, 4)))}", f"g={draw(st.integers(1, 2))}"]
    return " ".join(words)


@given(st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(1, 2))
def test_macs_are_a_count_of_products(c_in: int, each: int, bias: bool, g: int) -> None:
    line = f"conv f=2x3 s=2x1 c={each * g} g={g} bias={int(bias)}"
    (step,) = follow(parse_layers([line], "-l"), (7, 6), c_in * g)
    places = 3 * 4
    products = places * (each * g) * c_in * 2 * 3
    assert step.macs == products
    assert step.flops == 2 * products + (places * each * g if bias else 0)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 1))
def test_macs_of_a_transposed_layer_are_a_count_of_products(
    c_in: int, c_out: int, stride: int, crop: int
) -> None:
    """Each input pixel is multiplied by every tap, for each output channel."""
    line = f"convt f=3x2 s={stride} p={crop} c={c_out}"
    (step,) = follow(parse_layers([line], "-l"), (7, 6), c_in)
    products = 7 * 6 * c_in * c_out * 3 * 2
    assert step.macs == products
    assert step.flops == 2 * products + step.out[0] * step.out[1] * c_out


@pytest.mark.parametrize("layer", ["-f 3", "-f 2 --pool", "-l conv|f=3"])
@pytest.mark.parametrize("channels", ["0", "-1"])
def test_input_channels_below_1_are_refused(layer: str, channels: str) -> None:
    words = [word.replace("|", " ") for word in layer.split()]
    done = run_command("shape", "-n", "8", *words, "-c", channels)
    assert (done.status, done.out) == (2, "")
    assert f"input channels {channels} must be 1 or more; use -c 1 or more" in done.err


@given(layer_lines())
def test_a_layer_reads_back_as_it_is_written(line: str) -> None:
    (layer,) = parse_layers([line], "-l")
    (again,) = parse_layers([format_layer(layer)], "-l")
    assert again._replace(where="") == layer._replace(where="")


def test_repeat_name_and_comments() -> None:
    lines = ["# a net", "", "conv f=3 c=8 name=a repeat=2  # twice", "maxpool f=2"]
    layers: list[Layer] = list(parse_layers(lines, "net.txt"))
    assert [layer.name for layer in layers] == ["a.1", "a.2", ""]
    assert layers[2].window.s == (2,)


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("conv f=99", 1, "layer 2 (conv f=99): filter 99 does not fit input 6 with padding 0: "
         "6 + 2·0 < 99; use p=47 or more"),
        ("conv f=3 s=0", 2, "layer 2 (conv f=3 s=0): stride 0 must be 1 or more; use s=1 or more"),
        ("conv f=3 op=1", 2, "output padding 1 is only valid for transposed layers"),
        ("conv f=3 ceil=1", 2, "ceil mode is only valid for pooling layers"),
        ("conv", 2, "'conv' has no filter size; add f=3"),
        ("conv f=", 2, "'f=' is not KEY=VALUE"),
        ("conv f=3 f=3", 2, "'f=3' gives f a second time; give it once"),
        ("conv k=3", 2, "with one of the keys f s p d g c op bias ceil repeat name"),
        ("dense f=3", 2, "'dense' is not a kind of layer; write conv, convt, maxpool, avgpool"),
        ("conv f=3 bias=maybe", 2, "bias=maybe must be 1 or 0"),
        ("conv f=3,5", 2, "takes one value here, not a sweep of 2"),
        ("conv f=3 repeat=0", 2, "repeat=0 must be 1 or more"),
        ("conv f=3 repeat=10000", 2, "repeat=10000 makes 10001 layers, more than 10000"),
        ("conv f=1 p=9 s=1000000 repeat=4", 2, "layer 5 (conv f=1 p=9 s=1000000 repeat=4): stride "
         "1000000 makes the product of the strides so far larger than 10^18; use s=1"),
        ("convt f=3 op=1", 2, "and dilation 1; use op=0\n"),
        ("conv f=3 c=4 g=3", 2, "input channels 4 must be a multiple of groups 3"),
        ("maxpool f=2 c=9", 2, "must equal input channels 4 in a pooling layer; use c=4"),
        ("maxpool f=2 g=2", 2, "groups 2 are only valid for convolutions; use g=1"),
        ("conv f=3 g=0", 2, "groups 0 must be 1 or more; use g=1"),
        ("conv f=3 c=0", 2, "output channels 0 must be 1 or more; use c=1 or more\n"),
        ("maxpool f=2 c=-1", 2, "output channels -1 must be 1 or more; use c=1 or more\n"),
        ("conv f=3x3x3", 2, "f=3x3x3 has 3 values for 2 axes"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_layer(
    line: str, status: int, message: str, in_tmp: Path
) -> None:
    Path("net.txt").write_text(f"conv f=3 c=4\n{line}\n")
    done = run_command("shape", *"-n 8x8 -c 3 --layers net.txt".split())
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("convcli: error: net.txt, line 2")
    assert message in done.err
    assert done.err.count("\n") == 1


STACK = ("-n", "224", "-c", "3", "-l", "conv f=7 s=2 p=3 c=64", "-l", "maxpool f=3 s=2 p=1")


def test_a_stack_in_every_format() -> None:
    assert run_command("shape", *STACK).out == "56x56\n"
    records = [
        json.loads(line)
        for line in run_command("shape", *STACK, "--format", "json").out.splitlines()
    ]
    assert [r["r"] for r in records] == [[7, 7], [11, 11]]
    assert [r["params"] for r in records] == [9472, 0]
    csv = run_command("shape", *STACK, "--format", "csv").out.splitlines()
    assert [line.count(",") for line in csv] == [csv[0].count(",")] * 3
    table = run_command("shape", *STACK, tty=True).out
    assert "118,013,952" in table
    assert "total" in table


def test_a_stack_from_a_pipe_and_a_sweep_of_inputs() -> None:
    done = run_command("shape", *"-n 8,9,2 --layers -".split(), stdin=b"conv f=3\nmaxpool f=2\n")
    assert done.out == "3x3\n3x3\n"
    assert done.status == 1
    assert "standard input, line 1, layer 1 (conv f=3): filter 3 does not fit input 2" in done.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("-l conv -n 8", "has no filter size"),
        ("--layers nope.txt -n 8", "'nope.txt': No such file"),
        ("--layers empty.txt -n 8", "empty.txt has no layer"),
        ("--layers bytes.txt -n 8", "is not text"),
        ("--layers empty.txt -n 8 -f 3", "-f 3 cannot be combined with a stack of layers"),
        ("--layers empty.txt", "-n is missing"),
        ("-l  -n 8", "-l '' has no layer"),
        ("-l conv -n 8 --transposed", "--transposed cannot be combined with a stack of layers"),
        ("-l conv -n 8 --pool", "write it in the layer: maxpool f=2"),
        (
            "-l conv -n 8 --ceil",
            "--ceil cannot be combined with a stack of layers; write it in the layer: ",
        ),
        ("-l conv -n 8 --output-padding 1", "write it in the layer: op=1"),
        ("-l conv -n 8 --no-bias", "write it in the layer: bias=0"),
    ],
)
def test_mistakes_with_stacks(args: str, message: str, in_tmp: Path) -> None:
    Path("empty.txt").write_text("# nothing\n")
    Path("bytes.txt").write_bytes(b"\xff\xfe\x00")
    done = run_command("shape", *args.split(" "))
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
