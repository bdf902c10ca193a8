"""What an operation is: a value that computes output tensors from input tensors."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from convcli.geometry.network.layer import FREE, Costs, Step
from convcli.geometry.network.tensor import Tensor


class Applied(NamedTuple):
    """The outputs of an operation for some inputs, and what is known about computing them.

    `window` is the layer of an operation that has one. `costs` is None where channels are not
    known. `marks` say what is odd about the tensors (branches that do not fit), `notes` what was
    not followed, or not as a user may expect.
    """

    outputs: tuple[Tensor, ...]
    window: Step | None = None
    costs: Costs | None = FREE
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class FieldNote(str):
    """A note that is about receptive fields only."""

    __slots__ = ()


class Operation(Protocol):
    """A small frozen value; `apply` raises `UsageError` or `DoesNotFit`."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Compute the outputs for some inputs, see `Applied`."""
        ...
