"""The command `run`: for each input array, resolve the operation, convolve, write, report."""

import math
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convcli.arrays import filters
from convcli.arrays.dtypes import Array, at
from convcli.arrays.opener import Opener
from convcli.arrays.sinks import Sink, Target
from convcli.arrays.sources import InMemory, Source
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import notation
from convcli.geometry.axis import Window
from convcli.geometry.pad_modes import parse_pad_mode
from convcli.models import is_model
from convcli.options import RunRequest
from convcli.run.axes import check_dims
from convcli.run.blocks import plan_blocks
from convcli.run.job import Job
from convcli.run.operation import Operation, resolve
from convcli.run.pipeline import Pipeline
from convcli.run.reporter import FORMATS, Reporter
from convcli.run.results import Facts, Kept, Result, Summary, Timing, Verdict
from convcli.streams import Streams, choose_format
from convcli.terminal.progress import Progress

if TYPE_CHECKING:
    from convcli.run.model_layer import Taken

_MOST_RUNS = 1_000_000  # of --time


class _Run(NamedTuple):
    """What all arrays of one command share."""

    request: RunRequest
    opener: Opener
    window: Window
    filter: InMemory | None  # None: random, of as many axes as the input needs
    bias: Array | None
    engine: Engine
    memory: int
    pipeline: Pipeline
    reporter: Reporter
    progress: Progress


def run(request: RunRequest, streams: Streams) -> int:
    """Convolve every array of every input, and report.

    Returns
    -------
    int
        Exit status.
    """
    if request.list_kernels or _names_only_a_model(request, streams):
        return _list_kernels(request, streams)
    layer = _model_layer(request, streams)
    request = layer.request if layer else request
    check_dims(request.dims)
    inputs = _inputs(request, streams)
    request = request._replace(inputs=inputs)
    sink = Sink(request.output, inputs, streams)
    reporter = Reporter(request, streams, sink.to_stdout)
    opener = Opener(streams, request.seed, request.dims)
    with Progress(streams.stderr, len(inputs)) as progress:
        shared = _Run(
            request=request,
            opener=opener,
            window=_window(request),
            engine=choose.choose_engine(
                request.engine, request.device, request.threads, request.tf32, request.method
            ),
            memory=notation.parse_bytes("--memory", request.memory),
            bias=_bias(request, opener, layer),
            filter=_filter(request, opener, layer),
            pipeline=Pipeline(),
            reporter=reporter,
            progress=progress,
        )
        for spec in inputs:
            with sink.open(spec) as target:
                for source in opener.inputs(spec):
                    result, kept = _convolve(shared, source, target)
                    progress.pause()
                    reporter.add(result, kept)
                    _require_passed(result.verdict)  # or else the old file stays
    reporter.end()
    return 0


def _names_only_a_model(request: RunRequest, streams: Streams) -> bool:
    """Whether a model is named without one of its layers, at a prompt and without an input."""
    spec = request.kernel or ""
    at_prompt = not request.inputs and streams.stdin.isatty()
    return at_prompt and is_model(spec) and "::" not in spec


def _model_layer(request: RunRequest, streams: Streams) -> "Taken | None":
    """Take the layer of a model that ``-k`` names, with the options that it stands for."""
    if request.f is not None or request.kernel is None or not is_model(request.kernel):
        return None
    from convcli.run import model_layer  # noqa: PLC0415  seldom needed

    return model_layer.take(request, streams)


def _filter(request: RunRequest, opener: Opener, layer: "Taken | None") -> InMemory | None:
    if layer:
        return layer.filter
    return opener.filter(request.kernel) if request.kernel is not None else None


def _bias(request: RunRequest, opener: Opener, layer: "Taken | None") -> Array | None:
    if request.bias is not None:
        return opener.bias(request.bias)
    return layer.bias if layer else None


