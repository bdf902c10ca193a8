"""Built-in networks against torchvision: parameters, the size of every layer, and arithmetic."""

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.conftest import run_command
from tests.models.zoo import torchvision

NAMES = (
    "alexnet vgg11 vgg16 vgg19 resnet18 resnet34 resnet50 resnet101 resnet152 mobilenet_v2 "
    "squeezenet1_1 densenet121 googlenet inception_v3 efficientnet_b0 convnext_tiny"
).split()
MODULES = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm)
Shape = tuple[int, ...]


def _model(name: str) -> nn.Module:
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": False}
    model: nn.Module = torchvision().models.get_model(name, weights=None, **options)
    return model.eval()


def _shapes(model: nn.Module, x: torch.Tensor, patch: pytest.MonkeyPatch) -> list[Shape]:
    """Channels and sizes of the output of every module and pooling."""
    found: list[Shape] = []

    def record(module: nn.Module, _inputs: Any, y: torch.Tensor) -> None:
        channels_last = y.dim() == 4 and isinstance(module, nn.Linear | nn.LayerNorm)
        # torchvision's LayerNorm2d permutes inside, and its output has channels first.
        if channels_last and type(module).__name__ != "LayerNorm2d":
            y = y.permute(0, 3, 1, 2)
        found.append(tuple(y.shape[1:]))

    def recording(pool: Any) -> Any:
        def call(*args: Any, **options: Any) -> torch.Tensor:
            y: torch.Tensor = pool(*args, **options)
            found.append(tuple(y.shape[1:]))
            return y

        return call

    for name in ("max_pool2d", "avg_pool2d"):  # modules and functions call these
        patch.setattr(F, name, recording(getattr(F, name)))
    for module in model.modules():
        if isinstance(module, MODULES):
            module.register_forward_hook(record)
    model(x)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_that_of_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 299 if name == "inception_v3" else 224
    with torch.device("meta"):  # shapes without numbers
        model = _model(name)
        x = torch.zeros(1, 3, n, n)
    shapes = sorted(_shapes(model, x, monkeypatch))
    with FlopCounterMode(display=False) as counter:
        model(x)
    done = run_command("shape", name, "--format", "json")
    *layers, total = map(json.loads, done.out.splitlines())
    assert total["parameters"] == sum(p.numel() for p in model.parameters())
    assert 2 * total["macs"] == counter.get_total_flops()
    kinds = ("conv", "linear", "bn", "ln", "maxpool", "avgpool")
    ours = sorted(tuple(layer["shape"][1:]) for layer in layers if layer["kind"] in kinds)
    assert ours == shapes
