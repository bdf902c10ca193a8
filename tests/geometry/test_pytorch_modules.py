"""Every module of PyTorch that a text can have, printed and read back."""

from typing import Any

import pytest
import torch
from torch import nn

from convcli.errors import ConvcliError
from convcli.geometry.text.pytorch_table import DROPOUT, MODULES, POINTWISE
from tests.conftest import run_command
from tests.networks import steps_of

SIZES = (12, 10, 8)
MADE: dict[str, list[nn.Module]] = {
    "BatchNorm": [
        make(4, **more)
        for make in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
        for more in ({}, {"affine": False}, {"track_running_stats": False})
    ],
    "SyncBatchNorm": [],  # runs on a GPU only
    "InstanceNorm": [
        make(4, **more)
        for make in (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
        for more in ({}, {"affine": True}, {"affine": True, "track_running_stats": True})
    ],
    "GroupNorm": [nn.GroupNorm(2, 4), nn.GroupNorm(2, 4, affine=False)],
    "PReLU": [nn.PReLU(), nn.PReLU(4)],
    "PixelShuffle": [nn.PixelShuffle(2)],
    "PixelUnshuffle": [nn.PixelUnshuffle(2)],
    "ChannelShuffle": [nn.ChannelShuffle(2)],
    "Linear": [nn.Linear(4 * 120, 5), nn.Linear(4 * 120, 5, bias=False)],
    "Flatten": [nn.Flatten()],
    "Softmax": [nn.Softmax(1), nn.Softmax(-1)],
    "LogSoftmax": [nn.LogSoftmax(2)],
    "Softmin": [nn.Softmin(1)],
    "Softmax2d": [nn.Softmax2d()],
    "Upsample": [
        nn.Upsample(7),
        nn.Upsample((7, 9), mode="bilinear"),
        nn.Upsample(scale_factor=(1.7, 0.3), mode="bicubic", align_corners=True),
        nn.Upsample(scale_factor=1 / 3, recompute_scale_factor=True),
        nn.Upsample(scale_factor=0.7),
    ],
    "UpsamplingNearest2d": [nn.UpsamplingNearest2d(scale_factor=2.5)],
    "UpsamplingBilinear2d": [nn.UpsamplingBilinear2d((5, 17))],
}
EACH: dict[str, list[dict[str, Any]]] = {
    "Conv": [
        {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1},
        *[
            {"in_channels": 4, "out_channels": 6, "kernel_size": 4, "groups": 2, "padding": p,
             "padding_mode": mode, "bias": False}
            for p in (0, 2, "same", "valid") for mode in ("reflect", "replicate", "circular")
        ],
    ],
    "ConvTranspose": [{"in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2}],
    "MaxPool": [{"kernel_size": 3}, {"kernel_size": 3, "stride": 2, "ceil_mode": True}],
    "AvgPool": [{"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}],
    "LPPool": [{"norm_type": 2, "kernel_size": 3, "stride": 2, "ceil_mode": True}],
    "AdaptiveAvgPool": [{"output_size": 3}],
    "AdaptiveMaxPool": [{"output_size": 1}],
    "ZeroPad": [{"padding": 2}],
    "ConstantPad": [{"padding": 2, "value": 1.0}],
    "ReflectionPad": [{"padding": 7}],
    "ReplicationPad": [{"padding": 20}],
    "CircularPad": [{"padding": 8}],
}  # fmt: skip
ARGUMENTS = {"Threshold": (0.1, 2.0), "LocalResponseNorm": (3,)}


def _modules() -> list[nn.Module]:
    made: list[nn.Module] = [module for modules in MADE.values() for module in modules]
    for family, values in EACH.items():
        for dims in "123":
            make = getattr(nn, f"{family}{dims}d", None)
            if make is not None:
                made += [make(**each) for each in values]
    return made + [getattr(nn, name)(*ARGUMENTS.get(name, ())) for name in POINTWISE + DROPOUT]


def _dims_of(module: nn.Module) -> int:
    name = type(module).__name__
    return int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else 2


def test_the_cases_are_those_of_the_table() -> None:
    assert set(MADE) | set(EACH) == set(MODULES)


@pytest.mark.parametrize("module", _modules(), ids=str)
def test_a_printed_module_has_pytorchs_size_and_parameters(module: nn.Module) -> None:
    n = SIZES[: _dims_of(module)]
    x = torch.zeros(1, 4, *n)
    out = module.eval()(x.flatten(1) if isinstance(module, nn.Linear) else x).shape
    steps = steps_of(["(0): " + str(module)], n, 4)
    shape = steps[-1].outputs[0].shape
    assert shape == tuple(out)
    assert sum(step.params or 0 for step in steps) == sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "line",
    [
        "nn.ReflectionPad2d(40)",
        "nn.CircularPad2d(40)",
        "nn.Conv2d(4, 8, 3, padding=40, padding_mode='reflect')",
        "nn.ConvTranspose2d(4, 8, 3, padding_mode='reflect')",
        "nn.Conv2d(4, 8, 3, padding='causal')",
        "nn.BatchNorm1d(4)",
        "nn.BatchNorm3d(4)",
        "nn.BatchNorm2d(3)",
        "nn.InstanceNorm2d(7, affine=True)",
        "nn.GroupNorm(1, 7)",
        "nn.ChannelShuffle(3)",
        "nn.Softmax(4)",
        "nn.Upsample(scale_factor=2, align_corners=True)",
        "nn.Upsample(scale_factor=2, mode='trilinear')",
    ],
)
def test_what_pytorch_refuses_is_refused(line: str) -> None:
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        eval(line, {"nn": nn})(torch.zeros(1, 4, 32, 32))
    with pytest.raises(ConvcliError):
        steps_of([line], (32, 32), 4)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("nn.ReflectionPad2d(40)", "padding=31"),
        ("nn.CircularPad2d(40)", "padding=32"),
        ("nn.Conv2d(3, 8, 3, padding=40, padding_mode='reflect')", "padding=31"),
        ("nn.GroupNorm(1, 7)", "num_channels=3"),
        ("nn.Softmax(4)", "dim=3"),
    ],
)
def test_remedies_are_pytorchs_parameters(line: str, remedy: str) -> None:
    with pytest.raises(ConvcliError, match=f"; use {remedy}$"):
        steps_of([line], (32, 32), 3)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("nn.BatchNorm1d(3)", "write bn2d, in PyTorch's notation BatchNorm2d"),
        ("nn.Conv2d(3, 8, 3, padding='full')", "write 'same', 'valid' or a number such as"),
        ("nn.CircularPad2d()", "add padding=3 or another"),
        ("nn.ChannelShuffle()", "add groups=3 or another"),
        ("nn.Linear(3)", "add out_features=3 or another"),
        ("nn.GroupNorm(2)", "add num_channels=3 or another"),
        ("nn.Upsample()", "write scale_factor=2 or size=64"),
        ("nn.AvgPool2d(2, ceil_mode=2)", "write ceil_mode=1 or ceil_mode=0"),
        (
            "nn.MaxPool2d(3, padding=2)",
            "more than half of its filter, which PyTorch refuses",
        ),
        ("nn.MaxPool2d(3, padding='same')", "write a number such as padding=1"),
        ("nn.ConvTranspose2d(3, 8, 3, padding='same')", "write a number such as padding=1"),
    ],
)
def test_other_remedies(line: str, remedy: str) -> None:
    with pytest.raises(ConvcliError, match=remedy):
        steps_of([line], (32, 32), 3)