def _list_kernels(request: RunRequest, streams: Streams) -> int:
    """Show every named filter with its numbers, as literals that ``-k`` reads."""
    if request.kernel is not None:
        from convcli.run import model_layer  # noqa: PLC0415  seldom needed

        model_layer.list_file(request, streams)
        return 0
    if (
        request.format is not None
        and choose_format(request.format, streams.stdout, FORMATS) == "json"
    ):
        import json  # noqa: PLC0415  seldom needed

        for spec, filter_ in filters.listing():
            record = {"name": spec, "filter": filter_.shape, "weights": filter_.tolist()}
            streams.stdout.write(json.dumps(record) + "\n")
        return 0
    for spec, filter_ in filters.listing():
        rows = ["[" + ",".join(f"{value:g}" for value in row) + "]" for row in filter_.tolist()]
        text = "[" + ",".join(rows) + "]"
        streams.stdout.write(f"{spec:<12} {text}\n")
    return 0


def _inputs(request: RunRequest, streams: Streams) -> list[str]:
    if request.inputs:
        return request.inputs
    if streams.stdin.isatty():
        raise UsageError("there is no input; name a .npy file or rand:8x8, or pipe one in")
    return ["-"]


def _window(request: RunRequest) -> Window:
    """Read the options of the window; its filter size comes from the filter."""
    if (request.kernel is None) == (request.f is None):
        raise UsageError(
            "give one of -k FILTER, such as -k sobel-x, and -f SIZE, for a random filter"
        )
    if request.time is not None and not 1 <= request.time <= _MOST_RUNS:
        raise UsageError(f"--time {request.time} must be from 1 to {_MOST_RUNS}; use --time 5")
    if request.output_padding is not None and not request.transposed:
        raise UsageError(
            f"--output-padding {request.output_padding} is only valid for transposed "
            f"convolutions; add --transposed"
        )
    return Window(
        f=(1,),
        s=notation.parse_only("-s", request.s or "1"),
        p=notation.parse_only_padding("-p", request.p or "0"),
        d=notation.parse_only("-d", request.d or "1"),
        op=notation.parse_only("--output-padding", request.output_padding or "0"),
        kind="convt" if request.transposed else "conv",
    )


def _convolve(run: _Run, source: Source, target: Target) -> tuple[Result, Kept]:
    """Convolve one array, write it, and time and check it where that was asked for."""
    request, reporter = run.request, run.reporter
    filter_ = run.filter or _random_filter(request, source, run.opener)
    operation = _operation(run, source, filter_)
    job = _job(run, operation, source.shape)
    keep_output = reporter.needs_output or target.is_image or request.verify
    if keep_output or request.time:
        source = source.whole()
    timing = _measure(run, job, source)
    done = _stream(run, job, source, target, keep_output)
    x, alpha = (source.array, source.alpha) if isinstance(source, InMemory) else (None, None)
    from_integers = operation.in_dtype.kind in "iub"
    mapping = target.finish(done.output, operation.out_layout, from_integers, alpha)
    verdict = _verify(run, operation, x, done)
    result = _result(source, filter_, job, target, done)
    result = result._replace(mapping=mapping, verdict=verdict, timing=timing)
    return result, Kept(x, filter_.array, done.output)


def _random_filter(request: RunRequest, source: Source, opener: Opener) -> InMemory:
    """Make the filter of ``-f``; a single size is for two axes, or one if there is only one."""
    layout = request.layout or source.layout
    spatial = len(layout.upper().replace("N", "").replace("C", "")) if layout else 0
    dims = request.dims or spatial or min(len(source.shape), 2)
    return opener.random_filter(str(request.f), dims)


def _operation(run: _Run, source: Source, filter_: InMemory) -> Operation:
    request = run.request
    return resolve(
        source.shape,
        source.dtype,
        filter_.array,
        run.window,
        bias=run.bias,
        groups=notation.parse_number("-g", request.groups) if request.groups else None,
        layout=request.layout or source.layout,
        dims=request.dims,
        flip=request.flip,
        pad_mode=parse_pad_mode(request.pad_mode),
        dtype=request.dtype,
    )


