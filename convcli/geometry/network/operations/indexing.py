"""Operations that move or drop indices of axes: slices, splits, crops, padding."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.network.index_map import Blocks, Bordered, IndexMap
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.tensor import Tensor, as_image, follow_axes


class Sliced(NamedTuple):
    """The indices of an axis that Python's ``start:stop:step`` takes.

    Graphs of exporters have empty slices, as a roll by a multiple of the size; `may_be_empty` then.
    """

    axis: int
    start: int | None = None
    stop: int | None = None
    step: int | None = None
    may_be_empty: bool = False

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        axis = self.axis % len(x.shape)
        size = x.size(axis)
        taken = range(*slice(self.start, self.stop, self.step).indices(size))
        if not taken and not self.may_be_empty:
            limits = ":".join("" if n is None else str(n) for n in self[1:4])
            raise DoesNotFit(f"the slice {limits} of an axis of {size} is empty; take some of it")
        return Applied((read(x, {axis: Blocks(len(taken), taken.start, taken.step)}),))


class Picked(NamedTuple):
    """One index of an axis, without the axis."""

    axis: int
    place: int

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        axis = self.axis % len(x.shape)
        size = x.size(axis)
        if not -size <= self.place < size:
            raise DoesNotFit(f"index {self.place} is not one of {size}; use 0 to {size - 1}")
        one = read(x, {axis: Blocks(1, start=self.place % size)})
        tracks = []
        for track in one.tracks:
            hidden = [other - (other > axis) for other in track.hidden if other != axis]
            at = track.axis
            tracks.append(track.on(None if at in (None, axis) else at - (at > axis), hidden))
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        return Applied((Tensor(shape, tuple(tracks), x.itemsize),))


class Split(NamedTuple):
    """Pieces of an axis, of the given sizes, each an output."""

    axis: int
    sizes: tuple[int, ...]

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        axis = self.axis % len(x.shape)
        size = x.size(axis)
        if sum(self.sizes) != size:
            total = " + ".join(map(str, self.sizes))
            raise DoesNotFit(f"a split of an axis of {size} into {total} does not add up")
        outputs, start = [], 0
        for piece in self.sizes:
            outputs.append(read(x, {axis: Blocks(piece, start)}))
            start += piece
        return Applied(tuple(outputs))


class Padded(NamedTuple):
    """Padding ``(before, after)`` of some axes; below 0 it crops.

    Modes are zeros, and those of `Bordered`, whose padding is pixels of the input.
    """

    pads: tuple[tuple[int, int, int], ...]  # axis, before, after
    mode: str = "zeros"

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        maps: dict[int, IndexMap] = {}
        for axis, before, after in self.pads:
            size = x.size(axis)
            out = size + before + after
            if out < 1:
                raise DoesNotFit(
                    f"padding {before}:{after} crops all of an axis of {size}; crop less"
                )
            zeros = self.mode == "zeros"
            maps[axis % len(x.shape)] = (
                Blocks(out, start=-before) if zeros else Bordered(size, before, after, self.mode)
            )
        return Applied((read(x, maps),))


def read(x: Tensor, maps: dict[int, IndexMap]) -> Tensor:
    """Make a tensor that reads some axes of another by a map each."""
    shape = tuple([maps[axis].out if axis in maps else n for axis, n in enumerate(x.shape)])
    return Tensor(shape, follow_axes(x.tracks, maps), x.itemsize)
