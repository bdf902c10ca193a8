"""PyTorch's operators that move, pick and repeat numbers."""

from collections.abc import Sequence

import numpy as np

from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.indexing import Picked, Sliced
from convcli.geometry.network.operations.joins import Concatenated
from convcli.geometry.network.operations.rearrange import Reshaped, Transposed
from convcli.geometry.network.tensor import Tensor
from convcli.models.from_export.operators.shared import (
    Args,
    Operator,
    constant,
    each_axis,
    first,
    onnx,
    turned,
)
from convcli.models.operators.facts import Unknown, rank


def _cat(a: Args) -> Applied:
    tensors = [x for x in a["tensors"] if x.shape != (0,)]
    return Concatenated(a.get("dim", 0)).apply(tensors)


def _stack(a: Args) -> Applied:
    x = a["tensors"][0]
    axis = a.get("dim", 0) % (rank(x) + 1)
    lifted = [onnx("Unsqueeze", x, axes=[axis]).outputs[0] for x in a["tensors"]]
    return Concatenated(axis).apply(lifted)


def _pieces(x: Tensor, axis: int, sizes: Sequence[int]) -> Applied:
    return onnx("Split", x, constant(sizes), axis=axis)


def _split(a: Args) -> Applied:
    x, axis = first(a), a.get("dim", 0)
    sizes = a.get("split_size", a.get("split_sizes"))
    if isinstance(sizes, int):
        size = x.size(axis)
        sizes = [min(sizes, size - start) for start in range(0, size, sizes)]
    return _pieces(x, axis, sizes)


def _chunk(a: Args) -> Applied:
    x, axis = first(a), a.get("dim", 0)
    size = x.size(axis)
    most = -(-size // a["chunks"])
    return _pieces(x, axis, [min(most, size - start) for start in range(0, size, most)])


def _unbind(a: Args) -> Applied:
    x, axis = first(a), a.get("dim", 0)
    picked = [Picked(axis, i).apply((x,)).outputs[0] for i in range(x.size(axis))]
    return Applied(tuple(picked))


def _slice(a: Args) -> Applied:
    x = first(a)
    start, end, step = a.get("start"), a.get("end"), a.get("step", 1)
    return Sliced(a.get("dim", 0), start, end, step, may_be_empty=True).apply((x,))


def _narrow(a: Args) -> Applied:
    x = first(a)
    start = a["start"] % x.size(a["dim"])
    return Sliced(a["dim"], start, start + a["length"]).apply((x,))


def _select(a: Args) -> Applied:
    return Picked(a["dim"], a["index"]).apply((first(a),))


def _view(a: Args) -> Applied:
    return Reshaped(tuple(a.get("size", a.get("shape")))).apply((first(a),))


def _flatten(a: Args) -> Applied:
    x = first(a)
    start, end = a.get("start_dim", 0) % rank(x), a.get("end_dim", -1) % rank(x)
    return Reshaped((*_sizes(x)[:start], -1, *_sizes(x)[end + 1 :])).apply((x,))


def _unflatten(a: Args) -> Applied:
    x = first(a)
    axis = a["dim"] % rank(x)
    return Reshaped((*_sizes(x)[:axis], *a["sizes"], *_sizes(x)[axis + 1 :])).apply((x,))


def _sizes(x: Tensor) -> tuple[int, ...]:
    return tuple([x.size(axis) for axis in range(rank(x))])


def _squeeze(a: Args) -> Applied:
    x, dims = first(a), a.get("dim")
    if dims is None:
        return onnx("Squeeze", x)
    axes = [axis % rank(x) for axis in ([dims] if isinstance(dims, int) else dims)]
    axes = [axis for axis in axes if x.shape[axis] == 1]
    return onnx("Squeeze", x, constant(axes))


def _unsqueeze(a: Args) -> Applied:
    return onnx("Unsqueeze", first(a), axes=[a["dim"]])


def _permute(a: Args) -> Applied:
    x = first(a)
    return Transposed(tuple(axis % rank(x) for axis in a["dims"])).apply((x,))


def _transpose(a: Args) -> Applied:
    x = first(a)
    order = list(range(rank(x)))
    one, other = (a.get(f"dim{i}", a.get(f"axis{i}", min(i, rank(x) - 1))) for i in (0, 1))
    order[one], order[other] = order[other], order[one]
    return Transposed(tuple(order)).apply((x,))


def _movedim(a: Args) -> Applied:
    x = first(a)
    sources, places = (
        [axis % rank(x) for axis in each_axis(a[key], 1)] for key in ("source", "destination")
    )
    moved = dict(zip(places, sources, strict=True))
    rest = iter([axis for axis in range(rank(x)) if axis not in sources])
    order = [moved[place] if place in moved else next(rest) for place in range(rank(x))]
    return Transposed(tuple(order)).apply((x,))


def _flip(a: Args) -> Applied:
    made = Applied((first(a),))
    for axis in a["dims"]:
        made = Sliced(axis, step=-1).apply(made.outputs)
    return made


def _index(a: Args) -> Applied:
    """Take the rows of one axis that a tensor lists."""
    given = [(axis, index) for axis, index in enumerate(a["indices"]) if index is not None]
    if len(given) != 1:
        raise Unknown("it takes numbers by several lists")
    ((axis, index),) = given
    return onnx("Gather", first(a), index, axis=axis)


def _expand_as(a: Args) -> Applied:
    return onnx("Expand", first(a), constant(_sizes(a["other"])))


def _expand(a: Args) -> Applied:
    x, sizes = first(a), a["size"]
    more = len(sizes) - rank(x)
    wanted = [x.shape[i - more] if n == -1 else n for i, n in enumerate(sizes)]
    return onnx("Expand", x, constant(wanted))


def _repeat(a: Args) -> Applied:
    x, counts = first(a), a["repeats"]
    x = Reshaped((1,) * (len(counts) - rank(x)) + _sizes(x)).apply((x,)).outputs[0]
    return onnx("Tile", x, constant(counts))


def _roll(a: Args) -> Applied:
    made = Applied((first(a),))
    if not a.get("dims"):
        raise Unknown("it rolls all numbers as one line")
    for shift, axis in zip(a["shifts"], a["dims"], strict=True):
        x = made.outputs[0]
        start = -shift % x.size(axis)
        if start:
            parts = [Sliced(axis, start).apply((x,)), Sliced(axis, 0, start).apply((x,))]
            made = Concatenated(axis).apply([part.outputs[0] for part in parts])
    return made


def _filled(a: Args) -> Applied:
    """Make numbers that are the same for every image."""
    like = a.get("self")
    return Applied((Tensor(tuple(a["size"]) if "size" in a else like.shape),))


def _size(a: Args) -> Applied:
    value = np.array(first(a).size(a["dim"]), np.int64)
    return Applied((Tensor((), (), 8, value),))


SHAPES: dict[str, Operator] = {
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _view),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t"), _transpose),
    **dict.fromkeys(
        [name.format(word) for word in ("zeros", "ones", "full", "empty")
         for name in ("{}", "{}_like", "new_{}")], _filled),
    "roll": _roll,
    "cat": _cat,
    "stack": _stack,
    "chunk": _chunk,
    "unbind": _unbind,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "permute": _permute,
    "movedim": _movedim,
    "mT": lambda a: Applied((turned(first(a)),)),
    "flip": _flip,
    "index": _index,
    "expand": _expand,
    "expand_as": _expand_as,
    "repeat": _repeat,
    "sym_size": _size,
}  # fmt: skip