def _job(run: _Run, operation: Operation, shape: tuple[int, ...]) -> Job:
    """Make the job for the engine chosen, or where that is left to us for the faster one."""
    request, job = run.request, Job(operation, run.engine)
    ours = (request.engine, request.device, request.method) == ("auto", "cpu", "auto")
    exact = operation.out_dtype.kind in "iu"  # PyTorch holds fewer integers than NumPy
    if not ours or exact:
        return job
    images = dict(zip(operation.layout, shape, strict=True)).get("N", 1)
    planned = job.plan(images)
    if planned is None or not choose.torch_pays(*planned, run.engine.threads):
        return job
    return Job(operation, choose.choose_engine("torch", "cpu", request.threads))


def _measure(run: _Run, job: Job, source: Source) -> Timing | None:
    if run.request.time is None:
        return None
    from convcli.run.timing import measure  # noqa: PLC0415  seldom needed

    return measure(run.request.time, job, source, run.memory)


class _Done(NamedTuple):
    """What became of one array while it was convolved."""

    summary: Summary
    methods: set[str]
    costs: dict[str, float]
    seconds: float  # of waiting for blocks
    output: Array | None  # if it was kept


def _stream(run: _Run, job: Job, source: Source, target: Target, keep: bool) -> _Done:
    """Convolve block by block, and write each; keep the whole output if it is needed."""
    operation = job.operation
    shape = operation.out_shape(source.shape)
    total = math.prod(shape)
    summary, seconds = Summary(), 0.0
    methods: set[str] = set()
    costs: Counter[str] = Counter()
    kept = np.empty(shape, operation.out_dtype) if keep else None
    target.begin(shape, operation.out_dtype)
    blocks = plan_blocks(operation, source.shape, run.memory, job.whole_tiles)
    made = run.pipeline.run(job, source, blocks, lambda count: run.progress.advance(count / total))
    while True:
        begin = time.perf_counter()
        block = next(made, None)
        seconds += time.perf_counter() - begin
        if block is None:
            return _Done(summary, methods, dict(costs), seconds, kept)
        for plan in block.plans:
            methods.add(plan.method)
            costs.update(plan.costs)
        if run.reporter.needs_summary:
            summary.add(block.y)
        if kept is not None:
            kept[at(*(slice(part.start, part.stop) for part in block.block.output))] = block.y
        target.write(block.y)


def _verify(run: _Run, operation: Operation, x: Array | None, done: _Done) -> Verdict | None:
    if not run.request.verify or x is None or done.output is None:
        return None
    from convcli.run.verify import verify  # noqa: PLC0415  seldom needed

    return verify(x, done.output, operation, transformed="fft" in done.methods)


def _require_passed(verdict: Verdict | None) -> None:
    if verdict is not None and not verdict.passed:
        raise ConvcliError(
            f"--verify found an output off by {verdict.error:.3g}, beyond the tolerance of "
            f"{verdict.tolerance:.3g}; try another --method, or --dtype float64"
        )


def _result(source: Source, filter_: InMemory, job: Job, target: Target, done: _Done) -> Result:
    """Gather the facts of a report."""
    operation, summary = job.operation, done.summary
    return Result(
        input=Facts(source.name, source.shape, str(source.dtype), operation.layout),
        filter=Facts(filter_.name, filter_.shape, str(filter_.dtype)),
        output=Facts(
            target.path or "",
            operation.out_shape(source.shape),
            str(operation.out_dtype),
            operation.out_layout,
        ),
        axes=operation.axes,
        groups=operation.groups,
        each_channel=operation.each_channel,
        flip=operation.flip,
        pad_mode=operation.pad_mode,
        bias=() if operation.bias is None else tuple(operation.bias.tolist()),
        device=job.engine.device,
        engine=job.engine.name,
        methods=tuple(sorted(done.methods)),
        costs=done.costs,
        low=summary.low,
        mean=summary.mean,
        high=summary.high,
        seconds=done.seconds,
    )
