"""Networks as graphs: what flows through nodes, and where it cannot."""

from convcli.geometry.network.graph import Graph, Input, Node, follow
from convcli.geometry.network.layer import Layer
from convcli.geometry.network.operations.joins import Concatenated, Elementwise
from convcli.geometry.network.operations.pointwise import Pointwise
from convcli.geometry.network.operations.windows import Windowed
from convcli.geometry.network.tensor import image
from convcli.geometry.window.axis import Window


def _conv(f: int, s: int = 1, p: int = 0, c: int | None = None) -> Windowed:
    return Windowed(Layer(Window((f,), (s,), ((p, p),)), c, bias=False))


def test_a_residual_block() -> None:
    nodes = (
        Node("conv1", "conv", _conv(3, 2, 1, 8), ("x",), ("conv1",)),
        Node("bn", "bn", Pointwise(per_channel=2), ("conv1",), ("bn",)),
        Node("conv2", "conv", _conv(3, 1, 1, 8), ("bn",), ("conv2",)),
        Node("short", "conv", _conv(1, 2, 0, 8), ("x",), ("short",)),
        Node("sum", "add", Elementwise(), ("conv2", "short"), ("sum",)),
        Node("all", "concat", Concatenated(), ("sum", "conv1"), ("all",)),
    )
    graph = Graph("block", (Input("x"),), nodes, ("all",))
    steps = {step.node.name: step for step in follow(graph, {"x": image((9, 8), 4)})}
    assert steps["bn"].costs == (16, 0, 0)
    assert steps["sum"].out == (5, 4)
    assert steps["sum"].sources == ("conv2", "short")
    assert steps["sum"].spans == ((-3, 3), (-3, 3))
    assert steps["sum"].fields[0] == (7, 2, 3, True)
    assert steps["all"].outputs[0].shape == (1, 16, 5, 4)
    assert not any(step.marks for step in steps.values())
