"""The text of layers, and what is said of mistakes in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.geometry.text.layer_text import Words, format_layer, make_layer, split_pairs
from tests.conftest import run_command
from tests.networks import steps_of


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


def _words(line: str) -> Words:
    kind, *pairs = line.split()
    return Words(kind, split_pairs(pairs, "f s p d g c op bias ceil".split(), ""))


@given(layer_lines())
def test_a_layer_reads_back_as_it_is_written(line: str) -> None:
    layer = make_layer(_words(line), "")
    assert make_layer(_words(format_layer(layer)), "") == layer


def test_repeat_name_and_comments() -> None:
    lines = ["# a net", "", "conv f=3 c=8 name=a repeat=2  # twice", "maxpool f=2"]
    steps = steps_of(lines, (9, 9))
    assert [step.name for step in steps] == ["a.1", "a.2", "maxpool1"]
    assert [step.label for step in steps] == ["a.1", "a.2", ""]
    assert steps[2].axes[0].s == 2


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
        ("conv f=3 c=3:64 in_channels=3", 2, "'in_channels=3' gives c_in a second time"),
        ("conv f=3 in_channels=3 c=3:64", 2, "'c=3:64' gives c_in a second time; give it once"),
        ("maxpool f=2 bias=1", 2, "bias is only valid for convolutions; leave it out"),
        ("conv k=3", 2, "write one of: f, s, p, d, g, c, op, bias, ceil, from, name, repeat"),
        ("dense f=3", 2, "'dense' is not a kind of layer; write conv, convt, maxpool, avgpool"),
        ("conv f=3 bias=maybe", 2, "bias=maybe must be 1 or 0"),
        ("conv f=3,5", 2, "takes one value here, not a sweep of 2"),
        ("conv f=3 repeat=0", 2, "repeat=0 must be 1 or more"),
        ("conv f=3 repeat=10000", 2, "more than 10000; write repeat=9999 or less\n"),
        ("conv f=1 p=9 s=1000000 repeat=4", 2, "layer 5 (conv f=1 p=9 s=1000000 repeat=4): the "
         "product of the strides so far is larger than 10^18; use s=1"),
        ("convt f=3 op=1", 2, "and dilation 1; use op=0\n"),
        ("conv f=3 c=4 g=3", 2, "input channels 4 must be a multiple of groups 3"),
        ("maxpool f=2 c=9", 2, "must equal input channels 4 in a pooling layer; use c=4"),
        ("maxpool f=2 g=2", 2, "groups 2 are only valid for convolutions; use g=1"),
        ("conv f=3 g=0", 2, "groups 0 must be 1 or more; use g=1"),
        ("conv f=3 c=0", 2, "output channels 0 must be 1 or more; use c=4:1\n"),
        ("maxpool f=2 c=-1", 2, "output channels -1 must be 1 or more; use c=4\n"),
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
