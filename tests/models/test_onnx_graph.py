"""Graphs of ONNX files: sizes are those of onnxruntime and of ONNX's inference at every node."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, shape_inference
from torch import nn

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import NodeStep, follow
from convcli.models import inputs
from convcli.models.from_onnx import graph as onnx_graph
from tests.conftest import DATA
from tests.models import makers

MODELS = DATA / "models"
node = helper.make_node


def _steps(path: Path | str, *n: int) -> list[NodeStep]:
    graph = onnx_graph.read(str(path))
    return list(follow(graph, inputs.tensors(graph, n or None)))


def _sizes(steps: list[NodeStep]) -> dict[str, Any]:
    return {
        name: x.shape
        for step in steps
        for name, x in zip(step.node.outputs, step.outputs, strict=False)
        if name
    }


def agrees(path: Path | str, *n: int) -> list[NodeStep]:
    """Compare the sizes at every node with those of onnxruntime, and of ONNX's inference."""
    graph = onnx_graph.read(str(path))
    first = inputs.tensors(graph, n or None)[graph.inputs[0].name]
    steps = _steps(path, *n)
    ours = _sizes(steps)
    made = onnx.load(path)
    x = np.random.default_rng(0).random([n or 1 for n in first.shape], np.float32)
    found = makers.values(made, x, list(ours))
    for name, shape in ours.items():
        assert shape == found[name].shape, name
    fixed = made.graph.input[0].type.tensor_type.shape
    for dim, size in zip(fixed.dim, x.shape, strict=True):
        dim.dim_value = size
    inferred = shape_inference.infer_shapes(made, data_prop=True)
    for value in inferred.graph.value_info:
        shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        known = value.type.tensor_type.HasField("shape") and all(shape)
        if known and value.name in ours:
            assert ours[value.name] == shape, value.name
    assert ours
    return steps


# ---- real models ----


def test_a_classifier() -> None:
    steps = agrees(MODELS / "ppocr_cls.onnx", 48, 192)
    assert not [note for step in steps for note in step.notes]
    assert sum(step.costs.params for step in steps if step.costs) == 129_356


def test_an_audio_model_with_the_channels_last() -> None:
    steps = agrees(MODELS / "basic_pitch.onnx")
    assert onnx_graph.read(str(MODELS / "basic_pitch.onnx")).inputs[0].channel_axis == 2
    assert [len(step.outputs[0].tracks) for step in steps if step.window][:3] == [1, 1, 1]


def test_changing_one_row_changes_what_depends_on_it() -> None:
    """The first convolutions, before the whole image is pooled into each number."""
    path = MODELS / "ppocr_cls.onnx"
    steps = [step for step in _steps(path, 48, 192) if step.outputs[0].tracks]
    steps = list(itertools.takewhile(lambda step: not step.outputs[0].tracks[0].covers_all, steps))
    assert len(steps) > 5
    names = [step.node.outputs[0] for step in steps]
    x = np.random.default_rng(0).standard_normal((1, 3, 48, 192), np.float32)
    made = onnx.load(path)
    before = makers.values(made, x, names)
    seen: dict[str, set[tuple[int, int]]] = {name: set() for name in names}
    for row in (0, 20, 21, 22, 23, 47):
        changed = x.copy()
        changed[:, :, row] += 100
        after = makers.values(made, changed, names)
        for name in names:
            rows = (after[name] != before[name]).any(axis=(0, 1, 3))
            seen[name].update((int(o), row) for o in np.flatnonzero(rows))
    for step in steps:
        reach = step.outputs[0].tracks[0].reach
        spans = {o: reach.at(o) for o in range(step.out[0])}
        claimed = {
            (o, row)
            for o, span in spans.items()
            for row in (0, 20, 21, 22, 23, 47)
            if span and span[0] <= row <= span[1]
        }
        assert seen[step.node.outputs[0]] == claimed, step.node.name


# ---- exported networks ----


