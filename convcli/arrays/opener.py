"""Opens what a user names: files, pipes, members, generators, literals, named filters."""

import functools
import os
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np

from convcli.arrays import formats, stores
from convcli.arrays.dtypes import Array
from convcli.arrays.files.transfer import FullReads
from convcli.arrays.named import filters, generators, literals
from convcli.arrays.sources.records import Records, sources_together
from convcli.arrays.sources.source import InMemory, Source, stream_sources
from convcli.errors import ConvcliError, UsageError
from convcli.streams import Streams, note


class Gradient(InMemory):
    """Two filters, along x and along y, of whose outputs the magnitude is taken."""

    def __init__(self, name: str, x: Array, y: Array) -> None:
        super().__init__(name, x)
        self.second = y


class Opener:
    """Opens what is named; random numbers follow from one seed in the order of their use."""

    def __init__(self, streams: Streams, seed: int | None, dims: int | None) -> None:
        """Take the streams, the seed, and the number of axes of filters that leave it open."""
        if seed is not None and seed < 0:
            raise UsageError(f"--seed {seed} must be 0 or more; use --seed 0")
        self._streams = streams
        self._seed = seed
        self.used_seed: int | None = None  # once random numbers were drawn
        self._dims = dims
        self._stdin_taken = False
        self._random_filters: dict[tuple[int, ...], InMemory] = {}
        self._random_layers: dict[tuple[int, ...], tuple[InMemory, Array]] = {}

    @functools.cached_property
    def _random(
        self,
    ) -> "np.random.Generator":  # a string: evaluating the name imports numpy.random
        if self._seed is None:
            self._seed = int.from_bytes(os.urandom(4), "little")  # short enough to be typed
        self.used_seed = self._seed
        return np.random.default_rng(self._seed)

    def inputs(self, spec: str) -> Iterator[Source]:
        """Open an input: a path, ``file::member``, ``-``, a literal, or a generator."""
        for source in self.inputs_together(spec, together=0):
            assert not isinstance(source, Records)
            yield source

    def inputs_together(self, spec: str, together: int) -> Iterator[Source | Records]:
        """Open an input as `inputs` does; equal arrays of so many bytes at most may come as one."""
        if generators.is_generator(spec):
            yield InMemory(spec, generators.generate(spec, lambda: self._random))
            return
        if literals.is_list(spec) and not os.path.exists(spec):
            yield InMemory("literal", literals.parse_list("INPUT", spec))
            return
        if stores.is_store(spec):
            yield stores.open_input(spec)
            return
        path, _, member = spec.partition("::")
        if member and not os.path.exists(path) and os.path.exists(spec):
            path, member = spec, ""
        if spec == "-":
            if self._stdin_taken:
                raise UsageError("- is named twice, and a pipe can be read once; use a file")
            self._stdin_taken = True
            yield from self._stream(self._streams.stdin.buffer, "-", "standard input", together)
        elif formats.suffix(path) in formats.READERS:
            yield from formats.read(spec, path, member or None, self.note)
        else:
            with open(path, "rb", buffering=0) as stream:
                if member and formats.suffix(path) == ".npy":
                    raise UsageError(f"{spec!r}: {path!r} is one array; leave ::{member} out")
                if member:
                    raise UsageError(
                        f"{spec!r}: a file has members if it is named .npz, .pt, .safetensors, or "
                        f"as an image; rename {path!r}, or leave ::{member} out"
                    )
                yield from self._stream(stream, path, repr(path), together)

    def note(self, text: str) -> None:
        """Write a line about something that a user may not expect."""
        note(self._streams, text)

    def _stream(
        self, stream: BinaryIO, name: str, called: str, together: int
    ) -> Iterator[Source | Records]:
        """Read what a stream holds: arrays one after another, an image, an archive, or text."""
        # Unbuffered, as files are: what is read goes straight to the array.
        full = FullReads(getattr(stream, "raw", stream), called)
        reads = cast("BinaryIO", full)
        head = reads.read(formats.HEAD)
        kind = formats.sniff(head)
        if kind is None or formats.suffix(name) == ".npy":
            if together:
                yield from sources_together(full, name, called, head, together)
            else:
                yield from stream_sources(reads, name, called, head)
            return
        import io  # noqa: PLC0415  not needed for .npy

        from convcli.arrays.files.spool import Rejoined, spooled  # noqa: PLC0415

        rejoined = Rejoined(head, reads)
        if kind == "text_files":  # read once, in order
            file = cast("BinaryIO", io.BufferedReader(rejoined))
            yield from formats.read(name, called, None, self.note, kind, file)
            return
        with spooled(cast("BinaryIO", rejoined)) as file:
            yield from formats.read(name, called, None, self.note, kind, file)

    def array(self, option: str, spec: str) -> InMemory:
        """Open what must be one array: a filter or a bias."""
        sources = [source.whole() for source in self.inputs(spec)]
        if len(sources) != 1:
            raise ConvcliError(
                f"{option} {spec!r} holds {len(sources)} arrays, and one is needed; name a file "
                f"that holds one"
            )
        return sources[0]

    def filter(self, spec: str) -> InMemory:
        """Open a filter: a name, a literal, or whatever an input can be."""
        if literals.is_list(spec):
            return InMemory("literal", literals.parse_list("-k", spec))
        name = spec.partition(":")[0]
        if name in filters.NAMED:
            return InMemory(spec, filters.named(spec, self._dims))
        if name in filters.PAIRS:
            x, y = filters.pair(spec, self._dims)
            of = " and ".join(filters.PAIRS[name])
            return Gradient(f"{spec} (magnitude of {of})", x, y)
        try:
            return self.array("-k", spec)
        except FileNotFoundError:
            raise ConvcliError(
                f"-k {spec!r} is neither a file nor a filter; {filters.nearest(spec)}"
            ) from None
        except IsADirectoryError:
            raise _directory("-k", spec) from None

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
        except IsADirectoryError:
            raise _directory("--bias", spec) from None

    def random_filter(self, text: str, sizes: tuple[int, ...]) -> InMemory:
        """Draw one filter, see `generators.random_weights`: the same for all arrays."""
        if sizes not in self._random_filters:
            weights = generators.random_weights(text, sizes, self._random)
            self._random_filters[sizes] = InMemory("random", weights)
        return self._random_filters[sizes]

    def random_layer(self, text: str, shape: tuple[int, ...], c_out: int) -> tuple[InMemory, Array]:
        """Draw weights and bias, see `generators.random_layer`: the same for all arrays."""
        if shape not in self._random_layers:
            weights, bias = generators.random_layer(text, shape, c_out, self._random)
            self._random_layers[shape] = InMemory("random", weights), bias
        return self._random_layers[shape]


def _directory(option: str, spec: str) -> ConvcliError:
    return ConvcliError(f"{option} {spec!r} is a directory; name a file in it")
