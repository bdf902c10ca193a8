"""Layers with channels, alone or in a stack: parameters, arithmetic, receptive fields."""

from collections.abc import Iterable, Iterator
from math import prod
from typing import NamedTuple

from convcli.errors import ConvcliError, UsageError
from convcli.geometry.axis import Axis, Window
from convcli.geometry.receptive_field import START, Field, Trail, append, field_of


class Layer(NamedTuple):
    """A window with its channels; `c` output channels (None: as many as come in), `g` groups."""

    window: Window
    c: int | None = None
    g: int = 1
    bias: bool = True
    name: str = ""
    where: str = ""  # how an error names the layer; empty for one given by options


class Step(NamedTuple):
    """What a layer does to the input that reaches it.

    `params`, `macs` and `flops` are None where the number of channels is not known. `before` is
    what the layers before it do to each axis.
    """

    layer: Layer
    axes: tuple[Axis, ...]
    c_in: int | None
    c_out: int | None
    params: int | None
    macs: int | None
    flops: int | None
    before: tuple[Trail, ...]

    @property
    def out(self) -> tuple[int, ...]:
        """Output size of each axis."""
        return tuple([axis.out for axis in self.axes])

    @property
    def fields(self) -> tuple[Field, ...]:
        """What an output pixel sees of the input of the whole stack, for each axis."""
        return tuple(map(field_of, map(append, self.before, self.axes)))


_STRIDES = 10**18  # what the strides of a stack may multiply to


def apply(layer: Layer, n: tuple[int, ...], c_in: int | None = None) -> Step:
    """Apply one layer to an input of `n` pixels and `c_in` channels, see `follow`."""
    return next(follow([layer], n, c_in))


def follow(layers: Iterable[Layer], n: tuple[int, ...], c_in: int | None = None) -> Iterator[Step]:
    """Send an input through a stack of layers.

    Parameters
    ----------
    layers : iterable of Layer
    n : tuple of int
        Input size of each spatial axis, in pixels.
    c_in : int or None
        Input channels; without them parameters and arithmetic stay unknown.

    Yields
    ------
    Step
        One for each layer. Receptive fields follow Araujo, Norris and Sim, *Computing Receptive
        Fields of Convolutional Neural Networks* (Distill, 2019), carried to transposed layers:
        after one, outputs differ in what they read, and `Field.r` is the largest. Where they
        differ over so long a period that not all are traced (large strides, up and down with no
        common factor, or dilated), it is the largest of those that are.

    Raises
    ------
    UsageError, DoesNotFit
        As `geometry.fit`; the text names the layer where it has a name.
    """
    before: tuple[Trail, ...] = ((START,),) * len(n)
    strides = (1,) * len(n)
    for layer in layers:
        try:
            axes = layer.window.on(n)
            params, macs, c_out = _costs(layer, axes, c_in)
            strides = tuple([so_far * axis.s for so_far, axis in zip(strides, axes, strict=True)])
            if max(strides) > _STRIDES:
                raise UsageError(
                    f"stride {max(a.s for a in axes)} makes the strides up to here multiply to "
                    f"more than 10^18; use -s 1 or fewer layers"
                )
        except ConvcliError as error:
            raise _in_layer(layer, error) from None
        flops = None
        if macs is not None and c_out is not None:
            has_bias = layer.bias and params
            flops = 2 * macs + (c_out * prod(a.out for a in axes) if has_bias else 0)
        step = Step(layer, axes, c_in, c_out, params, macs, flops, before)
        yield step
        before = tuple(map(append, before, axes))
        n, c_in = step.out, c_out


def _costs(
    layer: Layer, axes: tuple[Axis, ...], c_in: int | None
) -> tuple[int | None, int | None, int | None]:
    """Parameters, multiply-accumulates, and output channels.

    Each output pixel of each output channel takes ``c_in/g · prod(f)`` MACs, padding included;
    of a transposed layer each input pixel gives as many to each output channel, the cropped
    ones included (as fvcore and PyTorch's own counter do).
    """
    kind, g = layer.window.kind, layer.g
    c_out = layer.c if layer.c is not None else c_in
    if kind in ("maxpool", "avgpool"):
        if c_in is not None and c_out != c_in:
            raise UsageError(
                f"pooling keeps the channels: {c_in} come in, {c_out} cannot come out; "
                f"use -c {c_in}"
            )
        return (None, None, c_out) if c_in is None else (0, 0, c_out)
    if g < 1:
        raise UsageError(f"groups {g} must be 1 or more; use -g 1")
    for which, channels in (("input", c_in), ("output", c_out)):
        if channels is not None and (channels < 1 or channels % g):
            raise UsageError(
                f"{which} channels {channels} must be a multiple of groups {g}, and 1 or more; "
                f"use -g 1 or other channels"
            )
    if c_in is None or c_out is None:
        return None, None, c_out
    weights = c_in // g * c_out * prod(axis.f for axis in axes)
    places = prod(axis.n if kind == "convt" else axis.out for axis in axes)
    return weights + (c_out if layer.bias else 0), weights * places, c_out


def _in_layer(layer: Layer, error: ConvcliError) -> ConvcliError:
    """Name the layer in an error, and its options as a line of layers spells them."""
    if not layer.where:
        return error
    text = str(error).replace("--output-padding ", "op=")
    for key in "nfspdgc":
        text = text.replace(f"-{key} ", f"{key}=")
    return type(error)(f"{layer.where}: {text}")
