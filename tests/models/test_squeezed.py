"""An axis of the image with one pixel that is removed and comes back is one of the image again."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.conftest import run_command
from tests.models.test_run_pt2 import export


class _Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, (8, 3))
        self.line = nn.Conv1d(8, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 3, (8, 3))


class _Line(_Layers):
    def forward(self, x: Any) -> Any:
        return self.up(self.line(self.down(x).squeeze(2)).unsqueeze(2))


class _Stacked(_Layers):
    def forward(self, x: Any) -> Any:
        return F.pad(torch.stack([self.down(x)] * 2, 2).mean(2), (0, 0, 1, 1))


class _Normalized(_Layers):
    def forward(self, x: Any) -> Any:
        return self.up(self.norm(F.max_pool2d(self.down(x), (1, 18))))


class _Decoder(_Layers):
    def forward(self, x: Any) -> Any:
        return self.up(self.down(x).mean((2, 3))[:, :, None, None])


@pytest.mark.parametrize("kind", [_Line, _Stacked, _Normalized, _Decoder])
@pytest.mark.parametrize("file", ["m.pt2", "m.onnx"])
def test_an_axis_that_comes_back(in_tmp: Path, kind: type[nn.Module], file: str) -> None:
    module, x = kind().eval(), torch.rand(1, 3, 8, 20)
    expected = module(x).shape
    if file == "m.pt2":
        export(module, x)
    else:
        with warnings.catch_warnings(action="ignore"):
            torch.onnx.export(module, (x,), file, dynamo=False)
    assert run_command("shape", file).out == f"{expected[2]}x{expected[3]}\n"
    *_, total = map(json.loads, run_command("shape", file, "--format", "json").out.splitlines())
    assert (total["output"], total["channels_out"]) == ([*expected[2:]], expected[1])
    assert total["receptive_field"][0] == 8
    assert total["field_exact"]