class Branches(nn.Module):
    """What exporters make nodes of: branches, resizing by computed sizes, splits, shuffles."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1, groups=2), nn.Hardswish())
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.up(self.deep(x))
        y = nn.functional.interpolate(y, size=x.shape[2:], mode="bilinear")
        z = torch.cat([x, y], 1)
        a, b = z.chunk(2, 1)
        z = torch.cat(
            [
                nn.functional.max_pool2d(a, 3, 2, 1, ceil_mode=True),
                nn.functional.avg_pool2d(b, 3, 2, 1, ceil_mode=True),
            ],
            1,
        )
        n, c, h, w = z.shape
        z = z.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        z = nn.functional.pad(z, (1, 2, 0, 1), mode="reflect")
        return self.head(z.mean((2, 3)).flatten(1)).softmax(-1)


@pytest.mark.parametrize("size", [32, 33])
def test_an_exported_network_at_sizes_that_its_nodes_compute(in_tmp: Path, size: int) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            Branches().eval(),
            (torch.rand(1, 3, 32, 32),),
            "m.onnx",
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {2: "height", 3: "width"}},
        )
    steps = agrees("m.onnx", size, size + 3)
    assert steps[-1].outputs[0].shape == (1, 5)
    with pytest.raises(ConvcliError, match="axes 2 and 3 have no size; give it: -n 224x224"):
        _steps("m.onnx")


# ---- operators ----

_AXES = np.array([2, 3])
_CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "pool": ([node("MaxPool", ["x"], ["y"], kernel_shape=[3, 2], strides=[2, 3],
                   pads=[1, 0, 1, 1], ceil_mode=1)], {}),
    "pool same": ([node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2],
                        auto_pad="SAME_LOWER")], {}),
    "pool dilated": ([node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 3])], {}),
    "lp pool": ([node("LpPool", ["x"], ["y"], kernel_shape=[2, 2])], {}),
    "global": ([node("GlobalMaxPool", ["x"], ["y"])], {}),
    "depth": ([node("DepthToSpace", ["x"], ["y"], blocksize=2, mode="CRD")], {}),
    "space": ([node("Pad", ["x", "p"], ["q"]), node("SpaceToDepth", ["q"], ["y"], blocksize=2)],
              {"p": np.array([0, 0, 0, 0, 0, 0, 1, 0])}),
    "resize scales": ([node("Resize", ["x", "", "s"], ["y"], mode="linear")],
                      {"s": np.array([1, 1, 0.7, 2.5], np.float32)}),
    "resize sizes": ([node("Resize", ["x", "", "", "s"], ["y"], mode="nearest",
                           coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
                     {"s": np.array([1, 4, 5, 20])}),
    "reduce": ([node("ReduceMean", ["x"], ["y"], axes=[2, -1], keepdims=0)], {}),
    "reduce all": ([node("ReduceMax", ["x"], ["y"])], {}),
    "split": ([node("Split", ["x", "s"], ["a", "b"], axis=3),
               node("Concat", ["b", "a"], ["y"], axis=-1)], {"s": np.array([3, 5])}),
    "slice": ([node("Slice", ["x", "b", "e", "a", "s"], ["y"])],
              {"b": np.array([-1, 1]), "e": np.array([-99, 99]), "a": _AXES,
               "s": np.array([-2, 3])}),
    "transpose": ([node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
                   node("Flatten", ["t"], ["y"], axis=2)], {}),
    "reshape": ([node("Reshape", ["x", "s"], ["y"])], {"s": np.array([0, -1, 8])}),
    "squeeze": ([node("Unsqueeze", ["x", "u"], ["t"]), node("Squeeze", ["t", "u"], ["y"])],
                {"u": np.array([0, -1])}),
    "gemm": ([node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w", "b"], ["y"], transB=1)],
             {"w": np.ones((6, 4 * 7 * 8), np.float32), "b": np.ones(6, np.float32)}),
    "matmul": ([node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
                node("MatMul", ["x", "t"], ["y"])], {}),
    "broadcast": ([node("Mul", ["x", "c"], ["m"]), node("Sub", ["m", "k"], ["y"])],
                  {"c": np.ones((4, 1, 1), np.float32), "k": np.ones((), np.float32)}),
    "where": ([node("Greater", ["x", "k"], ["g"]), node("Where", ["g", "x", "k"], ["y"])],
              {"k": np.ones((), np.float32)}),
    "gather": ([node("Gather", ["x", "i"], ["g"], axis=1),
                node("Gather", ["g", "j"], ["y"], axis=2)],
               {"i": np.array([2, 0]), "j": np.array(3)}),
    "tile": ([node("Tile", ["x", "r"], ["y"])], {"r": np.array([1, 2, 1, 3])}),
    "expand": ([node("ReduceSum", ["x", "a"], ["r"]), node("Shape", ["x"], ["s"]),
                node("Expand", ["r", "s"], ["y"])], {"a": _AXES}),
    "norms": ([node("InstanceNormalization", ["x", "s", "s"], ["i"]),
               node("LayerNormalization", ["i", "l"], ["n"]), node("Softmax", ["n"], ["y"])],
              {"s": np.ones(4, np.float32), "l": np.ones(8, np.float32)}),
    "arg": ([node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)], {}),
    "top": ([node("TopK", ["x", "k"], ["y", "i"], axis=1)], {"k": np.array([2])}),
    "quantized": ([node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                   node("DequantizeLinear", ["q", "s", "z"], ["y"])],
                  {"s": np.ones((), np.float32), "z": np.zeros((), np.uint8)}),
    "range of a shape": ([node("Shape", ["x"], ["s"]), node("Gather", ["s", "t"], ["n"]),
                          node("Div", ["n", "d"], ["h"]), node("Unsqueeze", ["h", "o"], ["u"]),
                          node("Concat", ["m", "u"], ["c"], axis=0),
                          node("Reshape", ["x", "c"], ["y"])],
                         {"t": np.array(3), "d": np.array(2), "o": np.array([0]),
                          "m": np.array([-1])}),
    "not followed": ([node("Hardmax", ["x"], ["h"]), node("GridSample", ["h", "g"], ["y"])],
                     {"g": np.zeros((1, 3, 2, 2), np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize("case", _CASES)
def test_an_operator(in_tmp: Path, case: str) -> None:
    nodes, tensors = _CASES[case]
    onnx.save(makers.model(nodes, (1, 4, 7, 8), tensors), "m.onnx")
    steps = agrees("m.onnx")
    if case == "not followed":
        assert "GridSample: an operator that is not followed" in steps[-1].notes[0]
    else:
        assert not [note for step in steps for note in step.notes]


def test_an_operator_whose_sizes_depend_on_the_image_hides_what_follows(in_tmp: Path) -> None:
    nodes = [
        node("NonZero", ["x"], ["z"], "found"),
        node("Cast", ["z"], ["c"], to=TensorProto.FLOAT),
        node("Relu", ["c"], ["r"]),
        node("Relu", ["x"], ["y"]),
    ]
    onnx.save(makers.model(nodes, (1, 1, 4, 4), outputs=("r", "y")), "m.onnx")
    steps = _steps("m.onnx")
    notes = [note for step in steps for note in step.notes]
    assert notes == [
        "NonZero: an operator that is not followed; it and the 2 nodes after it are left out"
    ]
    assert steps[-1].outputs[0].shape == (1, 1, 4, 4)


def test_a_body_is_noted(in_tmp: Path) -> None:
    body = helper.make_graph(
        [node("Relu", ["x"], ["b"])], "body", [], [makers.value("b", (1, 1, 4, 4))]
    )
    nodes = [node("If", ["c"], ["y"], "choice", then_branch=body, else_branch=body)]
    made = makers.model(nodes, (1, 1, 4, 4), {"c": np.array(True)})
    made.graph.output[0].CopyFrom(makers.value("y", (1, 1, 4, 4)))
    onnx.save(made, "m.onnx")
    (step,) = _steps("m.onnx")
    assert step.sources == ("x",)
    assert "If: whose bodies are not followed" in step.notes[0]


def test_nodes_in_any_order_and_cycles(in_tmp: Path) -> None:
    nodes = [node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"])]
    onnx.save(makers.model(nodes, (1, 1)), "m.onnx")
    assert [step.node.outputs[0] for step in _steps("m.onnx")] == ["a", "y"]
    nodes = [node("Add", ["x", "y"], ["a"], "one"), node("Relu", ["a"], ["y"])]
    onnx.save(makers.model(nodes, (1, 1)), "m.onnx")
    with pytest.raises(ConvcliError, match="::one' reads what depends on what it makes"):
        onnx_graph.read("m.onnx")


def test_parameters_are_counted_once(in_tmp: Path) -> None:
    nodes = [
        node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1]),
        node("Conv", ["a", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "b", "s", "m", "m"], ["y"]),
    ]
    tensors = {
        "w": np.ones((2, 2, 3, 3), np.float32),
        **{name: np.ones(2, np.float32) for name in "bsm"},
    }
    onnx.save(makers.model(nodes, (1, 2, 4, 4), tensors), "m.onnx")
    assert [step.costs and step.costs.params for step in _steps("m.onnx")] == [38, 0, 2]


def test_what_makes_a_scale_is_no_parameter(in_tmp: Path) -> None:
    halves = [helper.make_tensor(f"{k}", TensorProto.FLOAT, [2], [k, k]) for k in (1.0, 2.0)]
    nodes = [
        helper.make_node("Constant", [], ["a"], value=halves[0]),
        helper.make_node("Constant", [], ["b"], value=halves[1]),
        helper.make_node("Concat", ["a", "b"], ["scales"], axis=0),
        helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest"),
    ]
    onnx.save(makers.model(nodes, (1, 3, 9, 9)), "m.onnx")
    assert sum(step.params or 0 for step in _steps("m.onnx")) == 0


def test_a_million_nodes_are_refused(in_tmp: Path) -> None:
    made = makers.model([node("Relu", ["x"], ["y"])], (1, 1))
    made.graph.node.extend([made.graph.node[0]] * 100_001)
    onnx.save(made, "m.onnx")
    with pytest.raises(ConvcliError, match="more than 100000"):
        onnx_graph.read("m.onnx")


def test_weights_are_not_read(in_tmp: Path) -> None:
    """A claimed size costs nothing; numbers in another file are not looked for."""
    made = makers.layer("Conv", (1, 3, 9, 9), np.ones((64, 3, 7, 7), np.float32))
    made.graph.initializer[0].dims[0] = 2**40
    onnx.save(made, "m.onnx")
    (step,) = _steps("m.onnx")
    assert step.outputs[0].shape == (1, 2**40, 3, 3)
