"""A network: opened, and applied to each input size."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.network.graph import NodeStep, follow
from convcli.geometry.network.operation import FieldNote
from convcli.geometry.text import notation
from convcli.geometry.text.sweep import Sweep, has_many
from convcli.geometry.window.axis import Sizes, spread
from convcli.models.network import Network
from convcli.models.open import open_network
from convcli.option_rules import Typed, refuse
from convcli.shape.cases import OnMisfit, read_channels
from convcli.shape.usage import need, network_name
from convcli.streams import Streams, note

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest


def networks(
    request: "ShapeRequest",
    streams: Streams,
    on_misfit: OnMisfit | None = None,
    shows_fields: bool = True,
) -> Iterator[list[NodeStep]]:
    """Apply the network of a request to each of its inputs, see `cases.cases`.

    Where the report `shows_fields`, there are notes about them too.
    """
    _refuse_options_of_one_layer(request)
    network = open_network(network_name(request), request.layers or (), streams)
    channels = [(network.c, None)] if request.channels is None else read_channels(request)
    sizes, swept = _input_sizes(request, network, channels, streams)
    swept = swept or has_many(channels)
    noted = False
    for n, (c_in, c_out) in ((n, c) for n in sizes for c in channels):
        if c_out not in (None, c_in):
            raise UsageError(
                f"-c {request.channels}: a network is given its input channels only; use -c {c_in}"
            )
        try:
            steps = list(follow(network.graph, network.tensors(n, c_in)))
        except DoesNotFit as error:
            if (network.declared or network.built_in) and not request.layers:
                error = _of_another_size(error)
            if not swept or on_misfit is None:
                raise error from None
            on_misfit(error)
            continue
        for text in () if noted else (*_note_of_images(network), *_notes(steps)):
            if shows_fields or not isinstance(text, FieldNote):
                note(streams, text)
        if not noted and request.format in (None, "plain"):
            _note_outputs(network, steps[-1].name, streams)
        noted = True
        yield steps


def _note_of_images(network: Network) -> Iterator[str]:
    """Say which image receptive fields are about, where a network reads several."""
    images = [each.name for each in network.graph.inputs if len(each.shape or ()) > 2]
    if len(images) > 1:
        yield FieldNote(
            f"{network.source} reads {len(images)} images; receptive fields are about the first, "
            f"{images[0]}: nothing of {', '.join(images[1:])} is in them"
        )


def _note_outputs(network: Network, last: str, streams: Streams) -> None:
    """Say of which node a single size is, where a network has several outputs."""
    outputs = len(network.graph.outputs)
    if outputs > 1:
        note(
            streams,
            f"{network.source} has {outputs} outputs; its output is said to be that of its last "
            f"node, {last}, and --format json has the others",
        )


def _of_another_size(error: DoesNotFit) -> DoesNotFit:
    """Give the remedy for a network whose layers cannot be written otherwise."""
    why, _, remedy = str(error).rpartition("; ")
    return DoesNotFit(f"{why}; use a larger -n") if "=" in remedy else error


def _notes(steps: Sequence[NodeStep]) -> list[str]:
    """Say what was not followed: once for each kind of operator and reason, and of how many nodes.

    What a note says after its reason is that of the first of them.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for step in steps:
        for text in step.notes:
            found.setdefault(text.partition(";")[0], (text, []))[1].append(step.name)
    return [
        type(text)(f"{text} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''})")
        for text, names in found.values()
    ]


def _input_sizes(
    request: "ShapeRequest",
    network: Network,
    channels: Sequence[tuple[int | None, int | None]],
    streams: Streams,
) -> tuple[Iterable[Sizes | None], bool]:
    """Return the sizes of the input, and whether there are several; None: those of a model."""
    if request.n is None and network.declared:
        stored = f"the size of the input in {network.source}"
        refuse({"--dims": request.dims}, stored, "add -n, or omit it")
        return [None], False
    if request.n is None and network.n is not None:
        n: Sweep[Sizes] = Sweep([tuple([range(size, size + 1) for size in network.n])])
    else:
        n = notation.parse_sizes("-n", need("-n", request.n))
    if n.axes == 3 and network.dims != 3 and network.axes < 3:
        from convcli.shape.channel_note import note_channel_axis  # noqa: PLC0415  for three axes

        note_channel_axis(request, channels, partial(note, streams), network.dims)
    named = [n.axes] if n.axes > 1 else [network.axes]
    if network.declared and network.dims is not None and request.dims != network.dims:
        its_input = f"{network.source}, whose input has {network.dims} spatial axes"
        refuse({"--dims": request.dims}, its_input, "omit it")
    dims = notation.resolve_dims(named, request.dims or (network.dims if n.axes == 1 else None))
    return (spread("-n", sizes, dims) for sizes in n), has_many(n)


def _refuse_options_of_one_layer(request: "ShapeRequest") -> None:
    options: list[tuple[str, Typed, str]] = [
        ("-f", request.f, f"f={request.f}"),
        ("-s", request.s, f"s={request.s}"),
        ("-p", request.p, f"p={request.p}"),
        ("-d", request.d, f"d={request.d}"),
        ("-g", request.groups, f"g={request.groups}"),
        ("--output-padding", request.output_padding, f"op={request.output_padding}"),
        ("--transposed", request.transposed, "convt f=3"),
        ("--pool", request.pool, f"{request.pool}pool f=2"),
        ("--ceil", request.ceil, "ceil=1"),
        ("--no-bias", request.no_bias, "bias=0"),
    ]
    for option, value, instead in options:
        refuse({option: value}, "a network", f"write it in the layer: {instead}")
