"""Stacks of layers: receptive fields, parameters, arithmetic, and the lines they are read from."""

import json
from fractions import Fraction
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.geometry import receptive_field
from convcli.geometry.coverage import reads
from convcli.geometry.layers import format_layer, parse_layers
from convcli.geometry.network import Layer, Step, follow
from convcli.shape.frameworks import pytorch
from tests.conftest import run_command


@st.composite
def layer_lines(draw: st.DrawFn, channels: bool = False) -> str:
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
        if channels:
            words += [f"c={draw(st.sampled_from((2, 4)))}", f"g={draw(st.integers(1, 2))}"]
    return " ".join(words)


def _follow(lines: list[str], n: tuple[int, ...], c_in: int | None = None) -> list[Step]:
    try:
        return list(follow(parse_layers(lines, "-l"), n, c_in))
    except ConvcliError:
        assume(False)
        raise AssertionError from None


@given(st.lists(layer_lines(), min_size=1, max_size=4))
def test_receptive_field_is_what_changes_an_output(lines: list[str]) -> None:
    """Trace numerically: with taps of 1 an output is above 0 where it reads a pixel of 1."""
    lines = [line.replace("maxpool", "avgpool").replace("ceil=1", "ceil=0") for line in lines]
    assume(not any("avgpool" in line and "d=2" in line for line in lines))
    n = 61
    steps = _follow(lines, (n,))
    model = []
    for step in steps:
        part = eval(pytorch(step).replace(", bias=False", ""), {"nn": torch.nn})
        for weight in part.parameters():
            torch.nn.init.constant_(weight, 1.0 if weight.ndim > 1 else 0.0)
        model.append(part)
    net = torch.nn.Sequential(*model).double()
    with torch.no_grad():
        # One row for each input pixel set to 1: which outputs does it reach?
        reached = net(torch.eye(n, dtype=torch.double)[:, None])[:, 0].numpy() > 0
    last = steps[-1]
    (field,) = last.fields
    assume(reached.any(axis=0).any() and field.r <= n // 3 and last.out[0] > 3)
    spans = []
    for output in range(reached.shape[1]):
        pixels = np.flatnonzero(reached[:, output])
        inside = pixels.size and pixels[0] > 0 and pixels[-1] < n - 1
        spans.append(pixels[-1] - pixels[0] + 1 if inside else 0)
    # Outputs near the border see less; strides may leave the widest phase to them alone.
    assert max(spans) <= field.r
    if not any("convt" in line for line in lines) and max(spans):
        assert max(spans) == field.r
        output = int(np.argmax(np.array(spans) == field.r))
        first_pixel = np.flatnonzero(reached[:, output])[0]
        assert first_pixel == output * field.j - field.P


def test_receptive_fields_after_a_transposed_layer() -> None:
    """A 4-wide transposed filter of stride 2 reads 2 inputs; 3 of its outputs read 3 of them."""
    steps = list(follow(parse_layers(["convt f=4 s=2 p=1", "conv f=3"], "-l"), (8,)))
    assert [(field.r, field.j) for step in steps for field in step.fields] == [(2, 0.5), (3, 0.5)]


def _outputs_traced_one_by_one(steps: list[Step]) -> tuple[int, int]:
    """Find r and P from every output of a period."""
    spans = []
    for output in range(prod(step.axes[0].s for step in steps)):
        span: tuple[int, int] | None = (output, output)
        for step in reversed(steps):
            span = reads(step.axes[0], *span) if span else None
        spans += [span] if span else []
    widest = max((last - first + 1 for first, last in spans), default=0)
    return widest, -spans[0][0] if spans else 0


@given(st.lists(layer_lines(), min_size=1, max_size=5))
def test_a_receptive_field_is_that_of_the_output_that_reads_most(lines: list[str]) -> None:
    steps = _follow(lines, (61,))
    (field,) = steps[-1].fields
    assert (field.r, field.P) == _outputs_traced_one_by_one(steps)


@given(
    st.lists(
        st.builds("convt f={} s={} p={}:1".format, *[st.integers(1, 5)] * 2, st.integers(0, 2)),
        min_size=1,
        max_size=4,
    )
)
def test_large_strides_are_traced_at_the_ends_of_the_filter_alone(lines: list[str]) -> None:
    steps = _follow(lines, (61,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convcli.geometry.receptive_field._TRACED", 625)
        exact = steps[-1].fields
        spans, step = {(0, 0)}, 1
        patch.setattr("convcli.geometry.receptive_field._TRACED", 1)
        for layer in reversed(steps):
            spans, step = receptive_field._read_by(layer.axes[0], spans, step)
    assert max((last - first + 1 for first, last in spans), default=0) == exact[0].r


def test_fields_of_deep_and_of_wide_stacks_cost_little() -> None:
    plain = list(follow(parse_layers(["conv f=3 s=1 p=1 repeat=10000"], "-l"), (100000,)))
    assert [step.fields[0] for step in plain][-1] == (20001, 1, 10000)
    doubling = list(follow(parse_layers(["convt f=4 s=2 p=1 repeat=59"], "-l"), (4,)))
    assert [step.fields[0].r for step in doubling][-1] == 3
    (wide,) = follow(parse_layers(["convt f=300000000 s=100000000"], "-l"), (8,))
    assert wide.fields[0] == (3, Fraction(1, 10**8), 2)


@given(st.lists(layer_lines(channels=True), min_size=1, max_size=3))
def test_pytorch_builds_the_same_layer(lines: list[str]) -> None:
    n = (13, 11)
    c_in = 4
    x = torch.zeros(1, c_in, *n)
    for step in _follow(lines, n, c_in):
        line = pytorch(step)
        if line.startswith("no equal"):
            return
        module = eval(line, {"nn": torch.nn})
        with torch.no_grad():
            x = module(x)
        assert tuple(x.shape[1:]) == (step.c_out, *step.out)
        assert sum(weight.numel() for weight in module.parameters()) == step.params


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


@given(layer_lines(channels=True))
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
