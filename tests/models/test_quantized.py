"""Models that onnxruntime quantized: all but the types of numbers is as in the model before."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.conftest import run_command


def _total(path: str) -> dict[str, Any]:
    done = run_command("shape", path, "--format", "json")
    assert (done.status, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    return {key: value for key, value in found.items() if key != "layers"}


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.LeakyReLU())
        self.branch = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=4), nn.Sigmoid())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        return self.head(x + x * self.branch(x))


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_quantized_model(in_tmp: Path, form: str) -> None:
    from onnxruntime import quantization  # it starts threads, and campaigns fork

    x = torch.rand(1, 3, 16, 16)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(_Network().eval(), (x,), "m.onnx", dynamo=False, input_names=["x"])

    class Once(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{"x": x.numpy()}]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    quantization.quantize_static(
        "m.onnx", "q.onnx", Once(), quant_format=quantization.QuantFormat[form]
    )
    assert _total("q.onnx") == _total("m.onnx")
