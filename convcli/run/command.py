"""`convcli run`: read -> check -> tile -> convolve -> write, one input array after another."""

import math
import time
from typing import NamedTuple

import numpy as np

from convcli.arrays import filters
from convcli.arrays.dtypes import Array
from convcli.arrays.opener import Opener
from convcli.arrays.sinks import Sink, Target
from convcli.arrays.sources import InMemory, Source
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import notation
from convcli.geometry.axis import Window
from convcli.geometry.network import Layer, apply
from convcli.geometry.pad_modes import parse_pad_mode
from convcli.run import blocks
from convcli.run.blocks import ahead
from convcli.run.convolver import Convolver
from convcli.run.operation import Operation, settle
from convcli.run.results import Result, Summary, Timing, Verdict
from convcli.streams import Streams, choose_format
from convcli.terminal.progress import Progress

FORMATS = ("table", "plain", "json")


class Request(NamedTuple):
    """The options of `run` as they were typed; None where they were not."""

    memory: str
    inputs: tuple[str, ...] = ()
    kernel: str | None = None
    f: str | None = None
    p: str | None = None
    s: str | None = None
    d: str | None = None
    g: str | None = None
    transposed: bool = False
    op: str | None = None
    bias: str | None = None
    pad_mode: str = "zeros"
    flip: bool = False
    dims: int | None = None
    layout: str | None = None
    dtype: str | None = None
    device: str = "cpu"
    engine: str = "auto"
    tf32: bool = False
    method: str = "auto"
    threads: int | None = None
    seed: int | None = None
    output: str | None = None
    format: str | None = None
    quiet: bool = False
    plot: bool = False
    verify: bool = False
    time: int | None = None


def run(request: Request, streams: Streams) -> int:
    """Convolve every array of every input, and report.

    Returns
    -------
    int
        Exit status.
    """
    if not request.inputs:
        if streams.stdin.isatty():
            raise UsageError("there is no input; name a .npy file or rand:8x8, or pipe one in")
        request = request._replace(inputs=("-",))
    sink = Sink(request.output, request.inputs, streams)
    report = _Report(request, streams, sink.to_stdout)
    opener = Opener(streams, request.seed, request.dims)
    window = _window(request)
    engine = choose.choose_engine(
        request.engine, request.device, request.threads, request.tf32, request.method
    )
    memory = notation.parse_bytes("--memory", request.memory)
    bias = opener.bias(request.bias) if request.bias is not None else None
    filter_ = opener.filter(request.kernel) if request.kernel is not None else None
    with Progress(streams.stderr, len(request.inputs)) as progress:
        for spec in request.inputs:
            with sink.open(spec) as target:
                for source in opener.inputs(spec):
                    used = filter_ or _random_filter(request, source, opener)
                    operation = _settle(request, source, used, window, bias)
                    convolver = _convolver(request, source, operation, engine, progress)
                    result = _convolve(request, source, used, convolver, memory, target, report)
                    progress.pause()
                    report.add(result)
                    if result.verdict is not None and not result.verdict.passed:
                        raise ConvcliError(_failure(result.verdict))  # and the old file stays
    report.end()
    return 0


def _failure(verdict: Verdict) -> str:
    return (
        f"--verify found an output off by {verdict.error:.3g}, beyond the tolerance of "
        f"{verdict.tolerance:.3g}; try another --method, or --dtype float64"
    )


def _convolver(
    request: Request, source: Source, operation: Operation, engine: Engine, progress: Progress
) -> Convolver:
    """Make what carries an operation out; where the choice is ours and it pays, with PyTorch."""
    convolver = Convolver(operation, engine, progress.advance)
    free = (request.engine, request.device, request.method) == ("auto", "cpu", "auto")
    exact = operation.out_dtype.kind in "iu"  # PyTorch holds fewer integers than NumPy
    if not free or exact:
        return convolver
    planned = convolver.plan(dict(zip(operation.layout, source.shape, strict=True)).get("N", 1))
    if planned is None or not choose.torch_pays(*planned, engine.threads):
        return convolver
    return Convolver(
        operation, choose.choose_engine("torch", "cpu", request.threads), progress.advance
    )


def list_kernels(streams: Streams) -> int:
    """Show every named filter with its numbers, as literals that ``-k`` reads."""
    for spec, filter_ in filters.listing():
        rows = ["[" + ",".join(f"{value:g}" for value in row) + "]" for row in filter_.tolist()]
        text = "[" + ",".join(rows) + "]"
        streams.stdout.write(f"{spec:<12} {text}\n")
    return 0


def _settle(
    request: Request, source: Source, filter_: InMemory, window: Window, bias: Array | None
) -> Operation:
    return settle(
        source.shape,
        source.dtype,
        filter_.array,
        window,
        bias=bias,
        groups=notation.parse_number("-g", request.g) if request.g else None,
        layout=request.layout or source.layout,
        dims=request.dims,
        flip=request.flip,
        pad_mode=parse_pad_mode(request.pad_mode),
        dtype=request.dtype,
    )


