"""Arrays with more axes than an operation has letters: the first ones become one batch axis."""

import math
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np

from convcli.arrays.box import Box
from convcli.arrays.dtypes import Array
from convcli.arrays.sources.ring import Loan, Ring
from convcli.arrays.sources.source import InMemory, Source
from convcli.run.options import RunRequest
from convcli.run.resolve.axes import SPATIAL


class Merged:
    """An input whose leading axes are one batch axis.

    Attributes
    ----------
    source : Source
        The array as it is.
    lead : tuple of int
        Sizes of the leading axes.
    """

    on_stream = True

    def __init__(self, source: Source, count: int) -> None:
        """Merge the first `count` axes of an array, of which boxes can be read in any order."""
        self.source = source
        self.lead = source.shape[:count]
        self.name, self.dtype = source.name, source.dtype
        self.shape = batched(source.shape, count)
        self.layout: str | None = "N" + SPATIAL[len(source.shape) - count]

    def read(self, box: Box, ring: Ring) -> "Loan | nullcontext[Array]":
        """Read a box, one index of the batch after another."""
        loan = ring.lend(tuple(map(len, box)), self.dtype)
        with loan.filling() as out:
            for k, index in enumerate(box[0]):
                lead = (range(int(i), int(i) + 1) for i in np.unravel_index(index, self.lead))
                with self.source.read((*lead, *box[1:]), Ring()) as part:
                    out[k] = part.reshape(out.shape[1:])
        return loan

    def whole(self) -> InMemory:
        """Read all of it."""
        whole = self.source.whole()
        return InMemory(self.name, whole.array.reshape(self.shape), self.layout)

    def finish(self) -> None:
        """Do nothing: no array follows."""


def merge(request: RunRequest, filter_: InMemory | None, source: Source) -> Source:
    """Merge the leading axes of an array that a spatial filter of fewer axes takes one by one.

    A 2-D filter on an image ``tczyx`` filters each of its planes. Only where names of the axes say
    what they are, and ``--layout`` nothing else.
    """
    if source.layout is None or request.layout is not None or isinstance(source, InMemory):
        return source
    dims = _dims(request, filter_)
    spatial = source.layout.replace("N", "").replace("C", "")
    if dims not in SPATIAL or dims >= len(spatial) or not source.layout.endswith(SPATIAL[dims]):
        return source
    return Merged(source, len(source.shape) - dims)


def _dims(request: RunRequest, filter_: InMemory | None) -> int:
    """Count the axes of a spatial filter; 0 where it is a layer's, or has as many as there are."""
    if filter_ is not None:
        return filter_.array.ndim
    if request.channels is not None or request.f is None:
        return 0
    return request.dims or (len(request.f.split("x")) if "x" in request.f else 0)


def batched(shape: Sequence[int], merged: int) -> tuple[int, ...]:
    """Give a shape one batch axis in place of its leading axes, if some are merged."""
    return (math.prod(shape[:merged]), *shape[merged:]) if merged else tuple(shape)


def lead_of(source: Source) -> tuple[int, ...]:
    """Return the sizes of the leading axes that are merged; empty if none are."""
    return source.lead if isinstance(source, Merged) else ()


def full_shape(lead: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give a shape that has one batch axis those of the array itself."""
    return (*lead, *shape[1:]) if lead else shape


def full_layout(lead: tuple[int, ...], layout: str) -> str:
    """Write a letter for each axis of the array itself."""
    return "N" * len(lead) + layout[1:] if lead else layout
