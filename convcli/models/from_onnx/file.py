"""Opens ONNX files by the library `onnx`; large tensors stay in the file until asked for."""

import functools
import json
import os
import shlex
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.memory import check_memory
from convcli.errors import ConvcliError, check_installed, reason
from convcli.models.from_onnx import skim
from convcli.models.from_onnx.attributes import EXTERNAL, NodeAttributes
from convcli.models.operators.attributes import Attributes

STANDARD = ("", "ai.onnx")  # domains of the operators that ONNX defines
_LONGEST = 100  # operators between a stored tensor and a weight that is computed from it


class OnnxFile:
    """A model and its tensors.

    Attributes
    ----------
    path : str
    graph : GraphProto
    tensors : dict of str to TensorProto
        Initializers and the values of ``Constant`` nodes, by name.
    producers : dict of str to NodeProto
        The node that makes each value.
    opset : int
        Version of the standard operators.
    """

    def __init__(self, path: str) -> None:
        """Read all but the numbers of large tensors.

        Raises
        ------
        ConvcliError
        OSError
        """
        self.path = path
        model = _parse(path)
        self.graph: Any = model.graph
        self.opset = max((o.version for o in model.opset_import if o.domain in STANDARD), default=1)
        self.producers = {name: node for node in self.graph.node for name in node.output if name}
        self.tensors = {tensor.name: tensor for tensor in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.tensors |= dict.fromkeys(node.output[:1], _constant(node))

    def array(self, tensor: Any) -> Array:
        """Read the numbers of a tensor; bfloat16 and 8-bit floats become float32.

        Raises
        ------
        ConvcliError
            They are in another file, or damaged.
        """
        called = repr(f"{self.path}::{tensor.name}")
        from onnx import numpy_helper  # noqa: PLC0415  it is there: the model has been read

        try:
            place = skim.place_of((entry.key, entry.value) for entry in tensor.external_data)
            if place is not None:
                check_memory(f"{called} takes {place.length:,} bytes", place.length)
                with open(self.path, "rb") as stream:
                    stream.seek(place.offset)
                    tensor = type(tensor).FromString(stream.read(place.length))
            if tensor.data_location == EXTERNAL:
                raise ConvcliError(self._elsewhere(called, tensor))
            array: Array = numpy_helper.to_array(tensor)
            if array.dtype.kind not in "iufcb":  # types that NumPy lacks
                array = array.astype(np.float32)
        except (ConvcliError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever the library makes of damage
            raise ConvcliError(
                f"{called} is damaged ({reason(error)}); export the model again"
            ) from None
        return array

    def _elsewhere(self, called: str, tensor: Any) -> str:
        file = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        program = f'import onnx; onnx.save(onnx.load({json.dumps(self.path)}), "one-file.onnx")'
        return (
            f"{called} has its numbers in another file ({file!r}), which is never read; put them "
            f"into one: python3 -c {shlex.quote(program)}"
        )

    def name_of(self, node: Any) -> str:
        """What errors call a node: its name, or that of what it makes."""
        return repr(f"{self.path}::{node.name or next(iter(node.output), '')}")

    def attributes(self, node: Any) -> Attributes:
        """Return the attributes of a node."""
        return NodeAttributes(self.name_of(node), node)

    def declared(self, value: Any) -> tuple[int | str | None, ...] | None:
        """Return the shape of an input or an output as the file declares it; names of symbols."""
        kind = value.type.tensor_type
        if not kind.HasField("shape"):
            return None
        return tuple(
            dim.dim_value if dim.dim_value > 0 else dim.dim_param or None for dim in kind.shape.dim
        )

    @functools.cached_property
    def _declared(self) -> dict[str, tuple[int | str | None, ...] | None]:
        graph = self.graph
        return {
            value.name: self.declared(value)
            for value in (*graph.value_info, *graph.output, *graph.input)
        }

    def static_shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a value where the file has all of it, for a batch of one."""
        shape = self._declared.get(name)
        if shape is None:
            return None
        sizes = shape if not shape or isinstance(shape[0], int) else (1, *shape[1:])
        known = [n for n in sizes if isinstance(n, int)]
        return tuple(known) if len(known) == len(sizes) else None

    def stored(self, name: str) -> tuple[Any, list[Any]]:
        """Find the tensor that a value is made from, and the operators in between, last first.

        Raises
        ------
        Dynamic
            It depends on the input of the network, or on an operator that is not followed.
        """
        chain: list[Any] = []
        while name not in self.tensors:
            node = self.producers.get(name)
            if node is None:
                raise Dynamic(f"{name!r} is an input of the network")
            if node.op_type not in _COMPUTED or len(chain) > _LONGEST:
                raise Dynamic(f"{name!r} is computed by {node.op_type}")
            chain.append(node)
            name = next(iter(node.input), "")
        return self.tensors[name], chain

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor that is stored, or made from one; none if it is not."""
        try:
            tensor, chain = self.stored(name)
        except Dynamic:
            return ()
        shape = tuple(tensor.dims)
        for node in reversed(chain):
            if node.op_type == "Transpose":
                order = self.attributes(node).integers("perm", tuple(range(len(shape)))[::-1])
                shape = tuple(shape[i] for i in order if -len(shape) <= i < len(shape))
        return shape

    def computed(self, name: str) -> Array:
        """Read a tensor that is stored, or that some operators make of one that is.

        Raises
        ------
        Dynamic
            It depends on the input of the network, or on an operator that is not followed.
        """
        tensor, chain = self.stored(name)
        array = self.array(tensor)
        for node in reversed(chain):
            rest = [self.array(self.tensors[n]) for n in node.input[1:] if n in self.tensors]
            if len(rest) < len(node.input) - 1:
                raise Dynamic(f"{node.output[0]!r} is computed by {node.op_type} of an input")
            try:
                array = _COMPUTED[node.op_type](array, rest, self.attributes(node))
            except (ValueError, IndexError, KeyError, TypeError) as error:
                raise ConvcliError(
                    f"{self.name_of(node)} does not fit its input ({reason(error)}); "
                    f"export the model again"
                ) from None
        return array


class Dynamic(Exception):
    """A tensor is not known before the network runs; the text says why."""


def _cast(array: Array, _rest: list[Array], attrs: Attributes) -> Array:
    from onnx import helper  # noqa: PLC0415

    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(attrs.integer("to", 1)))
    return array.astype(dtype if dtype.kind in "iufcb" else np.float32)


def _transpose(array: Array, _rest: list[Array], attrs: Attributes) -> Array:
    return array.transpose(attrs.integers("perm") or None)


def _dequantize(array: Array, rest: list[Array], attrs: Attributes) -> Array:
    """Undo a linear quantization: of all numbers alike, or of each index of an axis."""
    if attrs.integer("block_size", 0):
        raise Dynamic("its weight is quantized in blocks")
    scale, zero = rest[0], rest[1] if len(rest) > 1 else np.zeros_like(rest[0])
    if scale.size > 1:
        along = [1] * array.ndim
        along[attrs.integer("axis", 1)] = scale.size
        scale, zero = scale.reshape(along), zero.reshape(along)
    made: Array = (array.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
    return made


_COMPUTED = {
    "Identity": lambda array, _rest, _attrs: array,
    "Cast": _cast,
    "Transpose": _transpose,
    "DequantizeLinear": _dequantize,
}


def _constant(node: Any) -> Any:
    """Read the tensor of a ``Constant`` node; an empty one if it holds something else."""
    from onnx import numpy_helper  # noqa: PLC0415

    for attribute in node.attribute:
        if attribute.name == "value":
            return attribute.t
        if attribute.name in ("value_int", "value_ints"):
            values = attribute.i if attribute.name == "value_int" else list(attribute.ints)
            return numpy_helper.from_array(np.array(values, np.int64))
        if attribute.name in ("value_float", "value_floats"):
            values = attribute.f if attribute.name == "value_float" else list(attribute.floats)
            return numpy_helper.from_array(np.array(values, np.float32))
    return numpy_helper.from_array(np.zeros(0, np.float32))


def _parse(path: str) -> Any:
    with open(path, "rb") as stream:  # before a library is imported, which takes a quarter second
        size = os.fstat(stream.fileno()).st_size
        check_installed(f"{path!r}, an ONNX model,", "onnx", "onnx")
        import onnx  # noqa: PLC0415
        from google.protobuf.message import DecodeError  # noqa: PLC0415

        try:
            model = onnx.ModelProto.FromString(skim.skim(stream, size))
        except (DecodeError, skim.Damaged) as error:
            raise ConvcliError(
                f"{path!r} cannot be read as ONNX ({reason(error)}); export the model again"
            ) from None
    if not model.graph.node:
        raise ConvcliError(f"{path!r} has no node of a graph; use a file that onnx.save wrote")
    return model
