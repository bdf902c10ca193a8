"""From what a user names to arrays: files, pipes, members, generators, literals, named filters."""

import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

import numpy as np

from convcli import files, filters, notation
from convcli.arrays import (
    Array,
    Header,
    check_memory,
    read_body,
    read_headers,
    read_into,
)
from convcli.dtypes import DType
from convcli.errors import ConvcliError, UsageError
from convcli.streams import Streams

GENERATORS = ("rand", "randn", "arange", "ones", "zeros")


class Source(Protocol):
    """An input array that is taken image by image, or row by row of an image, in order.

    Images are the parts that stand one after another along the first axes, as many of them as
    the operation leaves apart.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    layout: str | None

    def images(self, lead: int, count: int) -> Array:
        """Take the next `count` images, as (count, *the axes after the first `lead`)."""

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image by the rows they need; yields (first row, the rows)."""

    def whole(self) -> "InMemory":
        """Take all of it."""

    def finish(self) -> None:
        """Pass over what was not taken, so that the next array can be read."""


class InMemory:
    """An array that is there."""

    def __init__(self, name: str, array: Array, layout: str | None = None) -> None:
        self.name = name
        self.array = array
        self.layout = layout
        self.shape = array.shape
        self.dtype = array.dtype
        self._next = 0

    def images(self, lead: int, count: int) -> Array:
        """Take the next images."""
        images = self.array.reshape(-1, *self.shape[lead:])
        self._next += count
        return images[self._next - count : self._next]

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image."""
        (image,) = self.images(lead, 1)
        for need in needs:
            yield need.start, image[need.start : need.stop]

    def whole(self) -> "InMemory":
        """Take all of it, from the start again."""
        return InMemory(self.name, self.array, self.layout)

    def finish(self) -> None:
        """Nothing is left behind."""


class OnStream:
    """An array that is still to come, from a file or a pipe; in C order."""

    layout: str | None = None

    def __init__(self, name: str, called: str, header: Header, stream: BinaryIO) -> None:
        """Take what a report calls it, and what an error does."""
        self.name = name
        self._called = called
        self.shape = header.shape
        self.dtype = header.dtype
        self._header = header
        self._stream = stream
        self._left = header.nbytes

    def images(self, lead: int, count: int) -> Array:
        """Take the next images."""
        return self._read(np.empty((count, *self.shape[lead:]), self.dtype))

    def rows(self, lead: int, needs: Sequence[range]) -> Iterator[tuple[int, Array]]:
        """Take parts of the next image; only the rows that are needed again are kept."""
        n, *row = self.shape[lead:]
        keep = [need.start for need in needs]
        for i in range(len(needs) - 2, -1, -1):  # what a later part needs must stay
            keep[i] = min(keep[i], keep[i + 1])
        start = stop = 0  # the rows that are held
        held, spare = (np.empty((0, *row), self.dtype) for _ in range(2))
        for first, need in zip(keep, needs, strict=True):
            size = max(need.stop, stop) - first
            # What was given out last may still be in use: the next goes to other memory.
            held, spare = spare, held
            if size > len(held):
                held = np.empty((size, *row), self.dtype)
            kept = max(stop - first, 0)
            held[:kept] = spare[first - start : first - start + kept]
            if first > stop:
                self._skip((first - stop) * math.prod(row) * self.dtype.itemsize)
            self._read(held[kept:size])
            start, stop = first, first + size
            yield start, held[:size]
        self._skip((n - stop) * math.prod(row) * self.dtype.itemsize)

    def whole(self) -> InMemory:
        """Read all of it."""
        self._left = 0
        return InMemory(self.name, read_body(self._header, self._stream, self._called))

    def finish(self) -> None:
        """Pass over what was not taken."""
        self._skip(self._left)

    def _read(self, array: Array) -> Array:
        read_into(array, self._stream, self._called)
        self._left -= array.nbytes
        return array

    def _skip(self, nbytes: int) -> None:
        scrap = np.empty(min(nbytes, 1 << 20), np.uint8)
        while nbytes > 0:
            self._left -= len(scrap[:nbytes])
            read_into(scrap[:nbytes], self._stream, self._called)
            nbytes -= len(scrap)


class Opener:
    """Opens what is named; random numbers follow from one seed in the order of their use."""

    def __init__(self, streams: Streams, seed: int | None, dims: int | None) -> None:
        """Take the streams, the seed, and the number of axes of filters that leave it open."""
        if seed is not None and seed < 0:
            raise UsageError(f"--seed {seed} must be 0 or more; use --seed 0")
        self._streams = streams
        self._seed = seed
        self._dims = dims
        self._random: np.random.Generator | None = None
        self._stdin_taken = False
        self._random_filters: dict[tuple[int, ...], InMemory] = {}

    @property
    def random(self) -> "np.random.Generator":
        """Random numbers, made when first asked for: naming numpy.random already loads it."""
        if self._random is None:
            self._random = np.random.default_rng(self._seed)
        return self._random

    def inputs(self, spec: str) -> Iterator[Source]:
        """Open an input: a path, ``file::member``, ``-``, or a generator such as ``rand:8x8``."""
        if _is_generator(spec):
            yield InMemory(spec, self.generate(spec))
            return
        path, _, member = spec.partition("::")
        if spec == "-":
            if self._stdin_taken:
                raise UsageError("- is named twice, and a pipe can be read once; use a file")
            self._stdin_taken = True
            # Unbuffered, as files are: what is read goes straight to the array.
            stdin = self._streams.stdin.buffer
            yield from _stream_sources(getattr(stdin, "raw", stdin), "-", "standard input")
        elif files.suffix(path) in files.READERS:
            yield InMemory(spec, *files.load(path, member or None))
        else:
            if member:
                raise UsageError(f"{spec!r}: {path!r} is one array; leave ::{member} out")
            with open(path, "rb", buffering=0) as stream:
                yield from _stream_sources(stream, path, repr(path))

    def array(self, option: str, spec: str) -> InMemory:
        """Open what must be one array: a filter or a bias."""
        sources = [source.whole() for source in self.inputs(spec)]
        if len(sources) != 1:
            raise ConvcliError(f"{option} {spec!r} holds {len(sources)} arrays; one is needed")
        return sources[0]

    def filter(self, spec: str) -> InMemory:
        """Open a filter: a name, a literal, or whatever an input can be."""
        if spec.lstrip().startswith("["):
            return InMemory("literal", literal("-k", spec))
        if spec.partition(":")[0] in filters.NAMED:
            return InMemory(spec, filters.named(spec, self._dims))
        try:
            return self.array("-k", spec)
        except FileNotFoundError:
            raise ConvcliError(
                f"-k {spec!r} is neither a file nor a filter; {filters.nearest(spec)}"
            ) from None

    def bias(self, spec: str) -> Array:
        """Open a bias: a number, a literal list, or whatever an input can be."""
        if spec.lstrip().startswith("["):
            return literal("--bias", spec)
        try:
            number = float(spec)
        except ValueError:
            return self._bias_array(spec)
        if not spec.lstrip("+-").isdigit():
            return np.array(number)
        if abs(int(spec)) >= 2**63:
            raise UsageError(f"--bias {spec} does not fit int64; write it as a float: {number:g}")
        return np.array(int(spec))

    def _bias_array(self, spec: str) -> Array:
        try:
            return self.array("--bias", spec).array
        except FileNotFoundError:
            raise ConvcliError(
                f"--bias {spec!r} is neither a number nor a file; "
                f"write 0.5, [1,2,3], or file::member"
            ) from None

    def random_filter(self, text: str, dims: int) -> InMemory:
        """Make the filter of a fresh ``nn.Conv2d``: uniform within ``±1/sqrt(fan in)``."""
        sizes = notation.parse_only("-f", text)
        sizes = sizes * dims if len(sizes) == 1 else sizes
        if sizes in self._random_filters:  # one layer for all that is convolved
            return self._random_filters[sizes]
        if min(sizes) < 1:
            raise UsageError(f"filter size {min(sizes)} must be 1 or more; use -f 1 or more")
        _check_room(f"-f {text}", sizes)
        bound = math.prod(sizes) ** -0.5
        weights = self.random.uniform(-bound, bound, sizes).astype(np.float32)
        filter_ = InMemory(f"random {notation.format_sizes(sizes)}", weights)
        self._random_filters[sizes] = filter_
        return filter_

    def generate(self, spec: str) -> Array:
        """Make an array from a generator: ``rand`` ``randn`` ``ones`` ``zeros`` as in PyTorch."""
        kind, _, text = spec.partition(":")
        if not text:
            raise UsageError(f"{spec!r} has no size; write one such as {kind}:8x8")
        shape = notation.parse_only(repr(spec), text)
        if min(shape) < 1:
            raise UsageError(f"{spec!r}: size {min(shape)} must be 1 or more")
        _check_room(repr(spec), shape)
        if kind == "arange":
            return np.arange(math.prod(shape)).reshape(shape)
        if kind == "rand":
            return self.random.random(shape, np.float32)
        if kind == "randn":
            return self.random.standard_normal(shape, np.float32)
        return np.full(shape, float(kind == "ones"), np.float32)


def _check_room(what: str, shape: Sequence[int]) -> None:
    nbytes = math.prod(shape) * 8
    check_memory(f"{what} takes {nbytes:,} bytes", nbytes)


def _is_generator(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind in GENERATORS


def _stream_sources(stream: BinaryIO, name: str, called: str) -> Iterator[Source]:
    for header in read_headers(stream, called):
        source: Source = OnStream(name, called, header, stream)
        if header.fortran:  # its rows do not stand one after another
            source = source.whole()
        yield source
        source.finish()


def literal(option: str, text: str) -> Array:
    """Read nested lists of numbers such as ``[[0,1],[2,3]]``.

    Returns
    -------
    ndarray
        int64 if every number is whole, else float64.
    """
    import json  # noqa: PLC0415

    wrong = UsageError(
        f"{option} {text!r} is no array: rows of equal length with numbers; write [[0,1],[2,3]]"
    )
    try:
        array = np.array(json.loads(text))
    except (ValueError, RecursionError, OverflowError):
        raise wrong from None
    if array.dtype.kind in "uO" and array.size:
        raise UsageError(f"{option} {text!r} has numbers beyond int64; write them as floats")
    if array.dtype.kind not in "if" or array.size == 0:
        raise wrong
    return array
