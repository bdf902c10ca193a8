"""Padding with pixels of the image, in models: which of them outputs read."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from convcli.geometry.network.graph import follow
from convcli.geometry.network.receptive_field import Span
from convcli.models import inputs
from convcli.models.from_export import graph as export_graph
from convcli.models.from_onnx import graph as onnx_graph
from tests.models import makers
from tests.models.test_run_pt2 import export

# The pixels of a row of 6 that the outputs of a padding of 2, then a window of 2, depend on.
READS = {
    "reflect": [(1, 2), (0, 1), (0, 1)],
    "edge": [(0, 0), (0, 0), (0, 1)],
    "wrap": [(4, 5), (0, 5), (0, 1)],
    "constant": [(-2, -1), (-1, 0), (0, 1)],
}


def _first(path: str) -> list[Span | None]:
    read = onnx_graph.read if path.endswith("onnx") else export_graph.read
    graph = read(path)
    made = list(follow(graph, inputs.tensors(graph, None)))[-1].outputs[0]
    assert made.fields[1].exact
    track = made.tracks[1]
    return [track.reach.at(output) for output in range(3)]


@pytest.mark.parametrize("mode", READS)
def test_of_onnx(in_tmp: Path, mode: str) -> None:
    tensors = {"p": np.array([0, 0, 0, 2, 0, 0, 0, 2]), "w": np.ones((1, 1, 1, 2), np.float32)}
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["a"], mode=mode),
        helper.make_node("Conv", ["a", "w"], ["y"]),
    ]
    onnx.save(makers.model(nodes, (1, 1, 4, 6), tensors, opset=19), "m.onnx")
    assert _first("m.onnx") == READS[mode]


@pytest.mark.parametrize(
    ("mode", "padding"),
    [
        ("reflect", nn.ReflectionPad2d((2, 2, 0, 0))),
        ("edge", nn.ReplicationPad2d((2, 2, 0, 0))),
        ("constant", nn.ZeroPad2d((2, 2, 0, 0))),
        ("wrap", nn.CircularPad2d((2, 2, 0, 0))),
    ],
)
def test_of_pytorch(in_tmp: Path, mode: str, padding: nn.Module) -> None:
    model = nn.Sequential(padding, nn.Conv2d(1, 1, (1, 2)))
    export(model, torch.rand(1, 1, 4, 6))
    assert _first("m.pt2") == READS[mode]
