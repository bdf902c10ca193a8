"""Reads the graph of an ONNX file without its weights, which are most of it.

Protocol buffers nest by length, so that what is not wanted can be stepped over. This knows just
enough of them for that: which fields lead to tensors, and which of a tensor's fields hold its
numbers. The library `onnx` reads what is left.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

HERE = "\0"  # where the numbers of a large tensor are: in the same file; no path can be this

_SMALL = 4096  # bytes of a message that is copied as a whole
_DEEPEST = 60  # messages inside one another; a body of a loop takes three
_MOST = 64 << 20  # bytes of a graph without its weights
_WINDOW = 1 << 16  # bytes that are read at once
_LONGEST = 10  # bytes of a number

# Which fields of each message of onnx.proto hold messages that lead to tensors.
_TENSOR = "tensor"
_FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {},
}
_NUMBERS = frozenset({4, 5, 6, 7, 9, 10, 11})  # fields of a tensor
_FIXED = {1: 8, 5: 4}  # bytes of a field of these wire types


class Damaged(Exception):
    """The bytes are not a model; the text says why."""


class Place(NamedTuple):
    """Where the message of a tensor is in its file."""

    offset: int
    length: int


def skim(stream: BinaryIO, size: int) -> bytes:
    """Copy a model without the numbers of its large tensors.

    Parameters
    ----------
    stream : binary file
        It can seek.
    size : int
        Bytes of the file.

    Returns
    -------
    bytes
        The model; large tensors are external data at `HERE`, where `Place` says.

    Raises
    ------
    Damaged
    """
    return b"".join(_copy(_Window(stream), "model", 0, size, 0))


def place_of(entries: Iterable[tuple[str, str]]) -> Place | None:
    """Find the place of a tensor in its file among its external data; None: not in this file."""
    facts = dict(entries)
    if facts.get("location") != HERE:
        return None
    return Place(int(facts["offset"]), int(facts["length"]))


class _Window:
    """Bytes of a file, read in pieces."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._bytes = b""
        self._start = 0
        self._copied = 0

    def number(self, at: int) -> tuple[int, int]:
        """Read a number of variable length; returns it, and where it ends."""
        if not self._start <= at <= self._start + len(self._bytes) - _LONGEST:
            self._stream.seek(at)
            self._bytes, self._start = self._stream.read(_WINDOW), at
        value = 0
        for i, byte in enumerate(self._bytes[at - self._start :][:_LONGEST]):
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value, at + i + 1
        raise Damaged("a number is cut off")

    def copy(self, begin: int, end: int) -> bytes:
        """Copy what is kept of the file."""
        self._copied += end - begin
        if self._copied > _MOST:
            raise Damaged(f"its graph takes more than {_MOST >> 20} MiB without the weights")
        self._stream.seek(begin)
        return self._stream.read(end - begin)


def _copy(window: _Window, kind: str, begin: int, end: int, depth: int) -> Iterator[bytes]:
    """Copy a message in pieces: what lies between the large ones as it is."""
    fields = _FIELDS[kind]
    at = kept = begin
    while at < end:
        start = at
        key, at = window.number(at)
        number, wire = key >> 3, key & 7
        length = _FIXED.get(wire, 0)
        if wire in (0, 2):
            length, at = window.number(at)
            length *= wire == 2
        elif wire not in _FIXED:
            raise Damaged(f"a field has wire type {wire}")
        stop = at + length
        if stop > end:
            raise Damaged("a part extends past its end")
        inner = fields.get(number) if length >= _SMALL and depth < _DEEPEST else None
        if inner or (kind == _TENSOR and number in _NUMBERS):
            yield window.copy(kept, start)
            kept = stop
        if inner:
            content = b"".join(_copy(window, inner, at, stop, depth + 1))
            if inner == _TENSOR:
                content += _elsewhere(Place(at, length))
            yield _field(number, content)
        at = stop
    yield window.copy(kept, end)


def _elsewhere(place: Place) -> bytes:
    """Write the fields of a tensor that say where its numbers are."""
    facts = {"location": HERE, "offset": str(place.offset), "length": str(place.length)}
    entries = [_field(1, key.encode()) + _field(2, value.encode()) for key, value in facts.items()]
    return b"".join([*(_field(13, entry) for entry in entries), _number(14 << 3), _number(1)])


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
