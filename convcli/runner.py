"""`convcli run`: read -> check -> tile -> convolve -> write, one input array after another."""

import contextlib
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from convcli import engines, notation
from convcli.arrays import Array, at, replaced, write_array
from convcli.engines import Engine
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import Window
from convcli.operation import Operation, integer_bound, settle
from convcli.sources import Named, Sources
from convcli.streams import Streams, choose_format
from convcli.tiles import cut, padded_slab

FORMATS = ("table", "plain", "json")
_TILE = 1 << 20  # bytes: slab, output and work space of a tile stay in a core's cache


class Request(NamedTuple):
    """The options of `run` as they were typed; None where they were not."""

    input: str | None = None
    kernel: str | None = None
    f: str | None = None
    p: str | None = None
    s: str | None = None
    d: str | None = None
    g: str | None = None
    dims: int | None = None
    layout: str | None = None
    device: str = "cpu"
    engine: str = "auto"
    seed: int | None = None
    output: str | None = None
    format: str | None = None
    quiet: bool = False


class Result(NamedTuple):
    """What one array became, for a report."""

    source: Named
    filter: Named
    operation: Operation
    engine: Engine
    output: Array
    seconds: float
    path: str | None


def run(request: Request, streams: Streams) -> int:
    """Convolve every array of the input, and report.

    Returns
    -------
    int
        Exit status.
    """
    to_stdout = request.output in (None, "-") and not streams.stdout.isatty()
    if request.output == "-" and not to_stdout:
        raise UsageError("-o - would send bytes to a terminal; use -o FILE, or a pipe")
    # stdout carries data or the report; what stdout does not carry goes to stderr.
    reports = streams.stderr if to_stdout else streams.stdout
    fmt = choose_format(request.format, reports, FORMATS)
    show = not request.quiet and not (to_stdout and fmt == "plain" and request.format is None)
    sources = Sources(streams, request.seed)
    spec = _input_spec(request, streams)
    window = _window(request)
    groups = notation.parse_number("-g", request.g) if request.g else None
    engine = engines.choose(request.engine, request.device)
    filter_ = sources.filter(request.kernel) if request.kernel is not None else None
    with _output(request, streams, to_stdout) as stream:
        for source in sources.inputs(spec):
            used = filter_ or sources.random_filter(
                str(request.f), _filter_dims(request, source.array)
            )
            operation = settle(
                source.array.shape,
                source.array.dtype,
                used.array,
                window,
                groups=groups,
                layout=request.layout,
                dims=request.dims,
            )
            begin = time.perf_counter()
            output = convolve(source.array, operation, engine)
            seconds = time.perf_counter() - begin
            if stream is not None:
                write_array(output, stream)
            path = request.output if stream is not None and not to_stdout else None
            if show:
                result = Result(source, used, operation, engine, output, seconds, path)
                _report(result, fmt, streams, to_stdout)
    return 0


def convolve(x: Array, operation: Operation, engine: Engine) -> Array:
    """Convolve one array, tile by tile.

    Parameters
    ----------
    x : ndarray
        In the operation's layout.
    operation : Operation
    engine : Engine

    Returns
    -------
    ndarray
        In the operation's output layout; its shape is what `geometry` predicts.
    """
    out = np.zeros(operation.out_shape(x.shape), operation.out_dtype)
    whole = operation.out_canonical(out)
    images = operation.canonical(x)
    bound = integer_bound(x, operation.filter) if operation.out_dtype.kind in "iu" else 0
    if bound >= 2**63:
        raise ConvcliError(
            f"integer sums may reach {bound:.3g}, which does not fit int64; use --dtype float64"
        )
    dtype = engine.compute_dtype(operation.out_dtype, bound)
    groups = operation.groups
    for filter_, axes, lattice in operation.passes():
        weights = filter_.astype(dtype)
        if operation.each_channel:
            weights = np.broadcast_to(weights, (groups, *weights.shape[1:]))
        stride, dilation = tuple(a.s for a in axes), tuple(a.d for a in axes)
        target = whole[at(..., *lattice)]
        per_pixel = dtype.itemsize * (images.shape[1] + 2 * whole.shape[1])
        for tile in cut(images.shape[0], axes, per_pixel, _TILE):
            slab = padded_slab(images, axes, tile, operation.pad_mode, dtype)
            made = engine.convolve(slab, weights, stride, dilation, groups)
            place = target[at(tile.batch, slice(None), *tile.out)]
            if made.shape != place.shape:
                raise AssertionError(f"{engine.name} made {made.shape}, not {place.shape}")
            if out.dtype.kind in "iu" and made.dtype.kind == "f":
                made = np.rint(made)
            np.copyto(place, made, casting="unsafe")
    return out


def _input_spec(request: Request, streams: Streams) -> str:
    if request.input is not None:
        return request.input
    if streams.stdin.isatty():
        raise UsageError("there is no input; name a .npy file or rand:8x8, or pipe one in")
    return "-"


def _window(request: Request) -> Window:
    if (request.kernel is None) == (request.f is None):
        raise UsageError(
            "give one of -k KERNEL, such as -k sobel-x, and -f SIZE for a random filter"
        )
    return Window(
        f=(1,),
        s=notation.parse_only("-s", request.s or "1"),
        p=notation.parse_only_padding("-p", request.p or "0"),
        d=notation.parse_only("-d", request.d or "1"),
    )


def _filter_dims(request: Request, x: Array) -> int:
    """Take as many axes for a single filter size as `shape` would: two, if there are two."""
    return request.dims or min(x.ndim, 2)


@contextlib.contextmanager
def _output(request: Request, streams: Streams, to_stdout: bool) -> Iterator[BinaryIO | None]:
    if to_stdout:
        yield streams.stdout.buffer
    elif request.output is None:
        yield None
    else:
        with replaced(request.output) as stream:
            yield stream


def _report(result: Result, fmt: str, streams: Streams, to_stdout: bool) -> None:
    stream = streams.stderr if to_stdout else streams.stdout
    if fmt == "plain":
        stream.write(notation.format_sizes(result.output.shape) + "\n")
        return
    from convcli import report_run  # noqa: PLC0415  Rich is loaded when there is something to draw

    report_run.show(result, fmt, stream)
