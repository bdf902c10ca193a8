"""Formats other than ``.npy``, by the ending of a file's name.

A new format is a module with `read`, `write` or both, and an entry in each table that applies.
"""

import os
import stat
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from convcli.arrays.dtypes import Array
from convcli.arrays.sources import Source
from convcli.errors import check_installed

Note = Callable[[str], None]  # tells the user something they may not expect

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

READERS = {
    ".npz": "npz",
    ".safetensors": "safetensors_files",
    ".pt": "torch_files",
    ".pth": "torch_files",
    **dict.fromkeys(_IMAGES, "images"),
}
WRITERS = dict.fromkeys(_IMAGES, "images")

# Package that has a module which a format needs, and what it is for.
_NEEDS = {
    "images": ("PIL", "pillow", ", an image,"),
    "safetensors_files": ("safetensors", "safetensors", ""),
    "torch_files": ("torch", "torch", ", a PyTorch file,"),
}


def suffix(path: str) -> str:
    """Ending of a path's name, in lower case."""
    return os.path.splitext(path)[1].lower()


def read(spec: str, path: str, member: str | None, note: Note) -> Iterator[Source]:
    """Read an array from a file of a known format.

    Parameters
    ----------
    spec : str
        What the user named, and reports call the array.
    path : str
    member : str, optional
        Which array of a file that holds several.
    note : callable
    """
    _check_readable(path)  # before a library is imported, which may take a second
    sources: Iterator[Source] = _module(READERS, path).read(spec, path, member, note)
    return sources


def write(
    array: Array, layout: str, path: str, from_integers: bool, alpha: Array | None
) -> tuple[bytes, str]:
    """Encode an array in the format of a path.

    Parameters
    ----------
    array : ndarray
    layout : str
        A letter for each of its axes.
    path : str
    from_integers : bool
        Whether it was computed from integers, such as the pixels of an image.
    alpha : ndarray or None
        Transparency of the image that was the input, (rows, columns).

    Returns
    -------
    bytes
    str
        How its values were mapped to those of the format.
    """
    encoded: tuple[bytes, str] = _module(WRITERS, path).write(
        array, layout, path, from_integers, alpha
    )
    return encoded


def check_writable(path: str) -> None:
    """Refuse a path whose format needs a library that is not installed."""
    _check_installed(WRITERS[suffix(path)], path)


def _check_readable(path: str) -> None:
    if not stat.S_ISFIFO(os.stat(path).st_mode):  # a pipe can be opened once
        with open(path, "rb"):
            pass


def _module(table: dict[str, str], path: str) -> Any:
    name = table[suffix(path)]
    _check_installed(name, path)
    return import_module(f"convcli.arrays.{name}")


def _check_installed(name: str, path: str) -> None:
    if name not in _NEEDS:
        return
    module, package, kind = _NEEDS[name]
    check_installed(f"{path!r}{kind}", module, package)
