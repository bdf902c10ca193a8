"""Receptive fields of graphs against gradients in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import Graph, Input, Node, NodeStep, follow
from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operation import Operation
from convcli.geometry.network.operations.indexing import Padded, Sliced
from convcli.geometry.network.operations.joins import Concatenated, Elementwise
from convcli.geometry.network.operations.pooling import AdaptivePooled, Reduced
from convcli.geometry.network.operations.rearrange import DepthToSpace, SpaceToDepth
from convcli.geometry.network.operations.resize import Resized
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.network.tensor import image
from convcli.geometry.window.axis import Axis, Kind, Window

N = 40
Value = torch.Tensor
Apply = Callable[[list[Value]], Value]


def _conv(axis: Axis) -> Apply:
    """A window with weights of 1 for any pair of channels."""

    def apply(xs: list[Value]) -> Value:
        (x,) = xs
        weight = torch.ones(x.shape[1], x.shape[1], axis.f, dtype=x.dtype)
        if axis.kind == "convt":
            y = F.conv_transpose1d(
                x, weight, stride=axis.s, dilation=axis.d, output_padding=axis.op
            )
            return F.pad(y, (-axis.pb, -axis.pe))
        x = F.pad(x, (axis.pb, axis.pe))
        return F.conv1d(x, weight, stride=axis.s, dilation=axis.d)

    return apply


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, list[Apply | None]]:
    """A graph on one spatial axis, and what each node does in PyTorch; None: a window."""
    nodes: list[Node] = []
    applies: list[Apply | None] = []
    names = ["x"]

    def small(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    def any_name() -> str:
        recent = draw(st.booleans())
        return names[-1] if recent else draw(st.sampled_from(names))

    for i in range(small(2, 9)):
        inputs: tuple[str, ...] = (any_name(),)
        op = draw(st.sampled_from((*("conv",) * 4, *("add",) * 4, *_OTHERS)))
        operation: Operation
        apply: Apply | None = None
        if op == "conv":
            kind: Kind = draw(st.sampled_from(("conv", "conv", "convt")))
            f, s, d = small(1, 4), small(1, 3), small(1, 2)
            pads = (small(0, 2), small(0, 2))
            operation = Windowed(Layer(Window((f,), (s,), (pads,), (d,), (0,), kind), bias=False))
        elif op in ("add", "concat"):
            inputs = tuple(any_name() for _ in range(small(2, 3)))
            operation = Elementwise() if op == "add" else Concatenated()
            apply = _sum if op == "add" else lambda xs: torch.cat(xs, 1)
        else:
            operation, apply = _OTHERS[op](small)
        nodes.append(Node(f"n{i}", op, operation, inputs, (f"n{i}",)))
        applies.append(apply)
        names.append(f"n{i}")
    return Graph("g", (Input("x"),), tuple(nodes), (names[-1],)), applies


def _sum(xs: list[Value]) -> Value:
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


Small = Callable[[int, int], int]


def _slice(small: Small) -> tuple[Operation, Apply]:
    start, stop, step = small(0, 3), -small(1, 3), small(1, 3)
    return Sliced(2, start, stop, step), lambda xs: xs[0][:, :, start:stop:step]


def _flip(_small: Small) -> tuple[Operation, Apply]:
    return Sliced(2, None, None, -1), lambda xs: xs[0].flip(2)


def _pad(small: Small) -> tuple[Operation, Apply]:
    before, after = small(-2, 3), small(-2, 3)

    def apply(xs: list[Value]) -> Value:
        x = F.pad(xs[0], (max(before, 0), max(after, 0)))
        return x[:, :, max(-before, 0) : x.shape[2] - max(-after, 0)]

    return Padded(((2, before, after),)), apply


def _border(small: Small) -> tuple[Operation, Apply]:
    before, after = small(0, 2), small(0, 2)
    mode = ("reflect", "replicate", "circular", "symmetric")[small(0, 3)]
    names: dict[str, Any] = {"replicate": "edge", "circular": "wrap"}

    def apply(xs: list[Value]) -> Value:
        pixels = np.pad(np.arange(xs[0].shape[2]), (before, after), names.get(mode, mode))
        return xs[0][:, :, pixels]

    return Padded(((2, before, after),), mode), apply


def _nearest(small: Small) -> tuple[Operation, Apply]:
    out = small(3, 60)

    def apply(xs: list[Value]) -> Value:
        # PyTorch's gradient rounds in another way than what it makes: 26 to 22 pixels, output 11.
        every = torch.arange(xs[0].shape[2], dtype=torch.double)[None, None]
        return xs[0][..., F.interpolate(every, out)[0, 0].long()]

    return Resized(sizes=((2, out),)), apply


def _linear(small: Small) -> tuple[Operation, Apply]:
    out, align = small(3, 60), bool(small(0, 1))
    way: Any = "align_corners" if align else "half_pixel"
    operation = Resized(sizes=((2, out),), mode="linear", coordinates=way)
    return operation, lambda xs: F.interpolate(xs[0], out, mode="linear", align_corners=align)


def _adaptive(small: Small) -> tuple[Operation, Apply]:
    out = small(2, 9)
    return AdaptivePooled((out,)), lambda xs: F.adaptive_avg_pool1d(xs[0], out)


def _global(_small: Small) -> tuple[Operation, Apply]:
    return Reduced(), lambda xs: xs[0].mean(2, keepdim=True)


def _shuffle(_small: Small) -> tuple[Operation, Apply]:
    def apply(xs: list[Value]) -> Value:
        (x,) = xs
        _, c, n = x.shape
        return x.reshape(1, c // 2, 2, n).transpose(2, 3).reshape(1, c // 2, 2 * n)

    return DepthToSpace(2), apply


def _unshuffle(_small: Small) -> tuple[Operation, Apply]:
    def apply(xs: list[Value]) -> Value:
        (x,) = xs
        _, c, n = x.shape
        return x.reshape(1, c, n // 2, 2).transpose(2, 3).reshape(1, 2 * c, n // 2)

    return SpaceToDepth(2), apply


_OTHERS: dict[str, Any] = {
    "concat": None, "slice": _slice, "pad": _pad, "nearest": _nearest, "linear": _linear,
    "border": _border, "adaptive": _adaptive, "global": _global, "flip": _flip, "shuffle": _shuffle,
    "unshuffle": _unshuffle,
}  # fmt: skip


def _follow(drawn: tuple[Graph, list[Apply | None]]) -> list[NodeStep]:
    try:
        steps = list(follow(drawn[0], {"x": image((N,), 4)}))
    except ConvcliError:
        assume(False)
        raise AssertionError from None
    assume(all(step.outputs[0].shape[1] in range(1, 65) for step in steps))
    assume(all(step.out[0] <= 400 for step in steps))
    return steps


def _gradient_spans(steps: list[NodeStep], applies: list[Apply | None]) -> Any:
    """First and last input pixel that each output depends on, of the nodes one by one."""
    x = torch.ones(1, 4, N, dtype=torch.double, requires_grad=True)
    values = {"x": x}
    for step, apply in zip(steps, applies, strict=True):
        inputs = [values[name] for name in step.node.inputs]
        y = (apply or _conv(step.axes[0]))(inputs)
        assert tuple(y.shape) == step.outputs[0].shape
        values[step.node.name] = y / y.detach().abs().max().clamp(min=1)  # no overflow
    y = values[steps[-1].node.name][0].sum(0)
    for output in y:
        if not output.requires_grad:
            yield None
            continue
        (gradient,) = torch.autograd.grad(output, x, retain_graph=True, allow_unused=True)
        pixels = [] if gradient is None else _nonzero(gradient[0].abs().sum(0))
        yield (pixels[0], pixels[-1]) if pixels else None


def _nonzero(gradient: Value) -> list[int]:
    """Find the pixels with a gradient that is more than a weight of 0, rounded, as of a resize."""
    pixels: list[int] = (gradient > 1e-12 * gradient.max()).nonzero()[:, 0].tolist()
    return pixels


def _clipped(span: tuple[int, int] | None) -> tuple[int, int] | None:
    if span is None or span[1] < 0 or span[0] >= N:
        return None
    return max(span[0], 0), min(span[1], N - 1)


@given(graphs())
def test_every_output_depends_on_the_pixels_that_have_a_gradient(
    drawn: tuple[Graph, list[Apply | None]],
) -> None:
    steps = _follow(drawn)
    (track,) = steps[-1].outputs[0].tracks
    (field,) = steps[-1].outputs[0].fields
    exact = field.exact
    for output, found in enumerate(_gradient_spans(steps, drawn[1])):
        reach = track.reach.at(output)
        if found is None:
            continue
        assert reach is not None
        assert reach[0] <= found[0] <= found[1] <= reach[1]
        assert found[1] - found[0] < field.r
        if exact and _is_inside(steps, output):
            assert found == _clipped(reach), output


def _is_inside(steps: list[NodeStep], output: int) -> bool:
    """Whether no border cuts what an output depends on, at any node."""
    wanted: dict[str, set[int]] = {steps[-1].node.name: {output}}
    for step in reversed(steps):
        outputs = wanted.get(step.node.name, set())
        for position, name in enumerate(step.node.inputs):
            size = step.inputs[position].shape[2]
            reads = {i for o in outputs for i in _reads(step, position, o)}
            if not all(0 <= i < (size or 0) for i in reads):
                return False
            wanted.setdefault(name, set()).update(reads)
    return True


def _reads(step: NodeStep, position: int, output: int) -> range:
    """Which indices of an input one output of a node reads, found with a track of its own."""
    x = step.inputs[position]
    size = x.shape[2] or 1
    if isinstance(step.node.operation, Elementwise | Concatenated):
        return range(0, 1) if size == 1 else range(output, output + 1)
    (alone,) = follow(
        Graph("one", (Input("x"),), (step.node._replace(inputs=("x",)),), ("y",)),
        {"x": image((size,), x.shape[1])},
    )
    span = alone.outputs[0].tracks[0].reach.at(output)
    return range(span[0], span[1] + 1) if span else range(0)
