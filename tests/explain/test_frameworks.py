"""The lines of PyTorch, Keras and ONNX: run in PyTorch, or say why there is none."""

import json
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.explain.frameworks import keras, onnx, pytorch
from convcli.geometry.network.layer import Layer, Step, apply
from convcli.geometry.window.axis import POOL_KINDS, Window
from tests.conftest import run_command


@st.composite
def steps(draw: st.DrawFn, kinds: tuple[str, ...] = ("conv", "convt", *POOL_KINDS)) -> Step:
    """A layer of any kind on 1 to 3 axes, applied to an input."""
    kind: Any = draw(st.sampled_from(kinds))
    dims = draw(st.integers(1, 3))

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=dims, max_size=dims)))

    f, s, d = sizes(1, 5), sizes(1, 3), sizes(1, 3)
    if kind == "avgpool" and draw(st.booleans()):
        d = (1,)
    # More padding than that lets a pooling window read nothing else.
    uneven = [st.integers(0, min(size - 1, 3) if kind in POOL_KINDS else 3) for size in f]
    pads: Any = draw(
        st.one_of(
            st.sampled_from(("valid", "same", "same-lower", "full")),
            st.tuples(*[st.tuples(sides, sides) for sides in uneven]),
            st.tuples(*[st.integers(0, size - 1).map(lambda p: (p, p)) for size in f]),
        )
    )
    op = sizes(0, 1) if kind == "convt" else (0,)
    ceil = kind in POOL_KINDS and draw(st.booleans())
    g = 1 if kind in POOL_KINDS else draw(st.integers(1, 2))
    channels = draw(st.sampled_from((None, 4)))
    layer = Layer(Window(f, s, pads, d, op, kind, ceil), g=g, bias=draw(st.booleans()))
    try:
        return apply(layer, sizes(6, 16), channels)
    except ConvcliError:
        assume(False)
        raise AssertionError from None


def _run(line: str, step: Step) -> torch.Tensor:
    layer = eval(line, {"nn": torch.nn})
    y: torch.Tensor = layer(torch.randn(1, step.c_in or step.layer.g, *[a.n for a in step.axes]))
    if step.params is not None:
        assert sum(weight.numel() for weight in layer.parameters()) == step.params
    return y


@given(steps())
def test_every_pytorch_line_runs_and_gives_the_size(step: Step) -> None:
    line = pytorch(step)
    if line.startswith("no equal: "):
        assert step.layer.window.kind in POOL_KINDS
        return
    y = _run(line, step)
    assert tuple(y.shape[2:]) == step.out
    assert y.isfinite().all()
    assert keras(step)
    assert onnx(step)


@given(steps(kinds=("maxpool",)))
def test_max_pooling_has_an_equal_unless_it_is_padded_by_more_than_half(step: Step) -> None:
    equal = not pytorch(step).startswith("no equal")
    even = all(a.pb == a.pe for a in step.axes)
    assert equal == (not even or all(a.pb <= a.f // 2 for a in step.axes))


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ("-n 28 -f 3 -s 1 -p 2 --pool", "PyTorch pads a pooling layer by at most half of its "
         "filter size"),
        ("-n 9 -f 3 -s 1 -d 2 -p 2 --pool", "PyTorch pads a pooling layer by at most half of its "
         "filter size"),
        ("-n 9 -l avgpool|f=3|d=2", "PyTorch has no dilated average pooling"),
        ("-n 9 -l avgpool|f=2|p=0:1|ceil=1", "PyTorch averages uneven padding in floor mode only"),
        ("-n 3x4x6 -l avgpool|f=4|ceil=1", "nn.AvgPool3d refuses an input smaller than its filter"),
    ],
)  # fmt: skip
def test_no_equal_says_why(args: str, reason: str) -> None:
    words = [word.replace("|", " ") for word in args.split()]
    lines = run_command("shape", *words, "--explain", "--format", "json").out.splitlines()
    record = json.loads(lines[0])
    assert record["pytorch"] == f"no equal: {reason}"


@given(steps(kinds=("avgpool",)))
def test_average_pooling_of_keras_is_not_that_of_padding_that_counts(step: Step) -> None:
    """Keras divides by the pixels that a window has, PyTorch and ONNX by those of the window."""
    if any(a.pb or a.pe for a in step.axes):
        assert keras(step).startswith("no equal: ")


def test_a_pool_in_ceil_mode_whose_filter_is_larger_than_the_input_is_explained() -> None:
    done = run_command("shape", *"-n 3 -f 4 --pool --ceil --explain".split())
    assert (done.status, done.err) == (0, "")
    assert "Keras:   no equal: " in done.out
