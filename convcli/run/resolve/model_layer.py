"""A layer of a model's file as the filter of `run`: what was not typed comes from the file."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from convcli.arrays import formats, stores
from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.members import Member
from convcli.arrays.sources.source import InMemory
from convcli.errors import ConvcliError, UsageError
from convcli.geometry.text import notation
from convcli.geometry.text.layer_text import format_layer
from convcli.geometry.window.axis import Padding, spread
from convcli.geometry.window.pad_modes import parse_pad_mode
from convcli.models import LAYERS, WEIGHTS, model_format
from convcli.models.layer import ModelLayer, find
from convcli.models.layer import layers as read_layers
from convcli.run.options import FORMATS, RunRequest
from convcli.streams import Streams, choose_format, note, printable


class ModelFilter(NamedTuple):
    """The options of a layer as if they had been typed, and its numbers."""

    request: RunRequest
    filter: InMemory
    bias: Array | None


def read_filter(request: RunRequest, streams: Streams) -> ModelFilter:
    """Take the layer of a model that ``-k`` names.

    Options that were typed stay; of each that differs from the file a note is written.
    """
    spec = request.kernel or ""
    path, _, member = spec.partition("::")
    layers = read_layers(path)
    if len(layers) > 1 and not member and streams.stdout.isatty():
        show(layers, "table", streams)
        raise UsageError(f"-k {spec} has {len(layers)} convolutions; name one as {path}::NAME")
    layer = find(spec, layers)
    refusal = layer.refusal or (layer.padding_refusal if request.p is None else "")
    if refusal:
        raise ConvcliError(refusal)
    weight, bias = layer.read()
    dims = weight.ndim - 2
    for option, typed, own in _differences(request, layer, max(dims, 1)):
        note(streams, f"{f'{option} {typed}'.strip()} replaces {own} of {spec}")
    if layer.padded and request.p is None:
        note(
            streams,
            f"the input of {spec} is padded by a node before it; if that is part of the layer, add "
            f"{layer.padded}",
        )
    if bias is not None and request.bias is not None:
        note(streams, f"--bias {request.bias} replaces the bias of {spec}")
    return ModelFilter(_filled(request, layer, dims), InMemory(spec, weight), bias)


def list_file(request: RunRequest, streams: Streams) -> None:
    """List the convolutions of the model that ``-k`` names, or the arrays of a file of weights."""
    spec = request.kernel or ""
    path = spec.partition("::")[0]
    fmt = choose_format(request.format, streams.stdout, FORMATS)
    if model_format(spec):
        show(read_layers(path), fmt, streams)
    elif stores.is_store(spec):
        _show_members(stores.members(path), fmt, streams)
    elif formats.suffix(path) in WEIGHTS:
        _show_members(formats.members(path, formats.suffix(path)), fmt, streams)
    else:
        raise UsageError(
            f"--list-kernels -k {spec!r} lists the layers of a model or the members of a file; "
            f"name one that ends in {', '.join(sorted((*LAYERS, *WEIGHTS, '.zarr')))}"
        )


def show(layers: list[ModelLayer], fmt: str, streams: Streams) -> None:
    """List layers: a line for each, as `shape` reads them, or a record for JSON."""
    if fmt == "json":
        _write_json(map(_record, layers), streams)
    else:
        _write_lines([(each.name, format_layer(each.layer)) for each in layers], fmt, streams)


def _show_members(found: list[Member], fmt: str, streams: Streams) -> None:
    if fmt == "json":
        _write_json((member._asdict() for member in found), streams)
    else:
        _write_lines([(each.name, shape_text(each.shape)) for each in found], fmt, streams)


def _write_json(records: Iterable[dict[str, Any]], streams: Streams) -> None:
    import json  # noqa: PLC0415  seldom needed

    for record in records:
        streams.stdout.write(json.dumps(record) + "\n")


def _write_lines(lines: list[tuple[str, str]], fmt: str, streams: Streams) -> None:
    """Write names, and what is said of them: aligned for people, else after a tab."""
    width = min(max((len(name) for name, _ in lines), default=0), 40) if fmt == "table" else 0
    gap = "  " if fmt == "table" else "\t"
    for name, text in lines:
        streams.stdout.write(f"{printable(name):<{width}}{gap}{text}\n")


def _record(layer: ModelLayer) -> dict[str, Any]:
    window = layer.layer.window
    return {
        "name": layer.name,
        "kind": window.kind,
        "layer": format_layer(layer.layer),
        "filter": window.f,
        "stride": window.s,
        "padding": window.p,
        "dilation": window.d,
        "output_padding": window.op,
        "channels_out": layer.layer.c,
        "groups": layer.layer.g,
        "bias": layer.layer.bias,
    }


def _differences(
    request: RunRequest, layer: ModelLayer, dims: int
) -> Iterator[tuple[str, str, str]]:
    """Give each option that was typed and differs: its name, as typed, and what the file has."""
    window, texts = layer.layer.window, _texts(layer)
    if request.transposed and window.kind == "conv":
        yield "--transposed", "", "the convolution"
    if parse_pad_mode(request.pad_mode) != "zeros":
        yield "--pad-mode", request.pad_mode, "the padding by zeros"
    if request.flip:
        yield "--flip", "", "the order of the taps"
    typed: dict[str, tuple[str, Any, Any]] = {
        "s": ("-s", notation.parse_only, window.s),
        "p": ("-p", notation.parse_only_padding, window.p),
        "d": ("-d", notation.parse_only, window.d),
        "groups": ("-g", notation.parse_only, (layer.layer.g,)),
        "output_padding": ("--output-padding", notation.parse_only, window.op),
    }
    for name, (option, parse, own) in typed.items():
        text = getattr(request, name)
        if text is None:
            continue
        given, count = parse(option, text), 1 if name == "groups" else dims
        alike = [v if isinstance(v, str) else spread(option, v, count) for v in (given, own)]
        if alike[0] != alike[1]:
            yield option, text, texts.get(name, "0")


def _texts(layer: ModelLayer) -> dict[str, str]:
    """Write what the file has as the options of the request that it stands for."""
    window = layer.layer.window
    texts = {
        "s": notation.join_axes([str(s) for s in window.s]),
        "p": _padding_text(window.p),
        "d": notation.join_axes([str(d) for d in window.d]),
        "groups": str(layer.layer.g),
    }
    if window.kind == "convt":
        texts["output_padding"] = notation.join_axes([str(op) for op in window.op])
    return texts


def _padding_text(padding: Padding) -> str:
    return padding if isinstance(padding, str) else notation.format_padding(padding)


def _filled(request: RunRequest, layer: ModelLayer, dims: int) -> RunRequest:
    """Fill in the options that were not typed."""
    missing: Any = {
        name: text for name, text in _texts(layer).items() if getattr(request, name) is None
    }
    transposed = request.transposed or layer.layer.window.kind == "convt"
    axes = dims if request.dims is None and request.layout is None else request.dims
    return request._replace(**missing, transposed=transposed, dims=axes)
