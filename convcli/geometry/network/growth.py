"""What the middle output of each layer depends on: the growth of a receptive field, as data."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.geometry.network.graph import NodeStep


class Growth(NamedTuple):
    """How the receptive field grows along one axis of the input.

    Attributes
    ----------
    n : int
        Size of the input, in pixels.
    spans : tuple of (int, int)
        Of each layer, the first and last pixel that its middle output depends on, not cut at the
        borders. Where it depends on none, or is not followed, the second is smaller than the first.
    fields : tuple of str
        The receptive field of each layer, as it is written.
    """

    n: int
    spans: tuple[tuple[int, int], ...]
    fields: tuple[str, ...]

    @property
    def pixels(self) -> range:
        """Those of the input, and those beyond it that a layer depends on: padding."""
        begin = min(0, *[first for first, _ in self.spans])
        return range(begin, max(self.n, *[last + 1 for _, last in self.spans]))


def growth(steps: Sequence[NodeStep], axis: int) -> Growth:
    """Follow the receptive field of some layers of a network along an axis of its input.

    At least one of them depends on the input.
    """
    n = next(step.outputs[0].tracks[axis].size for step in steps if step.dims)
    return Growth(
        n,
        tuple([_span(step, axis) for step in steps]),
        tuple([_field(step, axis) for step in steps]),
    )


def _field(step: NodeStep, axis: int) -> str:
    if not step.dims:
        return "-"
    field = step.fields[axis]
    return f"{field.sign}{field.r}"


def _span(step: NodeStep, axis: int) -> tuple[int, int]:
    if not step.dims:
        return 0, -1
    tensor = step.outputs[0]
    track = tensor.tracks[axis]
    middle = 0 if track.axis is None else tensor.size(track.axis) // 2
    return track.reach.at(middle) or (0, -1)
