"""Layers as PyTorch writes them, compared with the modules of PyTorch that wrote them."""

import re

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from torch import nn

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.network.graph import NodeStep
from convcli.models.from_text.text import TextReader
from tests.conftest import run_command
from tests.networks import steps_of

N = 24  # pixels of each axis: enough for three layers


def steps(lines: list[str], n: tuple[int, ...]) -> list[NodeStep]:
    return steps_of(lines, n)


@st.composite
def modules(draw: st.DrawFn, dims: int, c_in: int) -> nn.Module:
    """A layer of any kind that PyTorch has for this many axes."""
    small = st.integers(1, 3)
    each = st.one_of(small, st.tuples(*[small] * dims))
    f, s = draw(each), draw(each)
    pad = draw(st.integers(0, (min(f) if isinstance(f, tuple) else f) // 2))
    kind = draw(st.sampled_from(("Conv", "Conv", "ConvTranspose", "MaxPool", "AvgPool")))
    make = getattr(nn, f"{kind}{dims}d")
    if kind == "Conv":
        return make(  # type: ignore[no-any-return]
            c_in, draw(st.sampled_from((2, 4))), f, s, pad, draw(each),
            groups=draw(st.sampled_from((1, 2))), bias=draw(st.booleans()),
        )  # fmt: skip
    if kind == "ConvTranspose":
        return make(c_in, 2, f, s, bias=draw(st.booleans()))  # type: ignore[no-any-return]
    # A printed AvgPool does not say its ceil mode.
    more = {"ceil_mode": draw(st.booleans())} if kind == "MaxPool" else {}
    return make(f, s, pad, **more)  # type: ignore[no-any-return]


@st.composite
def models(draw: st.DrawFn) -> tuple[int, nn.Sequential]:
    dims = draw(st.integers(1, 3))
    c = 4
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        layers.append(draw(modules(dims, c)))
        c = getattr(layers[-1], "out_channels", c)
    return dims, nn.Sequential(nn.Sequential(*layers[:1]), *layers[1:])


@given(models())
def test_a_printed_model_has_the_sizes_and_parameters_of_the_model(
    drawn: tuple[int, nn.Sequential],
) -> None:
    dims, model = drawn
    try:
        out = model(torch.zeros(1, 4, *[N] * dims)).shape
    except RuntimeError:
        return  # the output would be too small
    last = steps(str(model).splitlines(), (N,) * dims)
    assert last[-1].out == tuple(out[2:])
    assert last[-1].c_out in (None, out[1])
    if last[0].c_in is not None:
        assert sum(s.params or 0 for s in last) == sum(p.numel() for p in model.parameters())


def test_modules_without_names_for_their_values() -> None:
    (step,) = steps(["nn.Conv2d(3, 64, 7, 2, 3, 1, 1, False)"], (224, 224))
    assert (step.out, step.c_in, step.c_out, step.params) == ((112, 112), 3, 64, 64 * 3 * 49)


def test_sequential_on_one_line_and_a_count() -> None:
    line = "(body): nn.Sequential(nn.Conv2d(1, 1, 3), torch.nn.Sequential(nn.MaxPool2d(2)))"
    found = steps([line, "(1-2): 2 x Conv2d(1, 1, kernel_size=(1, 3), stride=(1, 1)),"], (10, 12))
    assert [step.name for step in found] == ["body.0", "body.1.0", "1-2", "1-2"]
    assert found[-1].out == (4, 1)


def test_a_container_that_stands_for_several() -> None:
    inner = [nn.Sequential(nn.Conv2d(6, 6, 3), nn.Sequential(nn.Conv2d(6, 6, 3))) for _ in range(3)]
    first, last = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 2, 1)
    model = nn.Sequential(first, *inner, last)
    lines = str(nn.Sequential(first, nn.ModuleList(inner), last)).splitlines()
    assert any("(0-2): 3 x Sequential(" in line for line in lines)
    found = steps(lines, (32, 32))
    assert found[-1].out == tuple(model(torch.zeros(1, 3, 32, 32)).shape[2:])
    assert sum(s.params or 0 for s in found) == sum(p.numel() for p in model.parameters())
    with pytest.raises(UsageError, match="0-2 has no end; add the line"):
        steps(["(0-2): 3 x Sequential(", "(0): Conv2d(1, 1, kernel_size=(3, 3))"], (32, 32))
    with pytest.raises(UsageError, match="999999999 times 1 are more than 10000 layers"):
        steps(["(0): 999999999 x Conv2d(1, 1, kernel_size=(3, 3))"], (32, 32))


@pytest.mark.parametrize(
    "module",
    [
        nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.InstanceNorm2d(4, affine=True), nn.PReLU(),
        nn.PReLU(4), nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ConstantPad2d(2, 1.0), nn.CELU(),
        nn.Softmax(dim=1), nn.Flatten(), nn.Upsample(scale_factor=2, mode="bilinear"),
    ],
)  # fmt: skip
def test_modules_without_a_window(module: nn.Module) -> None:
    out = module(torch.zeros(1, 4, 6, 8)).shape
    (_, step) = steps(["conv f=1 c=4", repr(module)], (6, 8))
    assert step.out == tuple(out[2:])
    assert step.c_out == out[1]
    assert step.params == sum(p.numel() for p in module.parameters())


def test_padding_by_a_word_and_axes_of_the_module() -> None:
    assert steps(["Conv1d(1, 1, kernel_size=(5,), stride=(1,), padding=same)"], (9,))[0].out == (9,)
    assert run_command("shape", "-n", "9", "-l", "nn.Conv1d(1, 1, 5)").out == "5\n"
    with pytest.raises(UsageError, match="conv2d needs 2 spatial axes, and its input has 1"):
        steps(["nn.Conv2d(1, 1, 3)"], (9,))


def test_channels_that_do_not_follow_are_refused() -> None:
    with pytest.raises(UsageError, match="input channels 3 must equal the 8 channels that come in"):
        steps(["nn.Conv2d(1, 8, 3)", "nn.Conv2d(3, 8, 3)"], (9, 9))


def test_a_class_of_ones_own_is_noted_once() -> None:
    notes: list[str] = []
    lines = ["Net(", "  (a): Block(", "    (0): Conv2d(1, 2, kernel_size=(3, 3))", "  )", ")"]
    reader = TextReader(notes.append)
    reader.read(lines, "-l")
    assert [node.name for node in reader.finish("-l").graph.nodes] == ["a.0"]
    (note,) = notes
    assert note.startswith("Net does not say how its layers are connected")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nn.Conv2d(3, 64, kernel_size=", "is not a layer as PyTorch prints it; write such as"),
        ("nn.Conv2d(3, 64, kernel_size=f(3))", "kernel_size='f(3)' of nn.Conv2d is not a number"),
        ("nn.Conv2d(3, 64, kernel_size={3: 3})", "is not a number or a tuple of numbers"),
        ("nn.Conv2d(3, 64, kernel_size=9j)", "is not a number or a tuple of numbers"),
        ("nn.Conv2d(3, 64, kernel_size=1e999)", "'inf' is not a whole number"),
        ("nn.Conv2d(3, 64)", "nn.Conv2d has no kernel_size; add kernel_size=3 or another"),
        ("nn.Conv2d(3, 64, 7, strid=2)", "'strid' is not a parameter of nn.Conv2d; write one of"),
        ("nn.Conv2d(3, 64, 7, kernel_size=5)", "nn.Conv2d has kernel_size a second time"),
        ("nn.Conv2d(3, 64, 7, stride=2, stride=1)", "nn.Conv2d has stride a second time"),
        ("nn.Conv2d(3, 8, 3, (1, 2), 'same')", "padding='same' with stride 1x2, which"),
        ("nn.Conv2d(*x)", "is not a number or a tuple of numbers"),
        ("nn.Conv2d(3, 8, 3, **{'stride': 2})", "'**' is not a parameter of nn.Conv2d; write one"),
        ("nn.Linear(192, 10, biass=False)", "'biass' is not a parameter of nn.Linear; write one"),
        ("nn.Flatten(2)", "start_dim of nn.Flatten must be 1 here; export the model"),
        ("nn.Flatten(end_dim=2)", "end_dim of nn.Flatten must be -1 here; export the model"),
        ("nn.GroupNorm(2, 4, bias=False)", "nn.GroupNorm has weights without a bias, which text"),
        ("nn.ReLU2d()", "nn.ReLU2d is not a layer that can be read from text"),
        ("nn.AdaptiveAvgPool1d(7)", "adaptiveavgpool1d needs 1 spatial axis, and its input has 2"),
        ("nn.ZeroPad3d(1)", "pad3d needs 3 spatial axes, and its input has 2; use -n with 3 sizes"),
        ("nn.LSTM(3, 64)", "nn.LSTM is not a layer that can be read from text; export the model"),
        ("nn.Sequential(3)", "'3' is not a layer; write such as nn.Conv2d"),
        ("nn.MaxPool2d(1, 2, 3, 4, 5, 6, 7)", "has 7 values without names, more than 6; it tak"),
        ("nn.Conv2d(" + "(" * 5000, "is not a layer as PyTorch prints it"),
        ("nn.Conv2d(3, 64, " + "-" * 100_000 + "1)", "is not a layer as PyTorch prints it"),
        ("nn.Conv2d(3, 8, 3, padding_mode='zero')", "padding_mode 'zero' is not known; write one"),
        ("nn.Conv2d(3, 8, 3, padding=-1)", "padding -1 must be 0 or more; use padding=0 or more"),
        ("nn.Conv2d(3, 8, 40)", "use padding=16 or more"),
        ("nn.Conv2d(4, 8, 3, groups=3)", "groups 3; use groups=1, or other channels"),
        ("nn.Conv2d(2, 4, 3), nn.Conv2d(8, 9, 3)", "use in_channels=4, out_channels=9"),
        ("nn.Conv2d(2, 4, 3), nn.BatchNorm2d(5)", "use num_features=4"),
        ("nn.Conv2d(2, 4, 9), nn.Linear(5, 6)", "use in_features=4, out_features=6"),
        ("nn.ConvTranspose2d(2, 4, 3, output_padding=(1, 2))", "use output_padding=0"),
        ("X.y.Conv2d(3, 64, 3)", "'X.y.Conv2d(3,' is not a kind of layer"),
    ],
)  # fmt: skip
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises((UsageError, DoesNotFit)) as caught:
        steps(re.split(r", (?=nn)", line), (9, 9))
    assert message in str(caught.value)


@example(100, 23, 10)
@given(st.integers(1, 500), st.integers(1, 300), st.sampled_from([1, 2, 10, 100]))
def test_a_scale_is_rounded_as_pytorch_rounds_it(n: int, up: int, down: int) -> None:
    scale = up / down
    assume(int(n * scale))
    expected = nn.Upsample(scale_factor=scale)(torch.zeros(1, 1, n)).shape[-1]
    line = f"nn.Upsample(scale_factor={scale})"
    assert run_command("shape", "-n", str(n), "--dims", "1", "-l", line).out == f"{expected}\n"
