"""The places of a window as it slides over an input, one after the other."""

from collections.abc import Sequence

from convcli.geometry.window.axis import Axis


def places(axes: Sequence[Axis]) -> list[int]:
    """Count the places of the window along each axis: outputs, or inputs of a transposed layer."""
    return [axis.n if axis.kind == "convt" else axis.out for axis in axes]


def place_of(index: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Find the place with an index in C order."""
    place: tuple[int, ...] = ()
    for size in reversed(sizes):
        index, at = divmod(index, size)
        place = (at, *place)
    return place
