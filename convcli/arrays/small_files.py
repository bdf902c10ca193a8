"""Equal small ``.npy`` files that follow one another among the inputs, read as one array."""

import os
import stat
from collections.abc import Iterator, Sequence

import numpy as np

from convcli.arrays import formats
from convcli.arrays.dtypes import Array
from convcli.arrays.named import generators, literals
from convcli.arrays.sources.npy import Header, read_headers
from convcli.arrays.sources.records import Records
from convcli.errors import ConvcliError

_MOST_BYTES = 1 << 22  # that are read together: larger arrays gain nothing
_MOST_FILES = 256

Group = tuple[Sequence[str], Records | None]


def in_groups(specs: Sequence[str], most_bytes: int) -> Iterator[Group]:
    """Read what can be read together; all other inputs are left for `opener.Opener`.

    Parameters
    ----------
    specs : sequence of str
        The inputs as named.
    most_bytes : int
        Of the files that are read together.

    Yields
    ------
    names : sequence of str
        Some inputs, in order.
    records : Records or None
        Their arrays. None of a single input: it is anything else, or cannot be read. Nothing is
        read before it, as its array may have to be drawn or reported first. Their memory is
        used again for the next ones.
    """
    start, space = 0, np.empty(min(most_bytes, _MOST_BYTES), np.uint8)
    while start < len(specs):
        names = _of_one_size(specs, start, len(space))
        records = _read(names, space) if len(names) > 1 else None
        names = names[: len(records.arrays)] if records is not None else specs[start : start + 1]
        yield names, records
        start += len(names)


def _of_one_size(specs: Sequence[str], start: int, most_bytes: int) -> Sequence[str]:
    """Take ``.npy`` files that follow one another and have one size; none if it is large."""
    size = _size(specs[start])
    stop = min(start + most_bytes // size, start + _MOST_FILES, len(specs)) if size else start
    for k in range(start + 1, stop):
        if _size(specs[k]) != size:
            return specs[start:k]
    return specs[start:stop]


def _size(spec: str) -> int:
    """Bytes of a regular ``.npy`` file; 0 of any other input."""
    if formats.suffix(spec) != ".npy" or "::" in spec:
        return 0
    if generators.is_generator(spec) or literals.is_list(spec):
        return 0
    try:
        found = os.stat(spec)
    except (OSError, ValueError):
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _read(names: Sequence[str], space: Array) -> Records | None:
    """Read the first files whose headers are equal, at least two, with one array in each."""
    header = _header(names[0])
    if header is None:
        return None
    raw = header.raw
    size = len(raw) + header.nbytes
    memory = space[: len(names) * size].reshape(len(names), size)
    count = 0
    for name, row in zip(names, memory, strict=True):
        if not _fill(row, name) or row[: len(raw)].tobytes() != raw:
            break
        count += 1
    return Records(names[0], header, memory[:count]) if count > 1 else None


def _header(name: str) -> Header | None:
    """Read the header of a file that holds one array in C order."""
    try:
        with open(name, "rb", buffering=0) as stream:
            header = next(read_headers(stream, name))
            size = os.fstat(stream.fileno()).st_size
    except (OSError, ConvcliError):  # reported when the file is opened by itself
        return None
    single = size == len(header.raw) + header.nbytes
    return header if single and header.nbytes and not header.fortran else None


def _fill(row: Array, name: str) -> bool:
    """Read a whole file; returns False if it is shorter or cannot be read."""
    try:
        with open(name, "rb", buffering=0) as stream:
            return stream.readinto(row.data) == len(row)
    except OSError:
        return False
