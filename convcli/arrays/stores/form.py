"""How a new array is stored, and which parts of it are there."""

import os
import re
from typing import Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.sync import sync

from convcli import __version__
from convcli.arrays.dtypes import DType
from convcli.arrays.stores import StoreName, ome

CREATOR = {"name": "convcli", "version": __version__}
LEVEL = "0"  # the path of an image's only level


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
    separator : str or None
        Between the numbers of a chunk's name; None as the format has it.
    names : sequence of str or None
        Of the axes.
    level : Level or None
        Of an image, whose only level the array is.
    """

    shape: tuple[int, ...]
    dtype: DType
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None
    compressors: Any = "auto"
    version: int = 3
    separator: str | None = None
    names: tuple[str | None, ...] | None = None
    level: ome.Level | None = None

    @property
    def unit(self) -> tuple[int, ...]:
        """What is written at once: a shard, or a chunk."""
        return self.shards or self.chunks

    @property
    def grid(self) -> tuple[int, ...]:
        """How many units there are along each axis."""
        return tuple(-(-n // k) for n, k in zip(self.shape, self.unit, strict=True))


def create(name: StoreName, form: Form, attributes: dict[str, Any], overwrite: bool) -> None:
    """Make an array without chunks, and for a level of an image its group.

    Parameters
    ----------
    name : StoreName
    form : Form
    attributes : dict
    overwrite : bool
        What is there is removed.
    """
    extra: dict[str, Any] = {}
    if form.separator is not None:
        kind = "v2" if form.version == 2 else "default"
        extra["chunk_key_encoding"] = {"name": kind, "separator": form.separator}
    if form.names is not None and form.version == 3:
        extra["dimension_names"] = form.names
    elif form.names is not None and form.level is None:
        attributes = {**attributes, "_ARRAY_DIMENSIONS": list(form.names)}
    if form.level is not None:
        zarr.create_group(
            name.url,
            path=name.path.rpartition("/")[0],
            zarr_format=form.version,  # type: ignore[arg-type]
            attributes=ome.attributes(form.level, LEVEL, CREATOR),
            overwrite=overwrite,
        )
    zarr.create_array(
        name.url,
        name=name.path or None,
        shape=form.shape,
        dtype=form.dtype,
        chunks=form.chunks,
        shards=form.shards,
        compressors=form.compressors,
        zarr_format=form.version,  # type: ignore[arg-type]
        attributes=attributes,
        overwrite=overwrite,
        **extra,
    )


_KEY = re.compile(r"(?:c[./])?([0-9]+(?:[./][0-9]+)*)")


def find_done(name: StoreName, form: Form) -> NDArray[np.bool_]:
    """Find which units of an array are there, by the names of its chunks."""
    done = np.zeros(form.grid, bool)
    array = zarr.open_array(name.url, path=name.path, mode="r")
    prefix = f"{array.path}/" if array.path else ""

    async def look() -> None:
        async for key in array.store.list_prefix(prefix):
            found = _KEY.fullmatch(key.removeprefix(prefix))
            index = tuple(map(int, re.split("[./]", found[1]))) if found else ()
            inside = len(index) == done.ndim and all(
                k < n for k, n in zip(index, form.grid, strict=True)
            )
            # A machine that crashed may have left a name without contents.
            if inside and (name.is_url or os.path.getsize(os.path.join(name.url, key))):
                done[index] = True

    sync(look())
    return done
