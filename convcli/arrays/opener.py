"""Opens what a user names: files, pipes, members, generators, literals, named filters."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from convcli.arrays import filters, formats
from convcli.arrays.dtypes import Array
from convcli.arrays.memory import MOST_AXES, check_memory, check_shape
from convcli.arrays.sources import InMemory, Source, stream_sources
from convcli.arrays.transfer import FullReads
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import notation
from convcli.streams import Streams

GENERATORS = ("rand", "randn", "arange", "ones", "zeros")


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
            name = "standard input"
            whole = FullReads(getattr(stdin, "raw", stdin), name)
            yield from stream_sources(whole, "-", name)  # type: ignore[arg-type]
        elif formats.suffix(path) in formats.READERS:
            yield from formats.read(spec, path, member or None)
        else:
            if member:
                raise UsageError(f"{spec!r}: {path!r} is one array; leave ::{member} out")
            with open(path, "rb", buffering=0) as stream:
                whole = FullReads(stream, repr(path))
                yield from stream_sources(whole, path, repr(path))  # type: ignore[arg-type]

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
        digits = spec.strip().lstrip("+-")
        if not digits.isdecimal():
            return np.array(number)
        if len(digits) > 4000 or abs(int(spec)) >= 2**63:  # Python reads at most 4300 digits
            shown = spec if len(spec) <= 40 else f"{spec[:20]}... ({len(digits)} digits)"
            raise UsageError(f"--bias {shown} does not fit int64; write it as a float: {number:g}")
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
    check_shape(what, shape)
    nbytes = math.prod(shape) * 8
    check_memory(f"{what} takes {nbytes:,} bytes", nbytes)


def _is_generator(spec: str) -> bool:
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind in GENERATORS


def literal(option: str, text: str) -> Array:
    """Read nested lists of numbers such as ``[[0,1],[2,3]]``.

    Returns
    -------
    ndarray
        int64 if every number is whole, else float64.
    """
    import json  # noqa: PLC0415

    wrong = UsageError(
        f"{option} {text!r} is not an array: rows of equal length with numbers; write [[0,1],[2,3]]"
    )
    opening = text.replace(" ", "")
    if len(opening) - len(opening.lstrip("[")) > MOST_AXES:
        raise UsageError(f"{option} has more than {MOST_AXES} axes; write fewer brackets")
    try:
        array = np.array(json.loads(text))
    except (ValueError, RecursionError, OverflowError):
        raise wrong from None
    if array.dtype.kind in "uO" and array.size:
        raise UsageError(f"{option} {text!r} has numbers beyond int64; write them as floats")
    if array.dtype.kind not in "if" or array.size == 0:
        raise wrong
    return array
