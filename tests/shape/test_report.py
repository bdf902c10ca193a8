"""Tables of whole stacks at any width, and what the explanation of a stack says."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.explain import network
from convcli.geometry.network import growth
from convcli.geometry.network.graph import NodeStep
from convcli.geometry.text.layer_text import format_named_step
from convcli.geometry.window.coverage import reads, unread, unread_end
from convcli.shape import network_report
from convcli.streams import Streams
from tests.conftest import Stream
from tests.networks import steps_of


class Stack(list[NodeStep]):
    """Steps that are shown as they were drawn: each holds those before it, many times over."""

    def __init__(self, lines: list[str], n: tuple[int, ...], c: int | None) -> None:
        super().__init__(steps_of(lines, n, c))
        self.drawn = lines, n, c

    def __repr__(self) -> str:
        return f"Stack{self.drawn}"


@st.composite
def stacks(draw: st.DrawFn, kinds: tuple[str, ...] = ("conv", "convt", "maxpool")) -> Stack:
    """One to twelve layers on an input of one to three axes, with or without channels."""
    dims = draw(st.integers(1, 3))

    def size(low: int, high: int) -> str:
        sizes = draw(st.lists(st.integers(low, high), min_size=1, max_size=dims))
        return "x".join(map(str, sizes if len(sizes) == dims else sizes[:1]))

    lines = []
    for i in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(kinds))
        line = f"{kind} f={size(1, 5)} s={size(1, 3)}"
        if kind != "maxpool":
            line += f" p={size(0, 2)} d={size(1, 2)} c={draw(st.integers(1, 2000))}"
        if draw(st.booleans()):
            line += f" name={draw(st.sampled_from(('conv', 'a_long_name', 'layer4.1.conv')))}{i}"
        lines.append(line)
    n = tuple(draw(st.lists(st.integers(8, 4000), min_size=dims, max_size=dims)))
    channels = draw(st.sampled_from((None, 1, 3)))
    try:
        return Stack(lines, n, channels)
    except ConvcliError:
        assume(False)
        raise AssertionError from None


def _shown(steps: list[NodeStep], width: int, explained: bool = False) -> list[str]:
    stream = Stream()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        network_report.show_network(steps, Streams(Stream(), stream, Stream()), explained=explained)
    return stream.bytes.getvalue().decode().splitlines()


@given(stacks(), st.integers(40, 200))
def test_a_stack_fits_any_terminal_and_nothing_is_broken(steps: list[NodeStep], width: int) -> None:
    lines = _shown(steps, width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    dropped = re.search(rf"((?:\w+, )*\w+) dropped: {width} columns; --format csv has", text)
    header = lines[next(i for i, line in enumerate(lines) if line.startswith("─")) - 1].split()
    counted = {"c", "parameters", "MACs", "memory"} if any(step.costs for step in steps) else set()
    named = set() if dropped is None else set(dropped[1].split(", "))
    shown = {"parameters" if name == "params" else name for name in header}
    assert shown | named == {"#", "layer", "out", "r", "j", "P"} | counted
    assert not shown & named
    words = {word for line in lines for word in line.split()}
    for i, step in enumerate(steps, 1):
        assert words >= {
            str(i),
            *format_named_step(step).split(),
            "x".join(map(str, step.out)),
        }


@given(stacks(), st.sampled_from((40, 80, 120)))
def test_an_explained_stack_fits(steps: list[NodeStep], width: int) -> None:
    assume(len(steps) > 1)
    for line in _shown(steps, width, explained=True):
        assert len(line) <= width


def _needed(steps: list[NodeStep], i: int) -> int:
    """Follow what the last outputs read back to the input; count the pixels after the last one."""
    axes = [step.axes[i] for step in steps]
    pixels = set(range(axes[-1].out))
    for axis in reversed(axes):
        pixels = {p for o in pixels for p in reads(axis, o) if 0 <= p < axis.n}
    return axes[0].n - 1 - max(pixels, default=-1)


@given(stacks(kinds=("conv", "maxpool")))
def test_pixels_at_the_end_that_reach_no_output_are_counted(steps: list[NodeStep]) -> None:
    for i in range(len(steps[0].axes)):
        axes = [step.axes[i] for step in steps]
        lost = network.never_read(axes)
        gaps = any(unread(axis) != unread_end(axis) for axis in axes)
        assert lost == (0 if gaps else _needed(steps, i))


@pytest.mark.parametrize(
    ("n", "layers", "lost"),
    [
        (224, ["conv f=7 s=2 p=3"], 0),
        (11, ["maxpool f=2", "maxpool f=2"], 3),
        (8, ["conv f=4 s=3", "conv f=1 s=3 p=1"], 8),  # the second layer reads its padding only
        (8, ["conv f=1 s=2"], 0),  # between others
        (8, ["convt f=1"], 0),
    ],
)
def test_what_reaches_no_output(n: int, layers: list[str], lost: int) -> None:
    axes = [step.axes[0] for step in steps_of(layers, (n,))]
    assert network.never_read(axes) == lost


@given(stacks(kinds=("conv", "maxpool")))
def test_the_span_drawn_is_what_the_middle_output_reads(steps: list[NodeStep]) -> None:
    for i in range(len(steps[0].axes)):
        first = last = steps[-1].axes[i].out // 2
        for axis in reversed([step.axes[i] for step in steps]):
            first, last = reads(axis, first)[0], reads(axis, last)[-1]
        assert growth.growth(steps, i).spans[-1] == (first, last)


@given(st.integers(1, 500), st.integers(-100, 500), st.integers(1, 300), st.integers(1, 120))
def test_a_bar_is_drawn_to_scale(n: int, first: int, size: int, width: int) -> None:
    drawn = range(min(0, first), max(n, first + size))
    cells = min(width, len(drawn))
    bar = network.bar(range(first, first + size), n, drawn, cells).plain
    assert len(bar) == cells
    field = bar.count("█") + bar.count("░")
    assert abs(field - size * cells / len(drawn)) <= 1
    assert abs(cells - bar.count(" ") - bar.count("░") - n * cells / len(drawn)) <= 1


def test_a_name_that_a_layer_without_one_would_have() -> None:
    lines = ["conv f=3 name=conv1", "conv f=3", "convt f=2"]
    shown = "\n".join(_shown(Stack(lines, (20, 20), 1), 80, explained=True))
    assert re.search(r"1 +conv1 +3 .*\n2 +conv +5 .*\n3 +convt +6 ", shown)
