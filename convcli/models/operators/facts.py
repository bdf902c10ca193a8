"""What the functions that follow an ONNX operator are given, and what they may ask of it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import DoesNotFit
from convcli.geometry.network.layer import Costs
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.opaque import Opaque
from convcli.geometry.network.tensor import Tensor
from convcli.models.operators.attributes import Attributes


class Unknown(Exception):
    """What an operator makes is not known before the network runs; the text says why."""


_DAMAGE = (
    *(TypeError, ValueError, AttributeError, IndexError, KeyError),
    *(AssertionError, ZeroDivisionError, OverflowError),
)


@contextlib.contextmanager
def refusing_damage() -> Iterator[None]:
    """Report in one line what following a node of a damaged file raises."""
    try:
        yield
    except _DAMAGE as error:
        raise DoesNotFit(
            f"it does not fit its inputs ({type(error).__name__}); export the model again"
        ) from None


def not_followed(
    op: str,
    why: str,
    shapes: tuple[tuple[int, ...], ...],
    inputs: Sequence[Tensor],
    params: int,
) -> Applied:
    """Go on after a node that is not followed, with the sizes of its outputs, as if all were read.

    Beside the image nothing is hidden but arithmetic, which matters where there are `params`.
    """
    if any(x.tracks for x in inputs):
        note = (
            f"{op}: {why}; its output is taken to depend on all of its input, and its parameters "
            f"and arithmetic are not counted"
        )
        return Opaque(note, shapes).apply(inputs)
    notes = (f"{op}: {why}; its arithmetic is not counted",) if params else ()
    return Applied(tuple(map(Tensor, shapes)), None, Costs(params, 0, 0), (), notes)


class Facts(NamedTuple):
    """A node of a model.

    Attributes
    ----------
    op : str
    attrs : Attributes
    opset : int
        Version of the standard operators.
    outputs : int
        How many it makes.
    called : str
        What errors call it.
    """

    op: str
    attrs: Attributes
    opset: int
    outputs: int
    called: str


Input = Tensor | None  # None: left out
Follow = Callable[..., Applied]  # of Facts and an Input for each input of the node


def rank(x: Tensor) -> int:
    """Number of axes."""
    return len(x.shape)


def integers(x: Input, what: str) -> tuple[int, ...] | None:
    """Return the numbers of a tensor that is known ahead; None if it is left out.

    Raises
    ------
    Unknown
        It is computed from the image.
    """
    if x is None:
        return None
    return tuple(int(n) for n in array(x, what).ravel().tolist())


def array(x: Tensor, what: str) -> Any:
    """Return a tensor that is known ahead, see `integers`."""
    if not isinstance(x.value, np.ndarray):
        raise Unknown(f"its {what} is computed from the image")
    return x.value


def axes_of(facts: Facts, x: Tensor, given: Input, default: tuple[int, ...]) -> tuple[int, ...]:
    """Return axes, none negative: from an input, or in older models from an attribute."""
    found = integers(given, "axes")
    if found is None:
        found = facts.attrs.integers("axes", default)
    return tuple(axis % max(rank(x), 1) for axis in found)
