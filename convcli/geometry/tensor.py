"""A value that flows through a network: its shape, and what its numbers depend on."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.index_map import Blocks, IndexMap
from convcli.geometry.receptive_field import (
    INPUT,
    Budget,
    Phases,
    Reach,
    extend,
    join,
)

_MAX_STRIDE = 10**18  # of a whole network


class Track(NamedTuple):
    """One spatial axis of the network's input, followed through the network.

    `axis` is the axis of the tensor that carries it: index ``o`` along that axis depends on the
    pixels ``reach.at(o)``. Where it is None (after flattening), every number of the tensor depends
    on the same pixels, those of ``reach.at(0)``. `size` is the size of the network's input.
    """

    axis: int | None
    reach: Reach
    size: int
    budget: Budget

    def through(self, map_: IndexMap) -> "Track":
        """Follow the axis through an operation that reads it so."""
        reach = extend(self.reach, map_, self.budget)
        if max(abs(reach.advance), reach.period) > _MAX_STRIDE:
            raise UsageError(
                "the product of the strides so far is larger than 10^18; use -s 1 or fewer layers"
            )
        return self._replace(reach=self._whole(reach))

    def collapsed(self, count: int, axis: int | None = None) -> "Track":
        """Follow it through an operation of which each number reads all `count` indices.

        `axis` is the axis of the result that carries it, if any.
        """
        return self.through(Blocks(1, step=0, width=count))._replace(axis=axis)

    def joined(self, others: Sequence["Track"], count: int) -> "Track":
        """Join branches, each of `count` outputs, of which some may be flat."""
        tracks = [self, *others]
        flat = [track for track in tracks if track.covers_all]
        if flat:
            return self._replace(reach=flat[0].reach)
        reach = join([track.reach for track in tracks], count, self.budget)
        return self._replace(reach=self._whole(reach))

    @property
    def covers_all(self) -> bool:
        """Whether every output depends on the whole image."""
        return self.reach == self._everything

    @property
    def _everything(self) -> Phases:
        return Phases(1, 0, ((0, self.size - 1),))

    def _whole(self, reach: Reach) -> Reach:
        """Cut at the borders what is the same for all outputs and covers all of the image."""
        if reach.advance == 0 and isinstance(reach, Phases):
            last = self.size - 1
            if all(span and span[0] <= 0 and span[1] >= last for span in reach.spans):
                return self._everything
        return reach


class Tensor(NamedTuple):
    """The shape of a value, as its file has it, and what its numbers depend on.

    Images of a text are ``(1, channels, *sizes)``; channels that are not known are None. There is
    a track for each spatial axis of the network's input; a constant has none.
    """

    shape: tuple[int | None, ...]
    tracks: tuple[Track, ...] = ()
    itemsize: int = 4  # bytes of a number

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the axes that carry an axis of the input."""
        axes = [track.axis for track in self.tracks if track.axis is not None]
        return tuple([self.size(axis) for axis in axes])

    @property
    def channels(self) -> int | None:
        """The numbers at each place, without the batch (axis 0); None where not known."""
        carried = {track.axis for track in self.tracks}
        rest = [n for axis, n in enumerate(self.shape) if axis and axis not in carried]
        return product(rest)

    @property
    def elements(self) -> int | None:
        """How many numbers it has."""
        return product(self.shape)

    @property
    def bytes(self) -> int | None:
        """Memory that it takes."""
        elements = self.elements
        return None if elements is None else elements * self.itemsize

    def size(self, axis: int) -> int:
        """Return the size of one axis, which must be known."""
        found = self.shape[axis]
        if found is None:
            raise UsageError("the number of channels is not known here; give the input's with -c 3")
        return found

    def tracks_on(self, axis: int) -> tuple[int, ...]:
        """Return which tracks an axis carries."""
        return tuple([i for i, track in enumerate(self.tracks) if track.axis == axis])


def image(
    n: Sequence[int], c: int | None, batch: int = 1, itemsize: int = 4, channels_last: bool = False
) -> Tensor:
    """Make the input of a network, of `n` pixels and `c` channels."""
    budget = Budget()
    first = 1 if channels_last else 2
    tracks = tuple([Track(first + i, INPUT, size, budget) for i, size in enumerate(n)])
    shape = (batch, *n, c) if channels_last else (batch, c, *n)
    return Tensor(shape, tracks, itemsize)


def product(sizes: Sequence[int | None]) -> int | None:
    """Multiply sizes; None if one is not known."""
    known = [n for n in sizes if n is not None]
    return prod(known) if len(known) == len(sizes) else None


def follow_axes(
    tracks: Sequence[Track], maps: dict[int, IndexMap], moved: dict[int, int] | None = None
) -> tuple[Track, ...]:
    """Follow tracks through an operation that reads some axes of its input by a map.

    `moved` names the axis of the output for each axis of the input, where they differ.
    """
    followed: list[Track] = []
    done: dict[tuple[Reach, IndexMap, int], Track] = {}  # often all axes are alike
    for track in tracks:
        axis = track.axis
        if axis is not None and axis in maps:
            key = (track.reach, maps[axis], track.size)
            if key not in done:
                done[key] = track.through(maps[axis])
            track = done[key]._replace(axis=axis)  # noqa: PLW2901
        if moved is not None and axis is not None:
            track = track._replace(axis=moved[axis])  # noqa: PLW2901
        followed.append(track)
    return tuple(followed)
