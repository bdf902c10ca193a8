"""Weights in files that ``torch.save`` wrote."""

import errno
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from convcli.arrays import members
from convcli.arrays.dtypes import Array
from convcli.arrays.files.silenced import silenced
from convcli.arrays.formats import Note
from convcli.arrays.memory import check_memory
from convcli.arrays.sources.source import InMemory, Source
from convcli.errors import ConvcliError


def read(
    spec: str, path: str, member: str | None, note: Note, file: BinaryIO | None = None
) -> Iterator[Source]:
    """Read a tensor: of a state dictionary, of a list, or the only one."""
    del note, file  # it is read from a file that has a name
    import torch  # noqa: PLC0415  takes a second

    tensors = _load(path, mapped=False)
    name = members.choose(path, member, list(tensors))
    yield InMemory(spec, _to_array(tensors[name], repr(f"{path}::{name}"), torch))


def members_of(path: str) -> list[members.Member]:
    """List the tensors of a file; their numbers stay in it, unless an old PyTorch wrote it."""
    found = _load(path, mapped=zipfile.is_zipfile(path))
    return [
        members.Member(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in found.items()
    ]


def _load(path: str, mapped: bool) -> dict[str, Any]:
    """Load all tensors, by name; `mapped` ones are read when their numbers are asked for."""
    import torch  # noqa: PLC0415  takes a second

    try:
        # Indices of a sparse tensor that lie outside it would crash the process.
        with silenced(), torch.sparse.check_sparse_tensor_invariants():  # type: ignore[no-untyped-call]
            # Nothing but weights: any other pickle could run code.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        tensors = dict(_tensors(content, "", torch.Tensor))
    except Exception as error:  # a damaged pickle can fail anywhere
        # PyTorch seeks before the start of a truncated archive, which the system refuses.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise ConvcliError(
            _other_kind(path)
            or f"{path!r} cannot be read as weights: it is truncated, damaged, or holds more than "
            f"tensors; save a state_dict with torch.save"
        ) from None
    if not tensors:
        raise ConvcliError(f"{path!r} holds no tensor; save a state_dict with torch.save")
    return tensors


def _other_kind(path: str) -> str:
    """Say what an archive of PyTorch holds in place of weights; empty if that is not known."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return ""
    if any("models/" in name and name.endswith(".json") for name in names):
        return f"{path!r} is an export of PyTorch, not weights; rename it to end in .pt2"
    if any(name.endswith("constants.pkl") for name in names):
        return f"{path!r} is a TorchScript module, not weights; save its state_dict with torch.save"
    return ""


def _tensors(content: Any, name: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Find the tensors in nested dictionaries and lists, by names joined with dots."""
    if isinstance(content, kind):
        yield name or "tensor", content
        return
    entries: Any = ()
    if isinstance(content, Mapping):
        entries = content.items()
    elif isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        entries = enumerate(content)
    for key, value in entries:
        yield from _tensors(value, f"{name}.{key}" if name else str(key), kind)


def _to_array(tensor: Any, called: str, torch: Any) -> Array:
    """Convert a tensor to NumPy: dense, on the CPU, and in a type that NumPy has, exactly."""
    kind = str(tensor.dtype).removeprefix("torch.")
    layout = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
    if tensor.is_meta:
        raise ConvcliError(f"{called} is on the meta device, which holds no numbers; save weights")
    try:
        with silenced():
            nbytes = tensor.numel() * tensor.element_size()
            check_memory(f"{called} takes {nbytes:,} bytes", nbytes)
            tensor = tensor.detach()
            if tensor.is_quantized:
                tensor = tensor.dequantize()
            if tensor.layout != torch.strided:
                tensor = tensor.to_dense()
            if kind == "bfloat16" or kind.startswith("float8"):
                tensor = tensor.float()
            elif kind == "complex32":
                tensor = tensor.to(torch.complex64)
            array: Array = tensor.resolve_conj().resolve_neg().numpy()
            return array
    except (TypeError, RuntimeError, NotImplementedError, ValueError):
        raise ConvcliError(
            f"{called} is a {layout} tensor of {kind}, which has no equal in NumPy; "
            f"save it as a dense float32 tensor"
        ) from None
