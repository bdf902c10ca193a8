"""A value that flows through a network: its shape, and what its numbers depend on."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.index_map import Blocks, IndexMap
from convcli.geometry.network.receptive_field import (
    INPUT,
    Bound,
    Budget,
    Field,
    Phases,
    Reach,
    extend,
    join,
    lay_out,
)

_MAX_STRIDE = 10**18  # of a whole network


class Track(NamedTuple):
    """One spatial axis of the network's input, followed through the network.

    `axis` is the axis of the tensor that carries it: index ``o`` along that axis depends on the
    pixels ``reach.at(o)``. Where it is None (after global pooling, or flattening), all numbers
    depend on the same pixels, those of ``reach.at(0)``.

    Numbers may depend on fewer pixels, by their place along the axes `hidden`: after flattening,
    that of the flat numbers. Once an operation reads all of a hidden axis, the reach is exact.

    `size` is the size of the network's input.
    """

    axis: int | None
    reach: Reach
    size: int
    budget: Budget
    hidden: tuple[int, ...] = ()

    def through(self, map_: IndexMap) -> "Track":
        """Follow the axis through an operation that reads it so."""
        return self._with(extend(self.reach, map_, self.budget))

    def on(self, axis: int | None, hidden: Iterable[int] | None = None) -> "Track":
        """Return it on another axis of the tensor, perhaps with other hidden ones."""
        return self._replace(axis=axis, hidden=self.hidden if hidden is None else tuple(hidden))

    def moved(self, places: Mapping[int, int]) -> "Track":
        """Return it where each axis has another place; one without a place carries nothing."""
        axis = None if self.axis is None else places.get(self.axis)
        return self.on(axis, [places[other] for other in self.hidden if other in places])

    def read_whole(self, axis: int, count: int, outputs: int = 1) -> "Track":
        """Follow it through an operation of which each number reads all `count` indices of an axis.

        The axis of the result carries it, and has `outputs` indices, all alike for this track.
        """
        if axis in self.hidden:
            return self.on(self.axis, [other for other in self.hidden if other != axis])
        if axis != self.axis:
            return self
        return self.through(Blocks(outputs, step=0, width=count))

    def joined(self, others: Sequence["Track"], count: int) -> "Track":
        """Join branches that one axis carries, `count` indices of it."""
        tracks = [self, *others]
        for track in tracks:
            if track.covers_all and not track.hidden:
                return self._replace(reach=track.reach, hidden=())
        hidden = tuple(dict.fromkeys(axis for track in tracks for axis in track.hidden))
        joined = self._with(join([track.reach for track in tracks], count, self.budget))
        return joined._replace(hidden=hidden)

    def followed_by(self, others: Sequence["Track"], counts: Sequence[int]) -> "Track":
        """Lay tracks out along the axis that carries them, `counts` indices of each."""
        tracks = [self, *others]
        hidden = tuple(dict.fromkeys(axis for track in tracks for axis in track.hidden))
        reach = lay_out([track.reach for track in tracks], counts, self.budget)
        return self._with(reach)._replace(hidden=hidden)

    def loosened(self) -> "Track":
        """Return it with a reach that is a bound."""
        return self._replace(reach=self.reach.bound(), hidden=())

    @property
    def covers_all(self) -> bool:
        """Whether every output depends on the whole image, as far as is known."""
        return self.reach in (self._everything, self._everything.bound())

    def field(self, count: int) -> Field:
        """Return the receptive field of so many outputs."""
        field = self.reach.field(count)
        return field._replace(exact=False) if self.hidden else field

    @property
    def _everything(self) -> Phases:
        return Phases(1, 0, ((0, self.size - 1),))

    def _with(self, reach: Reach) -> "Track":
        """Cut at the borders what is the same for all outputs and covers all of the image.

        Raises
        ------
        UsageError
            The product of the strides so far is larger than 10^18.
        """
        if max(abs(reach.advance), reach.period) > _MAX_STRIDE:
            raise UsageError(
                "the product of the strides so far is larger than 10^18; use -s 1 or fewer layers"
            )
        if reach.advance == 0:
            everything = self._everything
            spans = reach.spans if isinstance(reach, Phases) else (reach.at(0),)
            if all(span and span[0] <= 0 and span[1] >= self.size - 1 for span in spans):
                reach = everything.bound() if isinstance(reach, Bound) else everything
        return self._replace(reach=reach)


class Tensor(NamedTuple):
    """The shape of a value, as its file has it, and what its numbers depend on.

    Images of a text are ``(1, channels, *sizes)``; channels that are not known are None. There is
    a track for each spatial axis of the network's input; a constant has none.
    """

    shape: tuple[int | None, ...]
    tracks: tuple[Track, ...] = ()
    itemsize: int = 4  # bytes of a number
    value: object = None  # what a reader knows of its numbers; geometry does not look

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the axes of the image."""
        return tuple([self.size(axis) for axis in self._image])

    @property
    def fields(self) -> tuple[Field, ...]:
        """What its numbers depend on, for each axis of the network's input."""
        return tuple(
            [
                track.field(1 if track.axis is None else self.size(track.axis))
                for track in self.tracks
            ]
        )

    @property
    def channels(self) -> int | None:
        """The numbers at each place, without the batch (axis 0); None where not known."""
        image = self._image
        return product([n for axis, n in enumerate(self.shape) if axis and axis not in image])

    @property
    def _image(self) -> Sequence[int]:
        """The axes that carry an axis of the input.

        Where none does, because an operator is not followed, those of an image of as many axes; but
        one number for each channel is what global pooling makes.
        """
        carried = [track.axis for track in self.tracks if track.axis is not None]
        after = range(2, len(self.shape))
        if carried or len(after) != len(self.tracks) or product(self.shape[2:]) in (None, 1):
            return carried
        return after

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


