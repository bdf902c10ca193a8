"""Layers with channels: parameters, arithmetic, receptive fields."""

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError
from convcli.geometry.network.channels import check_groups, check_input
from convcli.geometry.window.axis import POOL_KINDS, Axis, Window

if TYPE_CHECKING:  # plain output needs none of it
    from convcli.geometry.network.receptive_field import Field, Reach


class Layer(NamedTuple):
    """A window with its channels.

    `c` are the output channels (None: as many as the input has), `g` the groups. `c_in` and `dims`
    are the input channels and the spatial axes that the layer requires, where it says so.
    """

    window: Window
    c: int | None = None
    g: int = 1
    bias: bool = True
    c_in: int | None = None
    dims: int | None = None
    name: str = ""

    @property
    def has_bias(self) -> bool:
        """Whether it adds a bias, which no pooling layer does."""
        return self.bias and self.window.kind not in POOL_KINDS


class Costs(NamedTuple):
    """Trainable parameters, multiply-accumulates (MACs), and floating-point operations."""

    params: int
    macs: int
    flops: int


FREE = Costs(0, 0, 0)


class Step(NamedTuple):
    """A layer applied to an input, or in a network to the output of the layers before it.

    `costs` is None where the number of channels is not known. `before` is what the
    layer's input depends on, for each axis; empty where that is the network's own input.
    """

    layer: Layer
    axes: tuple[Axis, ...]
    c_in: int | None
    c_out: int | None
    costs: Costs | None
    before: "tuple[Reach, ...]" = ()

    @property
    def kind(self) -> str:
        """The kind of layer."""
        return self.layer.window.kind

    @property
    def name(self) -> str:
        """The name of the layer; empty where it has none."""
        return self.layer.name

    @property
    def label(self) -> str:
        """The name of the layer in a table."""
        return self.layer.name

    @property
    def dims(self) -> int:
        """The number of spatial axes."""
        return len(self.axes)

    @property
    def n(self) -> tuple[int, ...]:
        """Input size of each axis."""
        return tuple([axis.n for axis in self.axes])

    @property
    def out(self) -> tuple[int, ...]:
        """Output size of each axis."""
        return tuple([axis.out for axis in self.axes])

    @property
    def params(self) -> int | None:
        """Trainable parameters."""
        return None if self.costs is None else self.costs.params

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates."""
        return None if self.costs is None else self.costs.macs

    @property
    def flops(self) -> int | None:
        """Floating-point operations: 2·MACs and the additions of the bias."""
        return None if self.costs is None else self.costs.flops

    @property
    def fields(self) -> "tuple[Field, ...]":
        """What an output pixel depends on in the input of the whole network, for each axis."""
        from convcli.geometry.network.index_map import Windows  # noqa: PLC0415  plain output needs neither
        from convcli.geometry.network.receptive_field import INPUT, Budget, extend  # noqa: PLC0415

        budget = Budget()
        before = self.before or (INPUT,) * len(self.axes)
        maps = map(Windows, self.axes)
        reaches = [extend(b, m, budget) for b, m in zip(before, maps, strict=True)]
        return tuple([r.field(axis.out) for r, axis in zip(reaches, self.axes, strict=True)])


def apply(layer: Layer, n: tuple[int, ...], c_in: int | None = None) -> Step:
    """Apply a layer to an input.

    Parameters
    ----------
    layer : Layer
    n : tuple of int
        Input size of each spatial axis, in pixels.
    c_in : int or None
        Input channels; without them parameters and arithmetic are not known.

    Returns
    -------
    Step

    Raises
    ------
    UsageError, DoesNotFit
        As `axis.fit`.
    """
    if c_in is not None and c_in < 1:
        raise UsageError(f"input channels {c_in} must be 1 or more; use -c 1 or more")
    axes = layer.window.on(n)
    c_out = check_channels(layer, c_in)
    costs = count_costs(layer, axes, c_in, c_out)
    return Step(layer, axes, c_in, c_out, costs)


def check_dims(kind: str, stated: int | None, dims: int) -> None:
    """Raise `UsageError` where a layer is stated to be of another number of axes."""
    if stated not in (None, dims):
        axes, sizes = ("axis", "size") if stated == 1 else ("axes", "sizes")
        raise UsageError(
            f"{kind}{stated}d needs {stated} spatial {axes}, and its input has {dims}; use -n with "
            f"{stated} {sizes}, without batch and channels"
        )


def check_channels(layer: Layer, c_in: int | None) -> int | None:
    """Return the output channels, None where they are not known."""
    g = layer.g
    c_in = check_input(layer.c_in, c_in, layer.c)
    check_groups(g)
    c_out = c_in if layer.c is None else layer.c
    if c_out is not None and c_out < 1:
        pair = f"{c_in}" if layer.window.kind in POOL_KINDS else f"{c_in}:1"
        least = "1 or more" if c_in is None else pair
        raise UsageError(f"output channels {c_out} must be 1 or more; use -c {least}")
    check_groups(g, c_in, c_out)
    if layer.window.kind in POOL_KINDS:
        if g > 1:
            raise UsageError(f"groups {g} are only valid for convolutions; use -g 1")
        if c_in is not None and c_out != c_in:
            raise UsageError(
                f"output channels {c_out} must equal input channels {c_in} in a pooling layer; "
                f"use -c {c_in}"
            )
    return c_out


def count_costs(
    layer: Layer,
    axes: tuple[Axis, ...],
    c_in: int | None,
    c_out: int | None,
    batch: int = 1,
) -> Costs | None:
    """Count parameters and arithmetic.

    Each output pixel of each output channel takes ``c_in/g · prod(f)`` MACs, padding included. A
    transposed layer does as many for each *input* pixel and output channel, cropped ones included
    (as fvcore and PyTorch's own counter count).
    """
    if c_in is None or c_out is None:
        return None
    kind = layer.window.kind
    if kind in POOL_KINDS:
        return FREE
    weights = c_in // layer.g * c_out * prod(axis.f for axis in axes)
    outputs = batch * prod(axis.out for axis in axes)
    positions = batch * prod(axis.n for axis in axes) if kind == "convt" else outputs
    macs = weights * positions
    if not layer.bias:
        return Costs(weights, macs, 2 * macs)
    return Costs(weights + c_out, macs, 2 * macs + c_out * outputs)
