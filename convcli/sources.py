"""From what a user names to arrays: files, pipes, generators, literals, named filters."""

import json
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from convcli import filters, notation
from convcli.arrays import Array, check_memory, read_arrays
from convcli.errors import ConvcliError, UsageError
from convcli.streams import Streams

GENERATORS = ("rand", "randn", "arange", "ones", "zeros")


class Named(NamedTuple):
    """An array, and what a report calls it."""

    name: str
    array: Array


class Sources:
    """Opens what is named; random numbers follow from one seed in the order of their use."""

    def __init__(self, streams: Streams, seed: int | None) -> None:
        self._streams = streams
        self._seed = seed
        self._random: np.random.Generator | None = None

    @property
    def random(self) -> "np.random.Generator":
        """Random numbers, made when first asked for: naming numpy.random already loads it."""
        if self._random is None:
            self._random = np.random.default_rng(self._seed)
        return self._random

    def inputs(self, spec: str) -> Iterator[Named]:
        """Open an input: a path, ``-``, or a generator such as ``rand:8x8``."""
        if is_generator(spec):
            yield Named(spec, self.generate(spec))
        elif spec == "-":
            for array in read_arrays(self._streams.stdin.buffer, "standard input"):
                yield Named("-", array)
        else:
            with open(spec, "rb") as stream:
                for array in read_arrays(stream, repr(spec)):
                    yield Named(spec, array)

    def filter(self, spec: str) -> Named:
        """Open a filter: a name, a literal, a generator or a path."""
        if spec.lstrip().startswith("["):
            return Named("literal", literal(spec))
        if spec.partition(":")[0] in filters.NAMED:
            return Named(spec, filters.named(spec))
        try:
            arrays = list(self.inputs(spec))
        except FileNotFoundError:
            raise ConvcliError(
                f"-k {spec!r} is neither a file nor a filter; {filters.nearest(spec)}"
            ) from None
        if len(arrays) != 1:
            raise ConvcliError(f"-k {spec!r} holds {len(arrays)} arrays; a filter is one")
        return arrays[0]

    def random_filter(self, text: str, dims: int) -> Named:
        """Make the filter of a fresh ``nn.Conv2d``: uniform within ``±1/sqrt(fan in)``."""
        sizes = notation.parse_only("-f", text)
        sizes = sizes * dims if len(sizes) == 1 else sizes
        if min(sizes) < 1:
            raise UsageError(f"filter size {min(sizes)} must be 1 or more; use -f 1 or more")
        bound = float(np.prod(sizes, dtype=float)) ** -0.5
        weights = self.random.uniform(-bound, bound, sizes).astype(np.float32)
        return Named(f"random {notation.format_sizes(sizes)}", weights)

    def generate(self, spec: str) -> Array:
        """Make an array from a generator: ``rand`` ``randn`` ``ones`` ``zeros`` as in PyTorch."""
        kind, _, text = spec.partition(":")
        shape = notation.parse_only(kind, text)
        if min(shape) < 1:
            raise UsageError(f"{spec!r}: size {min(shape)} must be 1 or more")
        nbytes = math.prod(shape) * 8
        check_memory(f"{spec!r} takes {nbytes:,} bytes", nbytes)
        if kind == "arange":
            return np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)
        if kind == "rand":
            return self.random.random(shape, np.float32)
        if kind == "randn":
            return self.random.standard_normal(shape, np.float32)
        return np.full(shape, float(kind == "ones"), np.float32)


def is_generator(spec: str) -> bool:
    """Tell a generator from a path."""
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind in GENERATORS


def literal(text: str) -> Array:
    """Read nested lists of numbers such as ``[[0,1],[2,3]]``.

    Returns
    -------
    ndarray
        int64 if every number is whole, else float64.
    """
    wrong = UsageError(
        f"-k {text!r} is not a filter: rows of equal length with numbers; write [[0,1],[2,3]]"
    )
    try:
        array = np.array(json.loads(text))
    except (ValueError, RecursionError, OverflowError):
        raise wrong from None
    if array.dtype.kind not in "if" or array.size == 0:
        raise wrong
    return array
