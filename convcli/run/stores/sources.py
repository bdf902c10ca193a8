"""Inputs whose boxes are read in any order, each with a name by which another process finds it."""

import hashlib
import os
from typing import Any

import numpy as np

from convcli.arrays.box import Box, slices
from convcli.arrays.dtypes import Array
from convcli.arrays.sources.source import InMemory, OnStream, Source
from convcli.arrays.stores.zarr_array import StoredSource
from convcli.errors import UsageError
from convcli.run.stores.task import Boxes


class NpyFile:
    """An array in a file on this machine."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        found = os.stat(path)
        self.identity: list[Any] = [self._path, found.st_size, found.st_mtime_ns]

    def read(self, box: Box, out: Array) -> Array:
        """Read a box: the file is mapped for as long as that takes."""
        np.copyto(out, np.load(self._path, mmap_mode="r")[slices(box)])
        return out


class InMemoryBoxes:
    """An array in memory, which another process gets with each task."""

    def __init__(self, array: Array) -> None:
        self.array = array

    @property
    def identity(self) -> list[Any]:
        """A digest of its numbers."""
        data = np.ascontiguousarray(self.array).reshape(-1)
        return [
            self.array.shape,
            str(data.dtype),
            hashlib.sha256(data.view(np.uint8).data).hexdigest(),
        ]

    def read(self, box: Box, _out: Array) -> Array:
        """View a box."""
        return self.array[slices(box)]


def boxes_of(source: Source) -> Boxes:
    """Make a source of boxes: of a store and a file by their names, of all else in memory."""
    if isinstance(source, StoredSource):
        return source.stored
    if isinstance(source, OnStream) and source.in_own_file and os.path.isfile(source.name):
        if source.followed:
            raise UsageError(
                f"{source.name!r} holds several arrays, and a store is made of one; write to a "
                f"file, such as -o y.npy"
            )
        return NpyFile(source.name)
    if isinstance(source, InMemory):
        return InMemoryBoxes(source.array)
    return InMemoryBoxes(source.whole().array)