def _read_extents(module: nn.Module, n: int) -> set[int]:
    """Return how far apart the columns are that each column of the output depends on."""
    x = torch.rand(1, 2, n, n, dtype=torch.float64, requires_grad=True)
    y = module.double().eval()(x)
    extents = set()
    for column in range(y.shape[-1]):
        weights = torch.rand(y.shape[:-1], dtype=torch.float64)
        (grad,) = torch.autograd.grad((y[..., column] * weights).sum(), x, retain_graph=True)
        read = grad.abs().amax((0, 1, 2)).nonzero().flatten()
        extents.add(int(read[-1] - read[0]) + 1)
    return extents


@pytest.mark.parametrize(
    "line",
    [
        "nn.Conv2d(2, 2, 3, padding=1, padding_mode='circular')",
        "nn.Conv2d(2, 2, 5, 2, 2, padding_mode='reflect')",
        "nn.Conv2d(2, 2, 4, padding='same', padding_mode='circular')",
        "nn.Sequential(nn.CircularPad2d(1), nn.Conv2d(2, 2, 3))",
        "nn.Sequential(nn.ReplicationPad2d(3), nn.Conv2d(2, 2, 3))",
        "nn.Softmax(dim=-1)",
        "nn.Softmax(dim=1)",
        "nn.Softmax2d()",
        "nn.BatchNorm2d(2, track_running_stats=False)",
        "nn.InstanceNorm2d(2, track_running_stats=True)",
        "nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)",
        "nn.UpsamplingBilinear2d(scale_factor=2)",
        "nn.Upsample(scale_factor=0.3, mode='nearest', recompute_scale_factor=True)",
    ],
)
def test_fields_are_those_of_gradients(line: str) -> None:
    _, field = steps_of([line], (9, 9), 2)[-1].fields
    assert field.exact
    assert field.r == max(_read_extents(eval(line, {"nn": nn}), 9))


