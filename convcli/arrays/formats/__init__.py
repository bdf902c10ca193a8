"""Formats of files, by the ending of a name or by the first bytes.

A new format is a module with `read`, `writer` or both, and an entry in each table that applies.
"""

import os
import stat
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from convcli.arrays.formats.writers import NpyWriter, Writer
from convcli.arrays.sources.source import Source
from convcli.errors import UsageError, check_installed

if TYPE_CHECKING:  # few files hold several arrays
    from convcli.arrays.members import Member

Note = Callable[[str], None]  # tells the user something they may not expect

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_TEXTS = (".csv", ".tsv", ".txt")

# Module of each format but .npy.
READERS = {
    ".npz": "npz",
    ".safetensors": "safetensors_files",
    ".pt": "torch_files",
    ".pth": "torch_files",
    **dict.fromkeys(_TEXTS, "text_files"),
    **dict.fromkeys(_IMAGES, "images"),
}
WRITERS = {
    ".npz": "npz",
    **dict.fromkeys(_TEXTS, "text_files"),
    **dict.fromkeys(_IMAGES, "image_writer"),
}
OUTPUT_FORMATS = tuple(ending.removeprefix(".") for ending in (".npy", *WRITERS))

# Package that has a module which a format needs, and what it is for.
_NEEDS = {
    **dict.fromkeys(("images", "image_writer"), ("PIL", "pillow", ", an image,")),
    "safetensors_files": ("safetensors", "safetensors", ""),
    "torch_files": ("torch", "torch", ", a PyTorch file,"),
}

# First bytes of what is also read from a pipe. NumPy's own are not here, as they come first.
_MAGIC = {
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8", b"RIFF"), "images"),
    **{f"P{kind}{space}".encode(): "images" for kind in range(1, 7) for space in "\n\r\t "},
    b"PK\x03\x04": "npz",
    **dict.fromkeys((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"), "text_files"),  # Unicode's marks
}
HEAD = 8  # bytes that distinguish formats, as many as .npy begins with


def suffix(path: str) -> str:
    """Ending of a path's name, in lower case."""
    return os.path.splitext(path)[1].lower()


def read(
    spec: str, path: str, member: str | None, note: Note, sniffed: str | None = None,
    file: BinaryIO | None = None,
) -> Iterator[Source]:  # fmt: skip
    """Read an array from a file of a known format.

    Parameters
    ----------
    spec : str
        What the user named, and reports call the array.
    path : str
    member : str, optional
        Which array of a file that holds several.
    note : callable
    sniffed : str, optional
        What `sniff` found; by default the ending of the path decides.
    file : binary file, optional
        What to read in place of the path, which is then only what errors call it.
    """
    if file is None:
        _check_readable(path)  # before a library is imported, which may take a second
    name = sniffed or READERS[suffix(path)]
    _check_installed(name, repr(path) if file is None else path)
    sources: Iterator[Source] = _module(name).read(spec, path, member, note, file)
    return sources


def members(path: str, ending: str) -> "list[Member]":
    """List the arrays of a file that holds several, without reading their numbers.

    Parameters
    ----------
    path : str
    ending : str
        Of the format: ``.npz``, ``.pt``, ``.pth`` or ``.safetensors``.
    """
    _check_readable(path)
    _check_installed(READERS[ending], repr(path))
    found: list[Member] = _module(READERS[ending]).members_of(path)
    return found


def sniff(head: bytes) -> str | None:
    """Find by its first bytes the module that reads a stream; None if that is ``.npy`` or unknown.

    Text of numbers starts with characters that text has; no other format that is read does.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return "text_files"
    return "images" if head.startswith(b"BM") else None


def output_format(path: str | None, asked: str | None) -> str:
    """Choose the format of an output: as asked, or by the ending of its path.

    Parameters
    ----------
    path : str or None
        None for standard output. A path without an ending and what is not a file hold ``.npy``.
    asked : str or None
        As ``--output-format`` names it.

    Returns
    -------
    str
        An ending such as ``.npy``.
    """
    listed = ", ".join(OUTPUT_FORMATS)
    if asked is not None:
        if asked.lower().removeprefix(".") not in OUTPUT_FORMATS:
            raise UsageError(f"--output-format {asked!r} is not a format; write one of {listed}")
        return "." + asked.lower().removeprefix(".")
    ending = suffix(path or "")
    if path is None or ending in ("", ".npy", *WRITERS):
        return ending or ".npy"
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a named pipe
        return ".npy"
    stem = os.path.splitext(path)[0]
    better = stem if suffix(stem) in (".npy", *WRITERS) else f"{stem}.npy"
    raise UsageError(
        f"-o {path}: {ending} is not a format that is written (formats are {listed}); "
        f"write -o {better}, or add --output-format npy"
    )


def check_writable(ending: str, called: str) -> None:
    """Refuse a format that needs a library that is not installed."""
    if ending in WRITERS:
        _check_installed(WRITERS[ending], called)


def is_text(ending: str) -> bool:
    """Whether a format may go to a terminal."""
    return ending in _TEXTS


def is_image(ending: str) -> bool:
    """Whether a format holds pixels."""
    return ending in _IMAGES


def writer(ending: str, stream: BinaryIO, path: str | None) -> Writer:
    """Make what writes a format.

    Parameters
    ----------
    ending : str
        As `output_format` returns it.
    stream : binary file
    path : str or None
        What errors call it; None for standard output.
    """
    if ending == ".npy":
        return NpyWriter(stream, path is not None)
    called = "standard output" if path is None else repr(path)
    _check_installed(WRITERS[ending], called)
    made: Writer = _module(WRITERS[ending]).writer(ending, stream, called)
    return made


def _check_readable(path: str) -> None:
    if not stat.S_ISFIFO(os.stat(path).st_mode):  # a pipe can be opened once
        with open(path, "rb"):
            pass


def _module(name: str) -> Any:
    return import_module(f"convcli.arrays.formats.{name}")


def _check_installed(name: str, called: str) -> None:
    if name not in _NEEDS:
        return
    module, package, kind = _NEEDS[name]
    check_installed(f"{called}{kind}", module, package)
