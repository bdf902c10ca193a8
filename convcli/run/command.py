"""The command `run`: for each input array, resolve the operation, convolve, write, report."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, at
from convcli.arrays.opener import Gradient, Opener
from convcli.arrays.records import Records
from convcli.arrays.ring import Ring
from convcli.arrays.sinks import Sink, Target
from convcli.arrays.sources import InMemory, Source
from convcli.arrays.writers import Whole
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import notation
from convcli.geometry.axis import POOLS, Kind, Padding, Window
from convcli.geometry.pad_modes import parse_pad_mode
from convcli.models import is_model
from convcli.options import RunRequest
from convcli.run.axes import check_dims
from convcli.run.blocks import Blocks, plan_blocks
from convcli.run.job import Job
from convcli.run.operation import Operation, resolve
from convcli.run.pipeline import Pipeline
from convcli.run.reporter import Reporter
from convcli.run.results import Facts, Kept, Result, Summary, Timing, Verdict
from convcli.run.weights import Weights, check_weights, choose_weights, with_channels
from convcli.streams import Streams
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.arrays.pixels import Scaling
    from convcli.pictures.files import Wanted
    from convcli.run.many_files import Files
    from convcli.run.model_layer import Taken

_MOST_RUNS = 1_000_000  # of --time
_MOST_PREPARED = 32  # kinds of arrays


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
    outputs: Ring  # of arrays that are convolved together
    reporter: Reporter
    progress: Progress
    picture: "Wanted | None"
    shown: list[tuple[Result, Kept]]  # what the picture shows
    prepared: dict[tuple[object, ...], "_Prepared"]


class _Prepared(NamedTuple):
    """What follows from the shape and the type of an array, and from the options."""

    weights: Weights
    job: Job
    blocks: Blocks
    together: Job | None  # for many arrays, see `together.batched`


def run(request: RunRequest, streams: Streams) -> int:
    """Convolve every array of every input, and report.

    Returns
    -------
    int
        Exit status.
    """
    if request.list_kernels or _names_only_a_model(request, streams):
        _list_kernels(request, streams)
        return 0
    layer = _model_layer(request, streams)
    request = layer.request if layer else request
    check_dims(request.dims)
    request, picture = _picture(request)
    if request.animate:
        _check_animation(request, streams)
    inputs = _inputs(request, streams)
    request = with_channels(request._replace(inputs=inputs))
    # Unless -o names a place for the array.
    report_only = request.format == "json" or picture is not None
    sink = Sink(request.output, inputs, streams, request.output_format, report_only)
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
            outputs=Ring(),
            reporter=reporter,
            progress=progress,
            picture=picture,
            shown=[],
            prepared={},
        )
        for names, files in _in_groups(shared):
            if files is not None:
                _write_files(shared, sink, names, files)
                continue
            for spec in names:
                _convolve_input(shared, sink, spec, streams)
    if picture is not None and shared.shown:
        _draw(picture, *shared.shown[0])
    reporter.end()
    return 0


def _in_groups(run: _Run) -> "Iterator[tuple[Sequence[str], Files | None]]":
    """Give the inputs in order; equal small files convolved together where nothing differs."""
    request, inputs = run.request, run.request.inputs or []
    asked = request.verify or request.time is not None or run.picture is not None
    asked = asked or run.reporter.needs_output
    mapped = request.scale is not None or request.output_format is not None
    if len(inputs) < 2 or asked or mapped:
        return iter([(inputs, None)])
    from convcli.run.many_files import convolved  # noqa: PLC0415  for many files only

    def prepare(first: InMemory) -> Job | None:
        return _prepare(run, first, many=True).together

    return convolved(inputs, run.memory, prepare, run.outputs)


def _convolve_input(run: _Run, sink: Sink, spec: str, streams: Streams) -> None:
    """Convolve all arrays of an input, write them to its target, and report each."""
    with sink.open(spec) as target:
        _check_scale(run.request, target)
        for source in _sources(run, spec, target):
            result, kept = _convolve(run, source, target)
            run.progress.pause()
            if run.request.animate:
                _animate(kept, streams)
            run.reporter.add(result, kept)
            _require_passed(result.verdict)  # or else the old file stays
            if run.picture is not None:
                _keep_for_picture(run, run.picture, result, kept)


def _write_files(run: _Run, sink: Sink, names: Sequence[str], files: "Files") -> None:
    """Write and report each of the files that were convolved together as if it were alone."""
    source, made = files.source, files.made
    weights, job, _, _ = _prepare(run, source, many=True)
    done = _Done(Summary(), made.methods, made.costs, files.seconds, None)
    kept = Kept(job.operation, None, weights.filter.array, None)
    run.progress.pause()
    with made.loan as memory:
        result: Result | None = None
        for name, row, y in zip(names, memory, made.y, strict=True):
            with sink.open(name) as target:
                target.write_records(row)
                result = result or _result(source, weights.filter, job, run.window.p, target, done)
                if run.reporter.needs_summary:
                    summary = Summary()
                    summary.add(y)
                    result = result.of_another(name, target.path or "", summary)
                run.reporter.add(result, kept)
    run.progress.advance(len(names))


def _sources(run: _Run, spec: str, target: Target) -> Iterator[Source]:
    """Open an input; many equal arrays are convolved at once where nobody asks about each."""
    asked = run.request.verify or run.request.time is not None
    together = run.reporter.silent and target.takes_records and not asked
    for source in run.opener.inputs_together(spec, together):
        if not isinstance(source, Records):
            yield source
        elif not _convolve_together(run, source, target):
            yield from source.one_by_one()


def _convolve_together(run: _Run, source: Records, target: Target) -> bool:
    from convcli.run.together import convolve_records  # noqa: PLC0415  for many arrays only

    job = _prepare(run, next(source.one_by_one()), many=True).together
    made = convolve_records(job, source, run.outputs) if job is not None else None
    if made is None:
        return False
    with made.loan as memory:
        target.write_records(memory)
    return True


def _names_only_a_model(request: RunRequest, streams: Streams) -> bool:
    """Whether a model is named without one of its layers, at a prompt and without an input."""
    spec = request.kernel or ""
    at_prompt = not request.inputs and streams.stdin.isatty()
    return at_prompt and is_model(spec) and "::" not in spec


def _model_layer(request: RunRequest, streams: Streams) -> "Taken | None":
    """Take the layer of a model that ``-k`` names, with the options that it stands for."""
    other = request.f is not None or request.pool is not None  # which do not go with -k
    if other or request.kernel is None or not is_model(request.kernel):
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


def _check_animation(request: RunRequest, streams: Streams) -> None:
    from convcli.explain.keys import require_terminal  # noqa: PLC0415  seldom needed

    require_terminal(streams)
    if len(request.inputs or ()) > 1:
        raise UsageError(
            f"--animate shows one input, and {len(request.inputs or ())} are named; name one"
        )


def _animate(kept: Kept, streams: Streams) -> None:
    """Play the operation on what was kept of it."""
    from convcli.explain import animation  # noqa: PLC0415  seldom needed
    from convcli.run.numbers import Narrator  # noqa: PLC0415

    if kept.input is not None and kept.output is not None:
        operation = kept.operation
        animation.play(operation.axes, streams, Narrator(operation, kept.input, kept.output))


def _picture(request: RunRequest) -> "tuple[RunRequest, Wanted | None]":
    """Take the picture that ``-o`` names, where it names one, out of a request."""
    if request.output is None and request.frame is None:
        return request, None
    from convcli.pictures.files import is_picture  # noqa: PLC0415  most outputs are arrays

    if not is_picture(request.output) and request.frame is None:
        return request, None
    from convcli.run import pictures  # noqa: PLC0415  seldom needed

    return pictures.taken(request)


def _keep_for_picture(run: _Run, picture: "Wanted", result: Result, kept: Kept) -> None:
    """Keep what a picture shows until all went well; refuse a second array."""
    if run.shown:
        raise ConvcliError(
            f"-o {picture.path} is a picture of one array, and {result.input.name} holds several; "
            f"save one of them to a .npy file"
        )
    run.shown.append((result, kept))


def _draw(picture: "Wanted", result: Result, kept: Kept) -> None:
    from convcli.run import pictures  # noqa: PLC0415  seldom needed

    pictures.write(picture, result, kept)


def _list_kernels(request: RunRequest, streams: Streams) -> None:
    """Show the named filters, or the layers or members of the file that ``-k`` names."""
    if request.kernel is not None:
        from convcli.run import model_layer  # noqa: PLC0415  seldom needed

        model_layer.list_file(request, streams)
        return
    from convcli.run.kernels import list_kernels  # noqa: PLC0415  seldom asked for

    list_kernels(request.format, streams)


def _check_scale(request: RunRequest, target: Target) -> None:
    """Refuse a scale of what holds numbers as they are; integers may be clipped to their type."""
    scale = request.scale
    if scale is None:
        return
    from convcli.arrays.pixels import SCALES  # noqa: PLC0415  seldom needed

    if scale not in SCALES:
        raise UsageError(f"--scale {scale!r} is not a scale; write one of {', '.join(SCALES)}")
    if target.is_image or (scale == "clip" and request.dtype is not None):
        return
    also = "; add --dtype uint8 to clip numbers" if scale == "clip" else ""
    raise UsageError(f"--scale {scale} is for images; omit it, or write -o y.png{also}")


def _inputs(request: RunRequest, streams: Streams) -> list[str]:
    if request.inputs:
        return request.inputs
    if streams.stdin.isatty():
        raise UsageError(
            "there is no input; name a .npy file or rand:8x8, or pipe one in; "
            "see convcli run --help"
        )
    return ["-"]


def _window(request: RunRequest) -> Window:
    """Read the options of the window; its filter size comes from the filter."""
    check_weights(request)
    if request.time is not None and not 1 <= request.time <= _MOST_RUNS:
        raise UsageError(f"--time {request.time} must be from 1 to {_MOST_RUNS}; use --time 5")
    if request.output_padding is not None and not request.transposed:
        raise UsageError(
            f"--output-padding {request.output_padding} is only valid for transposed "
            f"convolutions; add --transposed"
        )
    kind: Kind = "convt" if request.transposed else "conv"
    if request.pool:
        from convcli.geometry.pooling import parse_pool  # noqa: PLC0415  for pools only

        kind = parse_pool(request.pool)
    return Window(
        f=(1,),
        s=notation.parse_only("-s", request.s or str(request.f if request.pool else 1)),
        p=notation.parse_only_padding("-p", request.p or "0"),
        d=notation.parse_only("-d", request.d or "1"),
        op=notation.parse_only("--output-padding", request.output_padding or "0"),
        kind=kind,
        ceil=request.ceil,
    )


def _convolve(run: _Run, source: Source, target: Target) -> tuple[Result, Kept]:
    """Convolve one array, write it, and time and check it where that was asked for."""
    request, reporter = run.request, run.reporter
    weights, job, blocks, _ = _prepare(run, source)
    operation = job.operation
    target.begin(operation.out_shape(source.shape), operation.out_dtype, operation.out_layout)
    keep_output = (
        reporter.needs_output or target.needs_whole or request.verify or run.picture is not None
    )
    if keep_output or request.time:
        source = source.whole()
    timing = _measure(run, job, source)
    done = _stream(run, job, source, target, keep_output, blocks)
    x, alpha = (source.array, source.alpha) if isinstance(source, InMemory) else (None, None)
    whole = None
    if target.needs_whole and x is not None and done.output is not None:
        whole = Whole(done.output, operation.out_layout, _scaling(request, job, x), alpha)
    mapping = target.finish(whole)
    verdict = _verify(run, operation, x, done)
    result = _result(source, weights.filter, job, run.window.p, target, done)
    seed = run.opener.used_seed
    result = result._replace(mapping=mapping, verdict=verdict, timing=timing, seed=seed)
    shown = None if request.pool else weights.filter.array
    return result, Kept(operation, x, shown, done.output)


def _scaling(request: RunRequest, job: Job, x: Array) -> "Scaling":
    """Say what the values of an image mean: by its input, by the filter, and as asked."""
    from convcli.arrays.pixels import Scaling, own_range  # noqa: PLC0415  only for images

    operation = job.operation
    sums = [one.filter.reshape(len(one.filter), -1).sum(axis=1) for one in job.passes]
    keeps = operation.second is None and np.allclose(np.concatenate(sums), 1, rtol=0, atol=1e-3)
    asked = operation.out_dtype if request.dtype is not None else None
    return Scaling(request.scale, own_range(x, asked), keeps)


def _prepare(run: _Run, source: Source, many: bool = False) -> _Prepared:
    """Resolve what to do with an array; once for all of its kind."""
    key = (source.shape, source.dtype, source.layout, many)
    if key not in run.prepared:
        weights = choose_weights(run.request, source, run.opener, run.filter, run.bias)
        operation = _operation(run, source, weights)
        job = _job(run, operation, source.shape)
        blocks = plan_blocks(operation, source.shape, run.memory, job.whole_tiles)
        together = None
        if many:
            from convcli.run.together import batched  # noqa: PLC0415  for many arrays only

            together = batched(job)
        if len(run.prepared) >= _MOST_PREPARED:
            run.prepared.clear()
        run.prepared[key] = _Prepared(weights, job, blocks, together)
    return run.prepared[key]


def _operation(run: _Run, source: Source, weights: Weights) -> Operation:
    request, filter_ = run.request, weights.filter
    return resolve(
        source.shape,
        source.dtype,
        filter_.array,
        run.window,
        bias=weights.bias,
        groups=notation.parse_number("-g", request.groups) if request.groups else None,
        layout=request.layout or source.layout,
        dims=weights.dims,
        flip=request.flip,
        pad_mode=parse_pad_mode(request.pad_mode),
        dtype=request.dtype,
        saturate=request.scale == "clip",
        second=filter_.second if isinstance(filter_, Gradient) else None,
    )


def _job(run: _Run, operation: Operation, shape: tuple[int, ...]) -> Job:
    """Make the job for the engine chosen, or where that is left to us for the faster one."""
    request, job = run.request, Job(operation, run.engine)
    ours = (request.engine, request.device, request.method) == ("auto", "cpu", "auto")
    if not ours:
        return job
    images = dict(zip(operation.layout, shape, strict=True)).get("N", 1)
    planned = job.plan(images)
    if planned is None:
        return job
    plan, corr = planned
    sizes = tuple(len(some) for some in job.passes[0].outputs)
    engine = choose.with_opencv(run.engine, corr, images, sizes)
    if engine is not None:
        return Job(operation, engine)
    exact = operation.out_dtype.kind in "iu"  # PyTorch holds fewer integers than NumPy
    if exact or not choose.torch_pays(plan, corr, run.engine.threads):
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


def _stream(
    run: _Run, job: Job, source: Source, target: Target, keep: bool, blocks: Blocks
) -> _Done:
    """Convolve block by block, and write each; keep the whole output if it is needed."""
    operation = job.operation
    shape = operation.out_shape(source.shape)
    total = math.prod(shape)
    summary, seconds = Summary(), 0.0
    methods: set[str] = set()
    costs: Counter[str] = Counter()
    kept = np.empty(shape, operation.out_dtype) if keep else None
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


def _result(
    source: Source, filter_: InMemory, job: Job, padding: Padding, target: Target, done: _Done
) -> Result:
    """Gather the facts of a report."""
    operation, summary = job.operation, done.summary
    pooling = operation.kind in POOLS
    return Result(
        input=Facts(source.name, source.shape, str(source.dtype), operation.layout),
        filter=Facts(filter_.name, filter_.shape, "" if pooling else str(filter_.dtype)),
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
        padding_word=padding if isinstance(padding, str) else None,
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
