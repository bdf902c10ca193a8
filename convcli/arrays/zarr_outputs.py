"""Outputs in stores: written beside their place, which they take once they are whole."""

import os
import shutil
from typing import Any, NamedTuple

import zarr

from convcli.arrays.dtypes import DType
from convcli.arrays.stores import StoreName
from convcli.arrays.zarr_arrays import StoredArray, _opened


class Form(NamedTuple):
    """How an array is stored.

    Attributes
    ----------
    shape, chunks : tuple of int
    shards : tuple of int or None
        What is written at once, if not a chunk.
    dtype : dtype
    compressors : sequence or "auto"
        As the library has them.
    version : 2 or 3
        Of Zarr's format.
    """

    shape: tuple[int, ...]
    dtype: DType
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None
    compressors: Any = "auto"
    version: int = 3

    @property
    def unit(self) -> tuple[int, ...]:
        """What is written at once: a shard, or a chunk."""
        return self.shards or self.chunks


class NewArray:
    """An array that is written, and then takes the place of another."""

    def __init__(self, name: StoreName, form: Form) -> None:
        self._final = os.path.join(name.url, name.path) if name.path else name.url
        folder, base = os.path.split(os.path.abspath(self._final))
        self._part = os.path.join(folder, f".{base}.partial")
        shutil.rmtree(self._part, ignore_errors=True)
        _opened.cache_clear()
        zarr.create_array(
            self._part,
            shape=form.shape,
            dtype=form.dtype,
            chunks=form.chunks,
            shards=form.shards,
            compressors=form.compressors,
            zarr_format=form.version,  # type: ignore[arg-type]
        )
        self.stored = StoredArray(StoreName(self._part))

    def commit(self) -> None:
        """Take the place of the old array."""
        old = f"{self._part}.old"
        if os.path.exists(self._final):
            os.rename(self._final, old)
        os.rename(self._part, self._final)
        shutil.rmtree(old, ignore_errors=True)
