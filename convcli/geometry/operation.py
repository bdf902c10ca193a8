"""What an operation is: a value that makes new tensors of tensors."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from convcli.geometry.network import FREE, Costs, Step
from convcli.geometry.tensor import Tensor


class Applied(NamedTuple):
    """What an operation makes of its inputs.

    `window` is the layer of an operation that has one. `costs` is None where channels are not
    known. `marks` say what is odd about the tensors (branches that do not fit), `notes` what was
    not followed.
    """

    outputs: tuple[Tensor, ...]
    window: Step | None = None
    costs: Costs | None = FREE
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Operation(Protocol):
    """A small frozen value; `apply` raises `UsageError` or `DoesNotFit`."""

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        """Make the outputs of the inputs, see `Applied`."""
        ...
