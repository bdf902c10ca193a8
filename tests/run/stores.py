"""Stores that tests make, and what they find in them."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray


def make(path: Path | str, data: NDArray[Any], chunks: Any, **options: Any) -> "zarr.Array[Any]":
    """Store an array."""
    made = zarr.create_array(
        str(path), shape=data.shape, dtype=data.dtype, chunks=chunks, **options
    )
    made[...] = data
    return made


def load(path: Path | str) -> NDArray[Any]:
    """Read an array that is stored."""
    return np.asarray(zarr.open_array(str(path), mode="r")[...])


def integers(*shape: int, dtype: str = "float32", seed: int = 0) -> NDArray[Any]:
    """Draw numbers whose sums are exact, so that every method gives the same bytes."""
    return np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)


IMAGE_AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def make_image(
    path: Path | str, data: NDArray[Any], version: int, scale: list[float], axes: Any = None
) -> None:
    """Store an OME-Zarr image with two levels, in Zarr's format 2 (0.4) or 3 (0.5)."""
    axes = IMAGE_AXES[-data.ndim :] if axes is None else axes
    image: dict[str, Any] = {
        "name": "cells",
        "axes": axes,
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [
                    {
                        "type": "scale",
                        "scale": [*scale[:-2], *(each * 2**level for each in scale[-2:])],
                    }
                ],
            }
            for level in range(2)
        ],
    }
    if version == 2:
        attributes: dict[str, Any] = {"multiscales": [{**image, "version": "0.4"}]}
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [image]}}
    group = zarr.create_group(str(path), zarr_format=version, attributes=attributes)  # type: ignore[arg-type]
    for level in range(2):
        part = data[..., :: 2**level, :: 2**level]
        group.create_array(
            str(level), shape=part.shape, dtype=part.dtype, chunks=(*(1,) * (part.ndim - 2), 16, 16)
        )[...] = part


def image_of(path: str) -> Any:
    """Read what the metadata of a group say of its image."""
    attributes: Any = zarr.open_group(path, mode="r").attrs.asdict()
    (image,) = attributes.get("ome", attributes)["multiscales"]
    return image
