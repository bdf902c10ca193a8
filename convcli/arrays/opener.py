"""Opens what a user names: files, pipes, members, generators, literals, named filters."""

import functools
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np

from convcli.arrays import filters, formats, generators, literals
from convcli.arrays.dtypes import Array
from convcli.arrays.sources import InMemory, Source, stream_sources
from convcli.arrays.transfer import FullReads
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import notation
from convcli.streams import Streams, note


class Opener:
    """Opens what is named; random numbers follow from one seed in the order of their use."""

    def __init__(self, streams: Streams, seed: int | None, dims: int | None) -> None:
        """Take the streams, the seed, and the number of axes of filters that leave it open."""
        if seed is not None and seed < 0:
            raise UsageError(f"--seed {seed} must be 0 or more; use --seed 0")
        self._streams = streams
        self._seed = seed
        self._dims = dims
        self._stdin_taken = False
        self._random_filters: dict[tuple[int, ...], InMemory] = {}

    @functools.cached_property
    def _random(
        self,
    ) -> "np.random.Generator":  # a string: evaluating the name imports numpy.random
        return np.random.default_rng(self._seed)

    def inputs(self, spec: str) -> Iterator[Source]:
        """Open an input: a path, ``file::member``, ``-``, or a generator such as ``rand:8x8``."""
        if generators.is_generator(spec):
            yield InMemory(spec, generators.generate(spec, lambda: self._random))
            return
        path, _, member = spec.partition("::")
        if spec == "-":
            if self._stdin_taken:
                raise UsageError("- is named twice, and a pipe can be read once; use a file")
            self._stdin_taken = True
            yield from _arrays(self._streams.stdin.buffer, "-", "standard input")
        elif formats.suffix(path) in formats.READERS:
            yield from formats.read(
                spec, path, member or None, functools.partial(note, self._streams)
            )
        else:
            if member:
                raise UsageError(f"{spec!r}: {path!r} is one array; leave ::{member} out")
            with open(path, "rb", buffering=0) as stream:
                yield from _arrays(stream, path, repr(path))

    def array(self, option: str, spec: str) -> InMemory:
        """Open what must be one array: a filter or a bias."""
        sources = [source.whole() for source in self.inputs(spec)]
        if len(sources) != 1:
            raise ConvcliError(f"{option} {spec!r} holds {len(sources)} arrays; one is needed")
        return sources[0]

    def filter(self, spec: str) -> InMemory:
        """Open a filter: a name, a literal, or whatever an input can be."""
        if literals.is_list(spec):
            return InMemory("literal", literals.parse_list("-k", spec))
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
        if literals.is_list(spec):
            return literals.parse_list("--bias", spec)
        number = literals.parse_scalar("--bias", spec)
        if number is not None:
            return number
        try:
            return self.array("--bias", spec).array
        except FileNotFoundError:
            raise ConvcliError(
                f"--bias {spec!r} is neither a number nor a file; "
                f"write 0.5, [1,2,3], or file::member"
            ) from None

    def random_filter(self, text: str, dims: int) -> InMemory:
        """Draw the filter of a fresh ``nn.Conv2d``: one for all arrays of a command."""
        sizes = notation.parse_only("-f", text, most_axes=None)
        sizes = sizes * dims if len(sizes) == 1 else sizes
        if sizes not in self._random_filters:
            weights = generators.random_weights(text, sizes, self._random)
            name = f"random {notation.format_sizes(sizes)}"
            self._random_filters[sizes] = InMemory(name, weights)
        return self._random_filters[sizes]


def _arrays(stream: BinaryIO, name: str, called: str) -> Iterator[Source]:
    """Read the arrays that follow one another in a stream."""
    # Unbuffered, as files are: what is read goes straight to the array.
    reads = FullReads(getattr(stream, "raw", stream), called)
    return stream_sources(cast("BinaryIO", reads), name, called)
