"""Operators of PyTorch exports: sizes are those of the export, fields those of gradients."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.models.test_export_graph import _agrees, _Ways
from tests.models.test_run_pt2 import export
from tests.models.zoo import torchvision

_OPERATORS: dict[str, Callable[[Any], Any]] = {
    "flip": lambda y: torch.flip(y, (2, -1)),
    "movedim": lambda y: torch.movedim(y, (1, 2), (-1, 0)),
    "swapaxes": lambda y: y.swapaxes(1, -1).swapdims(-2, 0),
    "t": lambda y: y.mean((0, 1)).t(),
    "movedim of one axis": lambda y: y.movedim(1, -1),
    "expand_as": lambda y: y.mean((2, 3), keepdim=True).expand_as(y),
    "adaptive max": lambda y: F.adaptive_max_pool2d(y, (3, 5)),
    "adaptive max of one axis": lambda y: F.adaptive_max_pool1d(y.flatten(2), 4),
    "adaptive max with places": lambda y: F.adaptive_max_pool2d(y, 1, return_indices=True)[0],
    "index of channels": lambda y: y[:, torch.tensor([1, 0, 1])],
    "vector norm": lambda y: torch.linalg.vector_norm(y, dim=1, keepdim=True),
    "einsum": lambda y: torch.einsum("b c h i, b c h j -> b c i j", y, y.exp()),
    "einsum of another order": lambda y: torch.einsum("bchw,bcwk->kbch", y, y.mT.relu()),
}


@pytest.mark.parametrize("name", _OPERATORS)
def test_an_operator(in_tmp: Path, name: str) -> None:
    module = _Ways(lambda _x, y: _OPERATORS[name](y)).double()
    x = torch.rand(1, 2, 9, 8, dtype=torch.double, requires_grad=True)
    export(module, x.detach())
    steps = _agrees("m.pt2")
    assert not [note for step in steps for note in step.notes]
    output = steps[-1].outputs[0]
    y = module(x)
    for axis, (track, field) in enumerate(zip(output.tracks, output.fields, strict=True), 2):
        for o in range(1 if track.axis is None else y.shape[track.axis]):
            some = y if track.axis is None else y.select(track.axis, o)
            (gradient,) = torch.autograd.grad(some.square().sum(), x, retain_graph=True)
            pixels = (
                gradient.abs().sum([a for a in range(4) if a != axis]).nonzero().flatten().tolist()
            )
            first, last = track.reach.at(o) or (0, -1)
            first, last = max(first, 0), min(last, x.shape[axis] - 1)
            assert first <= pixels[0] <= pixels[-1] <= last
            if field.exact and "max" not in name:  # of which one number has a gradient
                assert (first, last) == (pixels[0], pixels[-1])


def test_what_einsum_does_besides_is_not_followed(in_tmp: Path) -> None:
    for equation in ("bchw,bchw->bc", "bcij,bckl->bckl"):
        export(_Ways(lambda _x, y, e=equation: torch.einsum(e, y, y)), torch.rand(1, 2, 9, 8))
        assert "einsum: it is no product of two matrices" in _agrees("m.pt2")[-1].notes[0]


@pytest.mark.parametrize("name", ["maxvit_t", "swin_v2_t"])
def test_a_network_of_windows_has_totals(in_tmp: Path, name: str) -> None:
    module: nn.Module = torchvision().models.get_model(name, weights=None).eval()
    export(module, torch.rand(1, 3, 224, 224))
    steps = _agrees("m.pt2")
    assert not [note for step in steps for note in step.notes]
    assert sum(step.params or 0 for step in steps) == sum(p.numel() for p in module.parameters())