def _convolve(
    request: Request,
    source: Source,
    filter_: InMemory,
    convolver: Convolver,
    memory: int,
    target: Target,
    report: "_Report",
) -> Result:
    """Convolve one array, and do with it what was asked for."""
    operation = convolver.operation
    out_shape = operation.out_shape(source.shape)
    keep = report.shows_values or target.is_image or request.verify or request.plot
    if keep or request.time:
        source = source.whole()
    timing = _time(request.time, source, convolver, memory) if request.time else None
    kept = np.empty(out_shape, operation.out_dtype) if keep else None
    flat = kept.reshape(-1) if kept is not None else None
    summary = Summary()
    seconds = 0.0
    target.begin(out_shape, operation)
    parts = ahead(blocks.convolve(source, convolver, memory))
    while True:
        begin = time.perf_counter()
        part = next(parts, None)
        seconds += time.perf_counter() - begin
        if part is None:
            break
        if flat is not None:
            flat[summary.count : summary.count + part.size] = part.reshape(-1)
        summary.add(part, report.shows_figures)
        target.write(part)
    if summary.count != math.prod(out_shape):
        raise AssertionError(f"made {summary.count} numbers of {out_shape}")
    mapping = target.finish(kept, operation)
    verdict = None
    if request.verify and kept is not None and isinstance(source, InMemory):
        from convcli.run.verify import verify  # noqa: PLC0415

        verdict = verify(source.array, kept, operation, spread="fft" in convolver.methods)
    seen = source.array if isinstance(source, InMemory) else None
    return Result(
        source.name, source.shape, source.dtype, filter_, operation, convolver.engine,
        tuple(sorted(convolver.methods)), convolver.costs, out_shape,
        summary, seconds, target.path, mapping, seen, kept,
        verdict, timing,
    )  # fmt: skip


def _time(runs: int, source: Source, convolver: Convolver, memory: int) -> Timing:
    """Run again and again; the first, which warms up, does not count."""
    import statistics  # noqa: PLC0415  slow to load, and seldom needed

    operation = convolver.operation
    silent = Convolver(operation, convolver.engine)
    seconds = []
    for _ in range(runs + 1):
        whole = source.whole()
        begin = time.perf_counter()
        for _part in blocks.convolve(whole, silent, memory):
            pass
        seconds.append(time.perf_counter() - begin)
    out_shape = operation.out_shape(source.shape)
    moved = math.prod(source.shape) * source.dtype.itemsize
    moved += math.prod(out_shape) * operation.out_dtype.itemsize
    return Timing(runs, statistics.median(seconds[1:]), _macs(operation, source.shape), moved)


def _macs(operation: Operation, shape: tuple[int, ...]) -> int:
    """Count multiply-accumulates as `shape` does."""
    sizes = dict(zip(operation.layout, shape, strict=True))
    channels = sizes.get("C", 1)
    out = channels if operation.each_channel else len(operation.filter)
    axes = operation.axes
    window = Window(
        f=tuple(a.f for a in axes),
        s=tuple(a.s for a in axes),
        p=tuple((a.pb, a.pe) for a in axes),
        d=tuple(a.d for a in axes),
        op=tuple(a.op for a in axes),
        kind=axes[0].kind,
    )
    step = apply(Layer(window, out, operation.groups), tuple(a.n for a in axes), channels)
    return (step.macs or 0) * sizes.get("N", 1)


def _window(request: Request) -> Window:
    if (request.kernel is None) == (request.f is None):
        raise UsageError(
            "give one of -k FILTER, such as -k sobel-x, and -f SIZE, for a random filter"
        )
    if request.quiet and (request.plot or request.time is not None):
        raise UsageError("-q hides what --plot and --time show; leave one of them out")
    if request.time is not None and request.time < 1:
        raise UsageError(f"--time {request.time} must be 1 or more; use --time 5")
    if request.op is not None and not request.transposed:
        raise UsageError("--output-padding belongs to a transposed operation; add --transposed")
    return Window(
        f=(1,),
        s=notation.parse_only("-s", request.s or "1"),
        p=notation.parse_only_padding("-p", request.p or "0"),
        d=notation.parse_only("-d", request.d or "1"),
        op=notation.parse_only("--output-padding", request.op or "0"),
        kind="convt" if request.transposed else "conv",
    )


def _random_filter(request: Request, source: Source, opener: Opener) -> InMemory:
    """Take as many axes for a single filter size as `shape` would: two, if there are two."""
    layout = request.layout or source.layout
    spatial = len(layout.upper().replace("N", "").replace("C", "")) if layout else 0
    dims = request.dims or spatial or min(len(source.shape), 2)
    return opener.random_filter(str(request.f), dims)


class _Report:
    """Writes what is known of each array, where what is written does not go."""

    def __init__(self, request: Request, streams: Streams, to_stdout: bool) -> None:
        self._stream = streams.stderr if to_stdout else streams.stdout
        figures = request.verify or request.time is not None or request.plot
        given = "table" if figures and request.format is None else request.format
        self._format = choose_format(given, self._stream, FORMATS)
        # Behind data in a pipe nobody reads a size, unless they asked for it.
        self._shown = not request.quiet and not (
            to_stdout and self._format == "plain" and request.format is None
        )
        self.shows_figures = self._shown and self._format != "plain"
        self._plot = request.plot
        self._many = len(request.inputs) > 1 and self._format == "table" and not figures
        self._held: list[Result] = []
        self.shows_values = (
            self._shown and self._format == "table" and not to_stdout and request.output is None
        )

    def add(self, result: Result) -> None:
        """Report one array."""
        if not self._shown:
            return
        if self._many:
            self._held.append(result._replace(input=None, output=None))
            return
        if self._format == "plain":
            self._stream.write(notation.format_sizes(result.out_shape) + "\n")
            return
        from convcli.run import report  # noqa: PLC0415  Rich is loaded to draw, and not before

        report.show(result, self._format, self._stream, self.shows_values, self._plot)

    def end(self) -> None:
        """Write the one table of many arrays."""
        if self._held:
            from convcli.run import report  # noqa: PLC0415

            report.show_many(self._held, self._stream)
