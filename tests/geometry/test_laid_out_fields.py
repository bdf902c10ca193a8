"""Fields of images that are rolled, repeated or stacked along an axis, against gradients."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.geometry.network.graph import Graph, Input, Node, follow
from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operation import Operation
from convcli.geometry.network.operations.indexing import Sliced
from convcli.geometry.network.operations.joins import Concatenated
from convcli.geometry.network.operations.pooling import Reduced
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.network.tensor import Tensor, image
from convcli.geometry.window.axis import Window

N = (9, 7)
Value = torch.Tensor
Place = tuple[int, int]


class Made(NamedTuple):
    """A tensor of a graph, and its numbers in PyTorch."""

    name: str
    value: Value


class Builder:
    """Nodes, each applied in PyTorch as it is added."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.x = torch.rand(1, 1, *N, dtype=torch.double, requires_grad=True)
        self.last = Made("x", self.x)

    def add(self, operation: Operation, inputs: list[Made], value: Value) -> Made:
        name = f"n{len(self.nodes)}"
        names = tuple(made.name for made in inputs)
        self.nodes.append(Node(name, "op", operation, names, (name,)))
        return Made(name, value)

    def slice(self, x: Made, axis: int, start: int, stop: int) -> Made:
        return self.add(Sliced(axis, start, stop), [x], x.value.narrow(axis, start, stop - start))

    def concat(self, parts: list[Made], axis: int) -> Made:
        value = torch.cat([part.value for part in parts], axis)
        return self.add(Concatenated(axis), parts, value)

    def conv(self, x: Made, f: tuple[int, int], s: tuple[int, int]) -> Made:
        window = Window(f, s, ((0, 0),), (1,), (0,), "conv")
        value = F.conv2d(x.value, torch.ones(1, 1, *f, dtype=torch.double), stride=s)
        return self.add(Windowed(Layer(window, c=1, bias=False)), [x], value)

    def mean(self, x: Made, axis: int) -> Made:
        return self.add(Reduced((axis,)), [x], x.value.mean(axis, keepdim=True))


Draw = Callable[[int, int], int]


def _roll(to: Builder, axis: int, small: Draw) -> Made:
    size = to.last.value.shape[axis]
    shift = small(1, size - 1)
    parts = [to.slice(to.last, axis, size - shift, size), to.slice(to.last, axis, 0, size - shift)]
    return to.concat(parts, axis)


def _repeat(to: Builder, axis: int, small: Draw) -> Made:
    return to.concat([to.last] * small(2, 3), axis)


def _wrap(to: Builder, axis: int, small: Draw) -> Made:
    size = to.last.value.shape[axis]
    more = small(1, size - 1)
    before, after = to.slice(to.last, axis, size - more, size), to.slice(to.last, axis, 0, more)
    return to.concat([before, to.last, after], axis)


def _conv(to: Builder, axis: int, small: Draw) -> Made:
    del axis
    height, width = to.last.value.shape[2:]
    f = small(1, min(3, height)), small(1, min(3, width))
    return to.conv(to.last, f, (small(1, 2), small(1, 2)))


def _stack(to: Builder, axis: int, small: Draw) -> Made:
    """Pieces that differ along the other axis."""
    other = 5 - axis
    x = to.last
    size = x.value.shape[other]
    cut = small(1, size - 1)
    f = (1, cut + 1) if other == 3 else (cut + 1, 1)
    return to.concat([to.slice(x, other, 0, size - cut), to.conv(x, f, (1, 1))], axis)


def _mean(to: Builder, axis: int, small: Draw) -> Made:
    del small
    return to.mean(to.last, axis)


_EVEN = (_roll, _repeat, _wrap, _conv, _conv)


@st.composite
def graphs(draw: st.DrawFn, ways: tuple[Callable[[Builder, int, Draw], Made], ...]) -> Builder:
    builder = Builder()
    for _ in range(draw(st.integers(1, 5))):
        way, axis = draw(st.sampled_from(ways)), draw(st.sampled_from((2, 3)))
        assume(min(builder.last.value.shape[2:]) > 1 and max(builder.last.value.shape[2:]) < 40)
        builder.last = way(builder, axis, lambda a, b: draw(st.integers(a, b)))
    return builder


def _spans(builder: Builder) -> tuple[Tensor, list[tuple[Place, list[Place]]]]:
    """What an output depends on, followed; and the pixels with a gradient, by its place."""
    graph = Graph("g", (Input("x"),), tuple(builder.nodes), (builder.last.name,))
    output = list(follow(graph, {"x": image(N, 1)}))[-1].outputs[0]
    assert output.shape == tuple(builder.last.value.shape)
    found = []
    rows, columns = output.shape[2:]
    for place in [(i, j) for i in range(rows or 0) for j in range(columns or 0)]:
        y = builder.last.value[0, 0, place[0], place[1]]
        (gradient,) = torch.autograd.grad(y, builder.x, retain_graph=True)
        pixels = gradient[0, 0].nonzero()
        lows, highs = pixels.amin(0).tolist(), pixels.amax(0).tolist()
        found.append((place, list(zip(lows, highs, strict=True))))
    return output, found


@given(graphs(_EVEN))
def test_the_fields_of_both_axes_stay_exact(builder: Builder) -> None:
    output, found = _spans(builder)
    for place, spans in found:
        assert [track.reach.at(o) for track, o in zip(output.tracks, place, strict=True)] == spans
    assert all(field.exact for field in output.fields)


@given(graphs((*_EVEN, _stack, _stack, _mean)))
def test_pieces_that_differ_are_bounded_until_their_axis_is_read(builder: Builder) -> None:
    output, found = _spans(builder)
    for place, spans in found:
        for track, o, span in zip(output.tracks, place, spans, strict=True):
            reach = track.reach.at(o)
            assert reach is not None
            assert reach[0] <= span[0] <= span[1] <= reach[1]
            assert not track.field(1).exact or reach == span


def test_pieces_that_differ_are_exact_once_their_axis_is_read() -> None:
    builder = Builder()
    x = builder.last
    stacked = builder.concat([builder.slice(x, 3, 0, 5), builder.conv(x, (1, 3), (1, 1))], 2)
    builder.last = stacked
    output, _ = _spans(builder)
    assert [field.exact for field in output.fields] == [True, False]
    builder.last = builder.mean(stacked, 2)
    output, found = _spans(builder)
    assert output.fields[1].exact
    assert [output.tracks[1].reach.at(o) for o in range(5)] == [spans[1] for _, spans in found]
