"""What each cell along one axis of a picture is, and which cells a window reads."""

from collections.abc import Iterator
from typing import NamedTuple

from convcli.geometry.window.axis import Axis
from convcli.geometry.window.coverage import coverage, extent, reads, unread_end

ROW = Axis("conv", n=1, f=1, out=1)  # the rows of what has one axis
_MOST_CELLS = 4000  # of which each is looked at


class Strip(NamedTuple):
    """The cells along one axis, by their position.

    A transposed layer is drawn as the convolution with stride 1 that it equals: ``s - 1`` zeros
    stand between its inputs, ``e - 1 - pb`` before and ``e - 1 - pe + op`` after them, and the
    filter is flipped.
    """

    axis: Axis
    cells: range

    @property
    def places(self) -> int:
        """How many windows there are."""
        return self.axis.out

    def taps(self, place: int) -> range:
        """Return the positions that a window reads."""
        axis = self.axis
        if axis.kind == "convt":
            first = place - (axis.e - 1 - axis.pb)
            return range(first, first + axis.e, axis.d)
        return reads(axis, place)

    def pixel(self, position: int) -> int | None:
        """Return which input pixel stands at a position, if one does."""
        step = self.axis.s if self.axis.kind == "convt" else 1
        index, left = divmod(position, step)
        return index if not left and 0 <= index < self.axis.n else None

    def kinds(self, fine: bool) -> list[tuple[str, range]]:
        """Cut the cells into runs: ``input``, ``padding``, ``zero`` between inputs, ``unread``.

        Parameters
        ----------
        fine : bool
            Cells are large enough to be distinguished; otherwise zeros between inputs count as
            inputs, and unread pixels are those at the end.
        """
        axis = self.axis
        if fine and len(self.cells) <= _MOST_CELLS:
            return list(_runs(self.cells, self._each()))
        stop = (axis.n - 1) * axis.s + 1 if axis.kind == "convt" else axis.n
        end = 0 if axis.kind == "convt" else unread_end(axis)
        parts = [
            ("padding", range(self.cells.start, 0)),
            ("input", range(max(self.cells.start, 0), stop - end)),
            ("unread", range(stop - end, stop)),
            ("padding", range(stop, self.cells.stop)),
        ]
        return [(kind, cells) for kind, cells in parts if cells]

    def _each(self) -> Iterator[str]:
        axis = self.axis
        counts = [1] * axis.n if axis.kind == "convt" else coverage(axis)
        end = (axis.n - 1) * axis.s + 1
        for position in self.cells:
            pixel = self.pixel(position)
            if pixel is not None:
                yield "input" if counts[pixel] else "unread"
            else:
                inside = axis.kind == "convt" and 0 <= position < end
                yield "zero" if inside else "padding"


def strip(axis: Axis) -> Strip:
    """Lay out one axis: its padded pixels, and what the last window reads beyond."""
    empty = Strip(axis, range(0))
    first, last = empty.taps(0).start, empty.taps(axis.out - 1)[-1]
    if axis.kind == "convt":
        return Strip(axis, range(min(first, 0), max(last + 1, (axis.n - 1) * axis.s + 1)))
    return Strip(axis, range(-axis.pb, max(axis.n + axis.pe, last + 1)))


def output_kinds(axis: Axis, fine: bool) -> list[tuple[str, range]]:
    """Cut the outputs of an axis into runs: ``output``, and ``unread`` where nothing is written."""
    cells = range(axis.out)
    if axis.kind != "convt" or not fine or extent(axis) > _MOST_CELLS:
        return [("output", cells)]
    return list(_runs(cells, iter(["output" if n else "unread" for n in coverage(axis)])))


def _runs(cells: range, kinds: Iterator[str]) -> Iterator[tuple[str, range]]:
    start, before = cells.start, ""
    for position, kind in zip(cells, kinds, strict=True):
        if kind != before and before:
            yield before, range(start, position)
            start = position
        before = kind
    if before:
        yield before, range(start, cells.stop)
