"""Operations of which a text does not say all."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import ConvcliError
from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operation import Applied, FieldNote, Operation
from convcli.geometry.network.tensor import Tensor


class Ambiguous(NamedTuple):
    """An operation that could be another as well: `note` says so where their outputs differ.

    It is about fields only where the outputs have the same shapes.
    """

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
            others = self.other.apply(inputs).outputs
        except ConvcliError:
            return applied._replace(notes=(self.note,))
        if others == applied.outputs:
            return applied
        alike = [x.shape for x in others] == [x.shape for x in applied.outputs]
        return applied._replace(notes=(FieldNote(self.note) if alike else self.note,))
