"""Graphs of PyTorch exports: sizes are those of the export, parameters those of the module."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import NodeStep, follow
from convcli.models import inputs
from convcli.models.from_export import graph as export_graph
from convcli.models.from_export.file import Pt2File
from tests.models.test_onnx_graph import Branches
from tests.models.test_run_pt2 import export


def _steps(path: str, *n: int) -> list[NodeStep]:
    graph = export_graph.read(path)
    return list(follow(graph, inputs.tensors(graph, n or None)))


def _agrees(path: str) -> list[NodeStep]:
    steps = _steps(path)
    values = Pt2File(path).graph["tensor_values"]
    for step in steps:
        for name, x in zip(step.node.outputs, step.outputs, strict=False):
            if name in values:
                expected = tuple(size["as_int"] for size in values[name]["sizes"])
                assert x.shape == expected, name
    return steps


class _Mixer(nn.Module):
    """Attention over tokens, embedded patches, and what goes with them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Dropout(), nn.Linear(8, 4))

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = torch.unflatten(torch.roll(x, 2, 1), 1, (4, 2)).permute(0, 3, 1, 2)
        return self.head(torch.stack([x, x]).sum(0).amax((2, 3)))


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("make", [Branches, _Mixer])
def test_a_network(in_tmp: Path, make: type[nn.Module], core: bool) -> None:
    module = make().eval()
    x = torch.rand(1, 3, 16, 8) if make is _Mixer else torch.rand(1, 3, 32, 33)
    export(module, x, core=core)
    steps = _agrees("m.pt2")
    if core:  # where resizing is taking pixels by lists, which is not followed
        return
    assert not [note for step in steps for note in step.notes]
    counted = sum(step.costs.params for step in steps if step.costs)
    assert counted == sum(parameter.numel() for parameter in module.parameters())
    with FlopCounterMode(display=False) as counter:
        module(x)
    macs = sum(step.costs.macs for step in steps if step.costs)
    attention = 2 * 8 * 8 * 16 if make is _Mixer else 0  # which the counter leaves out on a CPU
    assert 2 * (macs - attention) == counter.get_total_flops()


