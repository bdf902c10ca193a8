"""Opens archives that ``torch.export.save`` wrote: a graph as JSON, and weights as plain bytes.

Neither PyTorch nor a pickle is needed, and so nothing in the file is ever run.
"""

import contextlib
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.memory import check_memory
from convcli.errors import ConvcliError, reason

_MOST = 32 << 20  # bytes of a JSON: of its objects in memory there may be twenty times as many

# PyTorch's numbers for types. One that NumPy lacks is read as what has its bits.
_DTYPES = {
    1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f2", 7: "<f4", 8: "<f8",
    10: "<c8", 11: "<c16", 12: "?", 13: "<u2", 28: "<u2", 34: "<u4", 35: "<u8",
}  # fmt: skip
_COMPLEX_HALF, _BFLOAT16 = 9, 13


def itemsize(kind: int) -> int:
    """Return the bytes of a number of a type; of the types beyond the table, of 8 bits, 1."""
    return 4 if kind == _COMPLEX_HALF else np.dtype(_DTYPES.get(kind, "<u1")).itemsize


def operator_of(node: Any) -> str:
    """Name a node's operator: ``conv2d`` of ``torch.ops.aten.conv2d.default``."""
    target = str(node["target"])
    parts = target.split(".")
    return parts[3] if parts[:3] == ["torch", "ops", "aten"] and len(parts) == 5 else target


class Pt2File:
    """The graph of an archive, and its weights.

    Attributes
    ----------
    path : str
    graph : dict
        As PyTorch's ``torch/_export/serde/schema.py`` describes it.
    parameters : dict of str to str
        Values of the graph that are parameters or buffers, by the names that modules have.
    trained : set of str
        Those that are parameters.
    """

    def __init__(self, path: str) -> None:
        """Read the graph.

        Raises
        ------
        ConvcliError
        OSError
        """
        self.path = path
        with self._open() as archive, reporting_damage(repr(path)):
            name = _only(archive, "/models/", ".json")
            module = _read_json(archive, name)["graph_module"]
            self.graph: dict[str, Any] = module["graph"]
            specs = module["signature"]["input_specs"]
            self.parameters = dict(_parameters(specs))
            self.trained = {name for name, _ in _parameters(specs, ("parameter",))}
            self._model = name.rpartition("/")[2].removesuffix(".json")

    def array(self, name: str) -> Array:
        """Read a parameter by the name that its module has; bfloat16 becomes float32.

        Raises
        ------
        ConvcliError
            It is damaged, or of a type that NumPy does not have.
        """
        called = repr(f"{self.path}::{name}")
        with self._open() as archive, reporting_damage(called):
            config = _only(archive, "/data/weights/", f"{self._model}_weights_config.json")
            facts = _read_json(archive, config)["config"][name]
            if facts["use_pickle"]:  # which could run code
                raise ConvcliError(
                    f"{called} is stored as a pickle, which is never read; export plain tensors"
                )
            return _tensor(archive, config.rpartition("/")[0] + "/", facts, called)

    @contextlib.contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        with open(self.path, "rb") as stream:
            with reporting_damage(repr(self.path)):
                archive = zipfile.ZipFile(stream)
            with archive:
                yield archive


@contextlib.contextmanager
def reporting_damage(called: str) -> Iterator[None]:
    """Turn what reading a damaged archive raises into one line."""
    try:
        yield
    except (ConvcliError, OSError, MemoryError):
        raise
    except Exception as error:  # zipfile and decompressors raise many kinds; JSON may hold anything
        raise ConvcliError(
            f"{called} cannot be read as an export of PyTorch ({reason(error)}); "
            f"write it with torch.export.save of PyTorch 2.8 or later"
        ) from None


def _only(archive: zipfile.ZipFile, inside: str, ending: str) -> str:
    """Find the one member in a folder of the archive; the folder may be in another."""
    found = [name for name in archive.namelist() if inside in name and name.endswith(ending)]
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} members {inside.lstrip('/')}*{ending}")
    return found[0]


def _read_json(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as stream:
        data = stream.read(_MOST + 1)
    if len(data) > _MOST:
        raise ValueError(f"{name} has more than {_MOST >> 20} MiB")
    return json.loads(data)


def _parameters(
    specs: list[Any], kinds: Sequence[str] = ("parameter", "buffer", "tensor_constant")
) -> Iterator[tuple[str, str]]:
    for spec in specs:
        for kind in kinds:
            if kind in spec:
                yield spec[kind]["arg"]["name"], spec[kind][f"{kind}_name"]


def _tensor(archive: zipfile.ZipFile, folder: str, facts: Any, called: str) -> Array:
    meta = facts["tensor_meta"]
    kind = meta["dtype"]
    if kind not in _DTYPES:
        raise ConvcliError(f"{called} holds a type that NumPy does not have; save it as float32")
    dtype = np.dtype(_DTYPES[kind])
    sizes, strides = ([part["as_int"] for part in meta[key]] for key in ("sizes", "strides"))
    info = archive.getinfo(folder + facts["path_name"])
    if math.prod(sizes) * dtype.itemsize > info.file_size:
        raise ValueError(f"{info.file_size} bytes hold no {'x'.join(map(str, sizes))} numbers")
    check_memory(f"{called} takes {info.file_size:,} bytes", info.file_size)
    with archive.open(info) as stream:
        data = stream.read()
    offset = meta["storage_offset"]["as_int"] * dtype.itemsize
    array: Array = np.ndarray(
        sizes, dtype, data, offset, [stride * dtype.itemsize for stride in strides]
    )
    if kind == _BFLOAT16:  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array
