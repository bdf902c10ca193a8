"""Products that ``torch.einsum`` writes with letters, as matrix products of transposed tensors."""

from collections.abc import Sequence

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.dense import Multiplied
from convcli.geometry.network.operations.rearrange import Transposed
from convcli.geometry.network.tensor import Tensor
from convcli.models.operators.facts import Unknown


def einsum(equation: str, tensors: Sequence[Tensor]) -> Applied:
    """Follow a product of two tensors that sums over one axis, as ``bid,bjd->bij``.

    Raises
    ------
    Unknown
        It is another one.
    """
    read, _, made = equation.replace(" ", "").partition("->")
    left, _, right = read.partition(",")
    batch = [axis for axis in made if axis in left and axis in right]
    rows = [axis for axis in made if axis in left and axis not in right]
    columns = [axis for axis in made if axis in right and axis not in left]
    summed = [axis for axis in left if axis in right and axis not in made]
    order = [*batch, *rows, *columns]
    parts = ((left, [*batch, *rows, *summed]), (right, [*batch, *summed, *columns]))
    one_each = len(rows) == len(columns) == len(summed) == 1
    if not one_each or any(sorted(part) != sorted(axes) for part, axes in (*parts, (made, order))):
        raise Unknown("it is no product of two matrices")
    a, b = [
        Transposed(tuple(part.index(axis) for axis in axes)).apply((x,)).outputs[0]
        for x, (part, axes) in zip(tensors, parts, strict=True)
    ]
    product = Multiplied().apply((a, b))
    turned = Transposed(tuple(order.index(axis) for axis in made)).apply(product.outputs)
    return product._replace(outputs=turned.outputs)