def test_another_size_than_the_exported_one(in_tmp: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    export(module, torch.rand(1, 3, 9, 9))
    steps = _steps("m.pt2", 21, 15)
    assert [step.outputs[0].shape for step in steps] == [
        (1, 4, 10, 7),
        (1, 4, 10, 7),
        (1, 4, 1, 1),
        (1, 4),
    ]
    assert [step.node.name for step in steps] == ["0", "1", "2", "3"]


def test_sizes_that_are_symbols(in_tmp: Path) -> None:
    class Halved(nn.Module):
        def forward(self, x: Any) -> Any:
            n, c, h, w = x.shape
            return x.reshape(n, c * 2, h // 2, w)

    height = torch.export.Dim("height", min=4, max=64)
    program = torch.export.export(
        Halved(), (torch.rand(1, 3, 8, 6),), dynamic_shapes={"x": {2: 2 * height}}
    )
    torch.export.save(program, "m.pt2")
    assert _steps("m.pt2", 20, 6)[-1].outputs[0].shape == (1, 6, 10, 6)
    with pytest.raises(ConvcliError, match="has no size; give it: -n 224x6"):
        _steps("m.pt2")


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        *((torch.bool, 1), (torch.uint8, 1), (torch.uint16, 2), (torch.uint32, 4)),
        *((torch.uint64, 8), (torch.bfloat16, 2), (torch.complex32, 4), (torch.complex128, 16)),
    ],
)
def test_memory_of_every_type(in_tmp: Path, dtype: torch.dtype, size: int) -> None:
    class Reshaped(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.reshape(1, 6, 4, 4)

    export(Reshaped(), torch.zeros(1, 3, 8, 4, dtype=dtype))
    assert _steps("m.pt2")[-1].outputs[0].bytes == 96 * size


def test_an_operator_that_is_not_followed(in_tmp: Path) -> None:
    class Sorted(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.relu(torch.cumsum(x, 2))

    export(Sorted(), torch.rand(1, 3, 8, 8))
    steps = _agrees("m.pt2")
    assert "cumsum: an operator that is not followed" in steps[0].notes[0]
    with pytest.raises(ConvcliError, match="leave out -n"):
        _steps("m.pt2", 9)


class _Indirect(nn.Module):
    """Parameters that reach the convolution by way of other operators, and what is none."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))
        self.table = nn.Parameter(torch.rand(10))
        self.embedding = nn.Embedding(10, 3)
        self.kernel: Any
        self.index: Any
        self.register_buffer("kernel", torch.rand(2, 4, 3, 3))
        self.register_buffer("index", torch.tensor([1, 2, 3, 4]))

    def forward(self, x: Any) -> Any:
        x = self.conv(x) + self.table[self.index].view(1, 4, 1, 1)
        x = x + self.embedding(self.index).sum()
        return nn.functional.conv2d(x, self.kernel) * torch.tensor(2.0)


def test_all_parameters_are_counted_and_nothing_else(in_tmp: Path) -> None:
    module = _Indirect()
    export(module, torch.rand(1, 3, 9, 9))
    counted = sum(step.params or 0 for step in _agrees("m.pt2"))
    assert counted == sum(each.numel() for each in module.parameters())


class _Ways(nn.Module):
    """Applies a function to an image and to what a layer makes of it."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x, self.conv(x))


@pytest.mark.parametrize(
    "function",
    [
        torch.maximum, torch.max, torch.min,
        lambda x, y: torch.clamp(x, min=y), lambda x, y: torch.clamp(x, max=y),
    ],
)  # fmt: skip
def test_numbers_that_are_compared(in_tmp: Path, function: Any) -> None:
    export(_Ways(function), torch.rand(1, 2, 9, 8))
    last = _steps("m.pt2", 9, 8)[-1]
    assert last.out == (9, 8)
    assert [(field.r, field.exact) for field in last.fields] == [(3, True)] * 2


def test_norms_that_keep_statistics_read_no_other_pixel(in_tmp: Path) -> None:
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.InstanceNorm2d(4, track_running_stats=True))
    export(module.eval(), torch.rand(1, 2, 9, 8))
    assert [field.r for field in _steps("m.pt2", 9, 8)[-1].fields] == [3, 3]


def test_pixels_counted_from_the_end_and_numbers_rolled_as_a_line(in_tmp: Path) -> None:
    export(_Ways(lambda _x, y: y.narrow(2, -3, 3)), torch.rand(1, 2, 9, 8))
    assert _steps("m.pt2", 9, 8)[-1].out == (3, 8)
    export(_Ways(lambda _x, y: torch.roll(y, 1)), torch.rand(1, 2, 9, 8))
    last = _steps("m.pt2", 9, 8)[-1]
    assert last.out == (9, 8)
    assert last.notes


@pytest.mark.parametrize(
    ("module", "shape"), [(nn.Conv1d(3, 8, 3), (3, 32)), (nn.Conv2d(3, 8, 3), (3, 32, 32))]
)
def test_an_image_without_a_batch_axis(
    in_tmp: Path, module: nn.Module, shape: tuple[int, ...]
) -> None:
    export(module, torch.rand(1, *shape))
    assert _steps("m.pt2")
    export(module, torch.rand(shape))
    with pytest.raises(ConvcliError, match="an image without a batch axis; export the model with"):
        _steps("m.pt2")


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("scale", "n"), [(2.3, 100), (0.29, 100), (1.1, 10), (4.35, 100), (1 / 3, 9), (1.2345678, 81)]
)
def test_a_scale_is_rounded_as_pytorch_rounds_it(
    in_tmp: Path, scale: float, n: int, mode: str
) -> None:
    export(nn.Upsample(scale_factor=scale, mode=mode), torch.rand(1, 1, n, 2 * n))
    assert not [note for step in _agrees("m.pt2") for note in step.notes]
