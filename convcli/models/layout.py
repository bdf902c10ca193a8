"""Which axis of an image holds its channels: the one that the first window does not slide along."""

from convcli.errors import ConvcliError
from convcli.geometry.graph import Graph, Input, follow
from convcli.geometry.receptive_field import INPUT, Budget
from convcli.geometry.tensor import Tensor, Track

_ANY = 224  # pixels of an axis that has no size yet


def with_channel_axis(graph: Graph) -> Graph:
    """Find the axis of the channels of the first input; 1 where no window reads the image.

    The image is followed with all its axes to the first layer with a window.
    """
    if not graph.inputs:
        return graph
    first, *others = graph.inputs
    axis = _find(graph, first)
    return graph._replace(inputs=(first._replace(channel_axis=axis), *others))


def _find(graph: Graph, first: Input) -> int:
    rank = len(first.shape or ())
    if rank < 3:
        return 1
    sizes = _sizes(first)
    budget = Budget()
    tracks = tuple([Track(axis, INPUT, sizes[axis], budget) for axis in range(1, rank)])
    tensors = {each.name: Tensor(_sizes(each)) for each in graph.inputs}
    tensors[first.name] = Tensor(sizes, tracks)
    try:
        for step in follow(graph, tensors):
            x = step.inputs[0] if step.inputs else None
            if step.window is None or x is None or not x.tracks:
                continue
            slid = range(2, len(x.shape))
            left = [axis for axis, track in enumerate(x.tracks, 1) if track.axis not in slid]
            return left[0] if len(left) == 1 else 1
    except ConvcliError:  # the sizes are not the real ones
        pass
    return 1


def _sizes(declared: Input) -> tuple[int, ...]:
    shape = declared.shape or ()
    return tuple(
        n if isinstance(n, int) else 1 if axis == 0 else _ANY for axis, n in enumerate(shape)
    )
