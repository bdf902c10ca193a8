"""Sizes of what an operator makes that is not followed: as the library infers them for one node."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcli.geometry.network.tensor import Tensor
from convcli.models.from_onnx.file import STANDARD

_KINDS = {1: 9, 2: 10, 4: 1, 8: 7}  # by the bytes of a number: bool, float16, float32, int64


def infer(
    node: Any, opset: int, given: Sequence[Tensor | None]
) -> tuple[tuple[int, ...], ...] | None:
    """Infer the sizes of a node's outputs; None where that cannot be.

    Parameters
    ----------
    node : NodeProto
    opset : int
    given : sequence of Tensor or None
        Its inputs.
    """
    from onnx import defs, helper, numpy_helper, shape_inference  # noqa: PLC0415  it is there

    if node.domain not in STANDARD or any(a.HasField("g") or a.graphs for a in node.attribute):
        return None
    types, data = {}, {}
    try:
        for name, x in zip(node.input, given, strict=False):
            if x is None:
                continue
            kind = _KINDS.get(x.itemsize, 1)
            if isinstance(x.value, np.ndarray):
                kind = helper.np_dtype_to_tensor_dtype(x.value.dtype)
                data[name] = numpy_helper.from_array(x.value, name)
            types[name] = helper.make_tensor_type_proto(kind, x.shape)
        schema = defs.get_schema(node.op_type, opset, "")
        opsets = [helper.make_opsetid("", opset)]
        made = shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=opsets)
        shapes = [made[name].tensor_type.shape for name in node.output if name]
    except Exception:  # whatever the library makes of it: there is no answer
        return None
    found = [tuple(dim.dim_value for dim in shape.dim) for shape in shapes]
    return tuple(found) if all(min(shape, default=1) > 0 for shape in found) else None