def test_aligned_corners_are_those_of_our_notation() -> None:
    ours = steps_of(["upsample scale=2 mode=linear align=1"], (8, 8), 1)[-1]
    theirs = steps_of(
        ["nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)"], (8, 8), 1
    )[-1]
    assert ours.fields == theirs.fields
    assert ours.spans == theirs.spans


@pytest.mark.parametrize("value", ["None", "False"])
def test_no_bias(value: str) -> None:
    for line in (f"nn.Conv2d(3, 4, 4, bias={value})", f"nn.Conv2d(3, 4, 4, 1, 0, 1, 1, {value})"):
        assert steps_of([line], (8, 8))[-1].params == 3 * 4 * 16


def test_average_pooling_with_all_of_its_parameters() -> None:
    (step,) = steps_of(["nn.AvgPool2d(3, 2, 1, True, False, 4)"], (8, 8), 1)
    out = nn.AvgPool2d(3, 2, 1, True, False, 4)(torch.zeros(1, 1, 8, 8)).shape
    assert step.out == tuple(out[2:])


@pytest.mark.parametrize(
    ("n", "line", "note"),
    [
        ("8", "(0): AvgPool2d(kernel_size=3, stride=2, padding=0)", "does not say its ceil_mode"),
        ("9", "(0): AvgPool2d(kernel_size=3, stride=2, padding=0)", ""),
        ("8", "nn.AvgPool2d(3, 2)", ""),
        ("8", "(0): Upsample(scale_factor=2.0, mode='bilinear')", "does not say its align_corners"),
        ("8", "(0): Upsample(scale_factor=2.0, mode='nearest')", ""),
        ("8", "nn.Linear(192, 10)", "in PyTorch those of the last axis"),
        ("8", "nn.Sequential(nn.Flatten(), nn.Linear(192, 10))", ""),
    ],
)
def test_a_note_where_a_line_does_not_say_all(n: str, line: str, note: str) -> None:
    err = run_command("shape", "-n", n, "-c", "3", "-l", line, "--format", "csv").err
    assert note in err
    assert bool(note) == bool(err)


def test_a_note_about_fields_is_for_those_who_see_them() -> None:
    args = ("-n", "8", "-c", "3", "-l", "(0): Upsample(scale_factor=2.0, mode='bilinear')")
    for shown in ((), ("--format", "csv", "--fields", "output")):
        assert run_command("shape", *args, *shown).err == ""
    shown = ("--format", "csv", "--fields", "output,field")
    assert "align_corners" in run_command("shape", *args, *shown).err


def test_a_class_whose_name_starts_with_an_underscore_is_a_container() -> None:
    lines = ["_InvertedResidual(", "  (layers): Sequential(", "    (0): ReLU6(inplace=True)"]
    (step,) = steps_of([*lines, "  )", ")"], (8, 8), 3)
    assert step.name == "layers.0"
