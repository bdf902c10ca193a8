"""Which input of a model is the image, and which of its axes holds the channels."""

from collections.abc import Iterable

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import Graph, Input, NodeStep, follow
from convcli.geometry.network.receptive_field import INPUT, Budget
from convcli.geometry.network.tensor import Tensor, Track

_ANY = 224  # pixels of an axis that has no size yet


def image_first(inputs: Iterable[Input]) -> tuple[Input, ...]:
    """Put the image before scales, masks and numbers: the first input with a spatial axis."""
    return tuple(sorted(inputs, key=lambda x: x.shape is not None and len(x.shape) < 3))


def with_channel_axis(graph: Graph) -> Graph:
    """Find the axis of the channels of the first input; 1 where no window reads the image.

    It is the axis that the first window does not slide along: the image is followed with all its
    axes to the first layer with a window.

    Raises
    ------
    ConvcliError
        For an image without a batch axis, whose channels would be read as one.
    """
    if not graph.inputs:
        return graph
    first, *others = graph.inputs
    shape = first.shape or ()
    axis = 1
    step = _first_window(graph, first) if len(shape) > 1 else None
    if step is not None:
        x = step.inputs[0]
        if len(x.shape) == len(shape) == len(step.axes) + 1:
            raise ConvcliError(
                f"{graph.name!r} reads {first.name} of {'x'.join(map(str, shape))}, an image "
                f"without a batch axis; export the model with one, as of x[None]"
            )
        slid = range(2, len(x.shape))
        left = [axis for axis, track in enumerate(x.tracks, 1) if track.axis not in slid]
        axis = left[0] if len(left) == 1 else 1
    return graph._replace(inputs=(first._replace(channel_axis=axis), *others))


def _first_window(graph: Graph, first: Input) -> NodeStep | None:
    """Follow the image with all its axes to the first layer with a window."""
    rank = len(first.shape or ())
    sizes = _sizes(first)
    budget = Budget()
    tracks = tuple([Track(axis, INPUT, sizes[axis], budget) for axis in range(1, rank)])
    tensors = {each.name: Tensor(_sizes(each)) for each in graph.inputs}
    tensors[first.name] = Tensor(sizes, tracks)
    try:
        for step in follow(graph, tensors):
            x = step.inputs[0] if step.inputs else None
            if step.window is not None and x is not None and x.tracks:
                return step
    except ConvcliError:  # the sizes are not the real ones
        pass
    return None


def _sizes(declared: Input) -> tuple[int, ...]:
    shape = declared.shape or ()
    return tuple(
        n if isinstance(n, int) else 1 if axis == 0 else _ANY for axis, n in enumerate(shape)
    )
