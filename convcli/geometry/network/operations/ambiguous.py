"""Operations of which a text does not say all."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operation import Applied, Operation
from convcli.geometry.network.tensor import Tensor


class Ambiguous(NamedTuple):
    """An operation that could be another as well: `note` says so where their outputs differ."""

    operation: Operation
    other: Operation
    note: str

    @property
    def layer(self) -> Layer | None:
        """The layer of an operation with a window."""
        return getattr(self.operation, "layer", None)

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        applied = self.operation.apply(inputs)
        try:
            same = self.other.apply(inputs).outputs == applied.outputs
        except ConvcliError:
            same = False
        return applied if same else applied._replace(notes=(self.note,))
