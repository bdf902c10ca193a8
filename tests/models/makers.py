"""Small ONNX models, and what onnxruntime makes of models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[Any]
SILENT = 3  # of onnxruntime: errors and nothing less


def value(name: str, shape: Sequence[int | str] | None, kind: int = TensorProto.FLOAT) -> Any:
    """Declare an input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[Any],
    x_shape: Sequence[int | str],
    tensors: dict[str, Floats] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    **more: Any,
) -> Any:
    """Make a model with one input ``x``."""
    graph = helper.make_graph(
        list(nodes),
        "made",
        [value("x", x_shape)],
        [value(name, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (tensors or {}).items()],
        **more,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def layer(
    op: str,
    x_shape: Sequence[int | str],
    w: Floats,
    b: Floats | None = None,
    name: str = "layer",
    **attrs: Any,
) -> Any:
    """Make a model of one convolution."""
    tensors = {"w": w} | ({} if b is None else {"b": b})
    return model([helper.make_node(op, ["x", *tensors], ["y"], name, **attrs)], x_shape, tensors)


def session(made: Any, optimized: bool = False) -> Any:
    """Load a model."""
    import onnxruntime  # it starts threads, and campaigns fork

    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(made: Any, x: Floats) -> Floats:
    """Run a model of one input and one output."""
    found: Floats = session(made).run(None, {made.graph.input[0].name: x})[0]
    return found


def values(made: Any, x: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Give what a model has under some names; the model is left as it is."""
    first = made.graph.input[0].name
    wanted = [name for name in dict.fromkeys(names) if name != first]
    opened = onnx.ModelProto.FromString(made.SerializeToString())
    del opened.graph.output[:]
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in wanted)
    found = session(opened).run(None, {first: x})
    return dict(zip(wanted, found, strict=True)) | {first: x}


def intermediate(file: Path, x: Floats, ops: Sequence[str]) -> dict[str, tuple[Floats, Floats]]:
    """Give input and output of each node of some operators, by the name of its output."""
    made = onnx.load(file)
    nodes = [node for node in made.graph.node if node.op_type in ops]
    found = values(made, x, [name for node in nodes for name in (node.input[0], node.output[0])])
    return {node.output[0]: (found[node.input[0]], found[node.output[0]]) for node in nodes}


def close(found: Floats, expected: Floats) -> None:
    """Hold that arrays are equal within what float32 sums may differ by."""
    bound = 2e-5 * max(float(np.abs(expected).max(initial=0)), 1e-3)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=bound)
