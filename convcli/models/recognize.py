"""Recognizes files of models and of weights: by the endings of their names, or by their content."""

import os

from convcli.errors import naming_file
from convcli.models import GRAPHS, WEIGHTS

_TEXT = ".layers"
_ONNX, _ZIP = b"\x08", b"PK\x03\x04"  # no text starts so
# The ending of a name in an archive, by which the archive is recognized.
_IN_ZIP = {".json": ".pt2", "data.pkl": ".pt", ".npy": ".npz"}


def file_format(name: str | None) -> str | None:
    """Return the ending of the names of such files; None if it is neither a model nor weights."""
    if name is None or name == "-":
        return None
    ending = os.path.splitext(name)[1].lower()
    if ending in (".pt", ".pth"):  # exports are named so too
        return ".pt2" if _format_of_zip(name) == ".pt2" else ending
    if ending in (*GRAPHS, *WEIGHTS):
        return ending
    return None if ending == _TEXT or not os.path.isfile(name) else _sniffed(name)


def _sniffed(path: str) -> str | None:
    with naming_file(path), open(path, "rb") as file:
        head = file.read(9)
    if head.startswith(_ZIP):
        return _format_of_zip(path) or ".pt2"
    if head[8:] == b"{":  # after the length of the header
        return ".safetensors"
    return ".onnx" if head.startswith(_ONNX) else None


def _format_of_zip(path: str) -> str | None:
    import zipfile  # noqa: PLC0415  for files of models only

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return None
    if not any("models/" in name for name in names):
        names = [name for name in names if not name.endswith(".json")]
    found = (kind for end, kind in _IN_ZIP.items() if any(name.endswith(end) for name in names))
    return next(found, None)
