"""Layers with channels, alone or in a stack: parameters, arithmetic, receptive fields."""

from collections.abc import Iterable, Iterator
from math import gcd, prod
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import ConvcliError, UsageError
from convcli.geometry.axis import Axis, Window
from convcli.geometry.coverage import reads

if TYPE_CHECKING:  # fractions costs as much to import as all of this package's plain modules
    from fractions import Fraction


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
    before: "tuple[Trail, ...]"

    @property
    def out(self) -> tuple[int, ...]:
        """Output size of each axis."""
        return tuple([axis.out for axis in self.axes])

    @property
    def fields(self) -> "tuple[Field, ...]":
        """What an output pixel sees of the input of the whole stack, for each axis."""
        return tuple(map(_field, map(_append, self.before, self.axes)))


class Field(NamedTuple):
    """Receptive field of one axis, in input pixels.

    `r` is its size, `j` the jump from one output to the next, `P` how far the first output's
    field starts before the input (effective padding).
    """

    r: int
    j: "int | Fraction"
    P: int


# What layers do to one axis. Those in a row that do not upsample are one that reads the same.
Trail = tuple[Axis, ...]
Span = tuple[int, int]  # the first and the last pixel of some
_START = Axis("conv", n=1, f=1, s=1, d=1, pb=0, pe=0, op=0, ceil=False, out=1)
_STRIDES = 10**18  # what the strides of a stack may multiply to
_TRACED = 4096  # outputs that are traced through a layer that upsamples
_TRACED_TAPS = 256


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
    before: tuple[Trail, ...] = ((_START,),) * len(n)
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
        before = tuple(map(_append, before, axes))
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


def _append(trail: Trail, axis: Axis) -> Trail:
    """Put a layer after others: ``r += (e-1)j; P += pb·j; j *= s``, unless it upsamples."""
    if axis.kind == "convt" and axis.s > 1:
        return (*trail, axis, _START)
    last = trail[-1]
    # Without a stride a transposed layer is a plain one, padded by what it does not crop.
    pb = axis.e - 1 - axis.pb if axis.kind == "convt" else axis.pb
    joined = last._replace(
        f=last.f + (axis.e - 1) * last.s, s=last.s * axis.s, pb=last.pb + pb * last.s
    )
    return (*trail[:-1], joined)


def _field(trail: Trail) -> Field:
    """Trace outputs of the last layer back to the input."""
    if len(trail) == 1:
        return Field(trail[0].f, trail[0].s, trail[0].pb)
    import fractions  # noqa: PLC0415

    # What outputs read is one of these spans, moved by `step` times any whole number.
    spans, step = {(0, 0)}, 1
    for axis in reversed(trail):
        spans, step = _read_by(axis, spans, step)
    widest = max((last - first + 1 for first, last in spans), default=0)
    up = prod(axis.s for axis in trail if axis.kind == "convt")
    down = prod(axis.s for axis in trail) // up
    outputs = (_trace(trail, output) for output in range(_TRACED))
    return Field(widest, fractions.Fraction(down, up), -next(filter(None, outputs), (0, 0))[0])


def _read_by(axis: Axis, spans: set[Span], step: int) -> tuple[set[Span], int]:
    """Take spans of a layer's output, and what they may be moved by, to its input."""
    if axis.kind != "convt":
        return {span for span in (reads(axis, *each) for each in spans) if span}, step * axis.s
    common = gcd(step, axis.s)
    phases = range(min(axis.s // common, _TRACED // max(len(spans), 1)))
    step_in = step // common
    found = set()
    for first, last in spans:
        moves = {phase * step for phase in phases}
        if step == 1 and len(moves) < axis.s:
            # What is read changes only where an end of the span comes to a tap.
            taps = (0, axis.f - 1) if axis.d == 1 else range(min(axis.f, _TRACED_TAPS))
            places = [tap * axis.d - axis.pb for tap in taps]
            moves |= {(place - first + 1) % axis.s for place in places}
            moves |= {(place - last) % axis.s for place in places}
        for move in moves:
            if span := reads(axis, first + move, last + move):
                back = span[0] // step_in * step_in  # so that spans which are alike become one
                found.add((span[0] - back, span[1] - back))
    return found, step_in


def _trace(trail: Trail, output: int) -> Span | None:
    span: Span | None = (output, output)
    for axis in reversed(trail):
        span = reads(axis, *span) if span else None
    return span


def _in_layer(layer: Layer, error: ConvcliError) -> ConvcliError:
    """Name the layer in an error, and its options as a line of layers spells them."""
    if not layer.where:
        return error
    text = str(error).replace("--output-padding ", "op=")
    for key in "nfspdgc":
        text = text.replace(f"-{key} ", f"{key}=")
    return type(error)(f"{layer.where}: {text}")