def image(n: Sequence[int], c: int | None) -> Tensor:
    """Make the input of a network, of `n` pixels and `c` channels."""
    budget = Budget()
    tracks = tuple([Track(axis, INPUT, size, budget) for axis, size in enumerate(n, 2)])
    return Tensor((1, c, *n), tracks)


def image_axes(x: Tensor) -> range:
    """Return the spatial axes of an image ``(batch, channels, *sizes)``."""
    axes = range(2, len(x.shape))
    if not 1 <= len(axes) <= 3:
        remedy = "use an image of 1 to 3 axes" if axes else "put it before what flattens the image"
        raise UsageError(f"it needs 1 to 3 spatial axes, and its input has {len(axes)}; {remedy}")
    return axes


def as_image(x: Tensor) -> Tensor:
    """Put tracks that no axis carries on the spatial axes that carry none, in their order.

    So an axis of one pixel is part of the image again where it was removed and is back, as in a
    1-D layer between 2-D ones.
    """
    carried = {track.axis for track in x.tracks}
    free = [axis for axis in range(2, len(x.shape)) if axis not in carried]
    lost = sum(track.axis is None for track in x.tracks)
    if len(x.shape) != len(x.tracks) + 2 or lost != len(free):
        return x
    places = iter(free)
    tracks = []
    for track in x.tracks:
        if track.axis is None:
            axis = next(places)
            tracks.append(track.through(Blocks(x.size(axis), step=0)).on(axis))
        else:
            tracks.append(track)
    return x._replace(tracks=tuple(tracks))


def product(sizes: Sequence[int | None]) -> int | None:
    """Multiply sizes; None if one is not known."""
    known = [n for n in sizes if n is not None]
    return prod(known) if len(known) == len(sizes) else None


def follow_axes(tracks: Sequence[Track], maps: Mapping[int, IndexMap]) -> tuple[Track, ...]:
    """Follow tracks through an operation that reads some axes of its input by a map each."""
    followed: list[Track] = []
    done: dict[tuple[Reach, IndexMap, int], Track] = {}  # often all axes are alike
    for track in tracks:
        if any(axis in maps for axis in track.hidden):  # what it reads there is not known
            track = track.loosened()  # noqa: PLW2901
        axis = track.axis
        if axis is None or axis not in maps:
            followed.append(track)
        else:
            key = (track.reach, maps[axis], track.size)
            if key not in done:
                done[key] = track.through(maps[axis])
            followed.append(done[key].on(axis, track.hidden))
    return tuple(followed)
