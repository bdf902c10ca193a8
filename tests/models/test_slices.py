"""Slices of ONNX files: what they take is what onnxruntime takes."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx.helper import make_node as node
from torch import nn

from convcli.geometry.network.tensor import Tensor, image
from convcli.models.operators.attributes import Known
from convcli.models.operators.facts import Facts
from convcli.models.operators.table import FOLLOWED
from tests.models import makers
from tests.models.test_onnx_graph import agrees


@given(st.integers(1, 12), *[st.integers(-15, 15)] * 2, st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_a_slice_may_be_empty_and_its_limits_outside(
    size: int, start: int, end: int, step: int
) -> None:
    tensors = {key: np.array([n]) for key, n in zip("beas", (start, end, 2, step), strict=True)}
    made = makers.model([node("Slice", ["x", *tensors], ["y"])], (1, 1, size), tensors)
    expected = makers.run(made, np.arange(size, dtype=np.float32)[None, None])[0, 0]
    known = [Tensor((1,), (), 8, value) for value in tensors.values()]
    facts = Facts("Slice", Known({}), 17, 1, "")
    y = FOLLOWED["Slice"](facts, image((size,), 1), *known).outputs[0]
    assert y.shape == (1, 1, len(expected))
    assert [y.tracks[0].reach.at(o) for o in range(len(expected))] == [(i, i) for i in expected]


def test_a_roll_by_the_whole_axis(in_tmp: Path) -> None:
    """Its exporter makes a slice of nothing, and puts it before the rest."""
    with warnings.catch_warnings(action="ignore"):
        rolled = nn.Sequential(nn.Conv2d(1, 1, 1), _Rolled())
        torch.onnx.export(rolled, (torch.rand(1, 1, 4, 2),), "m.onnx", dynamo=False)
    assert agrees("m.onnx")[-1].out == (4, 2)


class _Rolled(nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.roll(x, 2, 3)
