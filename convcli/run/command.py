"""The command `run`: for each input array, resolve the operation, convolve, write, report."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from convcli.arrays import stores
from convcli.arrays.memory import keeping_memory
from convcli.arrays.opener import Opener
from convcli.arrays.sinks import Sink, Target
from convcli.arrays.sources.records import Records
from convcli.arrays.sources.ring import Ring
from convcli.arrays.sources.source import InMemory, Source
from convcli.errors import ConvcliError, UsageError
from convcli.models import model_format
from convcli.options import typed, with_channels
from convcli.run.compute.figures import Figures, Summary
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.failures import Failures
from convcli.run.one_array import Run, convolve
from convcli.run.options import RunRequest
from convcli.run.prepare import prepare, set_up
from convcli.run.report.reporter import Reporter
from convcli.run.resolve.axes import check_dims
from convcli.run.resolve.checks import (
    check_animation,
    check_scale,
    check_store_options,
    note_unused_pad_mode,
)
from convcli.run.resolve.merged import merge
from convcli.run.results import Result, RunOutcome, ShownArrays, gather, require_passed
from convcli.streams import Streams
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.pictures.files import PictureFile
    from convcli.run.many_files import ConvolvedFiles
    from convcli.run.resolve.model_layer import ModelFilter


@keeping_memory()
def run(request: RunRequest, streams: Streams) -> int:
    """Convolve every array of every input, and report.

    Returns
    -------
    int
        Exit status.
    """
    if request.list_kernels:
        _refuse_other_options(request)
    if request.list_kernels or _names_only_a_model(request, streams):
        _list_kernels(request, streams)
        return 0
    layer = _model_layer(request, streams)
    request = layer.request if layer else request
    check_dims(request.dims)
    request, picture = _picture(request)
    if request.animate:
        check_animation(request, streams)
    inputs = _inputs(request, streams)
    request = with_channels(request._replace(inputs=inputs), needed="out")
    into_store = request.output is not None and stores.is_store(request.output)
    check_store_options(request, into_store)
    # Unless -o names a place for the array.
    report_only = request.format == "json" or picture is not None or into_store
    output = None if into_store else request.output
    sink = Sink(output, inputs, streams, request.output_format, report_only)
    reporter = Reporter(request, streams, sink.to_stdout)
    opener = Opener(streams, request.seed, request.dims)
    if into_store:
        stores.check_libraries(stores.parse(str(request.output)))
        from convcli.run.stores import command as stores_command  # noqa: PLC0415  for stores only

        with Progress(streams.stderr, len(inputs)) as progress:
            setup = set_up(request, opener, layer)
            stores_command.run(setup, inputs[0], str(request.output), reporter, progress, streams)
        reporter.end()
        return 0
    with Progress(streams.stderr, len(inputs)) as progress, closing(Pipeline()) as pipeline:
        setup = set_up(request, opener, layer)
        note_unused_pad_mode(request, setup.window, streams)
        shared = Run(setup, pipeline, Ring(), reporter, progress, picture, shown=[])
        failures = Failures(streams, progress, sink.in_folder and len(inputs) > 1)
        for names, files in _in_groups(shared):
            if files is not None:
                _write_files(shared, sink, names, files)
                continue
            for spec in names:
                with failures.reported(spec):
                    _convolve_input(shared, sink, spec, streams)
    if picture is not None and shared.shown:
        _draw(picture, *shared.shown[0])
    reporter.end()
    return failures.status


def _in_groups(run: Run) -> "Iterator[tuple[Sequence[str], ConvolvedFiles | None]]":
    """Give the inputs in order; equal small files convolved together where nothing differs."""
    request = run.setup.request
    inputs = request.inputs or []
    asked = request.verify or request.time is not None or run.picture is not None
    asked = asked or run.reporter.needs_output
    mapped = request.scale is not None or request.output_format is not None
    if len(inputs) < 2 or asked or mapped:
        return iter([(inputs, None)])
    from convcli.run.many_files import convolved  # noqa: PLC0415  for many files only

    def together(first: InMemory) -> Job | None:
        return prepare(run.setup, first, many=True).together

    return convolved(inputs, run.setup.memory, together, run.outputs)


def _convolve_input(run: Run, sink: Sink, spec: str, streams: Streams) -> None:
    """Convolve all arrays of an input, write them to its target, and report each."""
    with sink.open(spec) as target:
        check_scale(run.setup.request, target, run.picture is not None)
        for source in _sources(run, spec, target):
            result, kept = convolve(run, source, target)
            run.progress.pause()
            if run.setup.request.animate:
                _animate(kept, streams)
            run.reporter.add(result, kept)
            require_passed(result.verdict)  # or else the old file stays
            if run.picture is not None:
                _keep_for_picture(run, run.picture, result, kept)


def _write_files(run: Run, sink: Sink, names: Sequence[str], files: "ConvolvedFiles") -> None:
    """Write and report each of the files that were convolved together as if it were alone."""
    source, made = files.source, files.made
    weights, job, _, _ = prepare(run.setup, source, many=True)
    done = RunOutcome(Figures.of(made.plans), files.seconds, None)
    kept = ShownArrays(job.operation, None, (), None)
    run.progress.pause()
    with made.loan as memory:
        result: Result | None = None
        for name, row, y in zip(names, memory, made.y, strict=True):
            with sink.open(name) as target:
                target.write_records(row)
                if result is None:
                    result = gather(
                        source, weights.filter, job, run.setup.window.p, target.path, done
                    )._replace(seed=run.setup.opener.used_seed)
                if run.reporter.needs_summary:
                    summary = Summary()
                    summary.add(y)
                    result = result.of_another(name, target.path or "", summary)
                run.reporter.add(result, kept)
    run.progress.advance(len(names))


def _sources(run: Run, spec: str, target: Target) -> Iterator[Source]:
    """Open an input; many equal arrays are convolved at once where nobody asks about each."""
    asked = run.setup.request.verify or run.setup.request.time is not None
    together = 0
    if run.reporter.silent and target.takes_records and not asked:
        together = run.setup.memory
    for source in run.setup.opener.inputs_together(spec, together):
        if not isinstance(source, Records):
            yield merge(run.setup.request, run.setup.filter, source)
        elif not _convolve_together(run, source, target):
            yield from source.one_by_one()


def _convolve_together(run: Run, source: Records, target: Target) -> bool:
    from convcli.run.compute.together import convolve_records  # noqa: PLC0415  for many arrays only

    job = prepare(run.setup, next(source.one_by_one()), many=True).together
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
    return at_prompt and "::" not in spec and model_format(spec) is not None


def _model_layer(request: RunRequest, streams: Streams) -> "ModelFilter | None":
    """Take the layer of a model that ``-k`` names, with the options that it stands for."""
    other = request.f is not None or request.pool is not None  # which do not go with -k
    if other or request.kernel is None or not model_format(request.kernel):
        return None
    from convcli.run.resolve import model_layer  # noqa: PLC0415  seldom needed

    return model_layer.read_filter(request, streams)


def _animate(kept: ShownArrays, streams: Streams) -> None:
    """Play the operation on what was kept of it."""
    from convcli.explain import animation  # noqa: PLC0415  seldom needed
    from convcli.run.pictures.narrator import Narrator  # noqa: PLC0415

    if kept.input is not None and kept.output is not None:
        operation = kept.operation
        animation.play(operation.axes, streams, Narrator(operation, kept.input, kept.output))


def _picture(request: RunRequest) -> "tuple[RunRequest, PictureFile | None]":
    """Take the picture that ``-o`` names, where it names one, out of a request."""
    if request.output is None and request.frame is None:
        return request, None
    from convcli.pictures.files import is_picture  # noqa: PLC0415  most outputs are arrays

    if not is_picture(request.output) and request.frame is None:
        return request, None
    from convcli.run.pictures import files  # noqa: PLC0415  seldom needed

    return files.without_picture(request)


def _keep_for_picture(run: Run, picture: "PictureFile", result: Result, kept: ShownArrays) -> None:
    """Keep what a picture shows until all went well; refuse a second array."""
    if run.shown:
        raise ConvcliError(
            f"-o {picture.path} is a picture of one array, and {result.input.name} holds several; "
            f"save one of them to a .npy file"
        )
    run.shown.append((result, kept))


def _draw(picture: "PictureFile", result: Result, kept: ShownArrays) -> None:
    from convcli.run.pictures import files  # noqa: PLC0415  seldom needed

    files.write(picture, result, kept)


def _refuse_other_options(request: RunRequest) -> None:
    """Refuse what a list of filters would ignore."""
    for name, _ in typed(request):
        if name not in ("--list-kernels", "-k", "--format", "--color"):
            raise UsageError(f"--list-kernels shows filters and convolves nothing; omit {name}")


def _list_kernels(request: RunRequest, streams: Streams) -> None:
    """Show the named filters, or the layers or members of the file that ``-k`` names."""
    if request.kernel is not None:
        from convcli.run.resolve import model_layer  # noqa: PLC0415  seldom needed

        model_layer.list_file(request, streams)
        return
    from convcli.run.report.kernels import list_kernels  # noqa: PLC0415  seldom asked for

    list_kernels(request.format, streams)


def _inputs(request: RunRequest, streams: Streams) -> list[str]:
    for spec in filter(model_format, request.inputs or ()):
        raise UsageError(
            f"the input {spec!r} is a model, whose layers are filters; name it with -k, and an "
            f"array as the input"
        )
    if request.inputs:
        return request.inputs
    if streams.stdin.isatty():
        raise UsageError(
            "there is no input; name a .npy file or rand:8x8, or pipe one in; "
            "see convcli run --help"
        )
    return ["-"]
