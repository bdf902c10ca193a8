"""Convolves inputs one by one into files, a pipe or nothing, and reports each."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from convcli.arrays.opener import Opener
from convcli.arrays.sinks import Sink, Target
from convcli.arrays.sources.records import Records
from convcli.arrays.sources.ring import Ring
from convcli.arrays.sources.source import InMemory, Source
from convcli.errors import ConvcliError
from convcli.run.compute.job import Job
from convcli.run.compute.pipeline import Pipeline
from convcli.run.compute.totals import Summary, Totals
from convcli.run.failures import Failures
from convcli.run.one_array import Run, convolve
from convcli.run.options import RunRequest
from convcli.run.prepare import prepare, set_up
from convcli.run.report.reporter import Reporter
from convcli.run.resolve.checks import check_scale, note_unused_pad_mode
from convcli.run.resolve.merged import merge
from convcli.run.results import Result, RunOutcome, ShownArrays, gather, require_passed
from convcli.streams import Streams
from convcli.terminal.progress import Progress

if TYPE_CHECKING:  # seldom needed
    from convcli.pictures.files import PictureFile
    from convcli.run.many_files import ConvolvedFiles
    from convcli.run.resolve.model_layer import ModelFilter


def run(
    request: RunRequest,
    layer: "ModelFilter | None",
    picture: "PictureFile | None",
    streams: Streams,
) -> int:
    """Convolve every array of every input, and report.

    Parameters
    ----------
    request : RunRequest
    layer : ModelFilter or None
        The layer of a model that ``-k`` names.
    picture : PictureFile or None
        What ``-o`` names in place of the output.
    streams : Streams

    Returns
    -------
    int
        Exit status: 1 where an input failed and others did not.
    """
    inputs = request.inputs or []
    report_only = request.format == "json" or picture is not None
    sink = Sink(request.output, inputs, streams, request.output_format, report_only)
    reporter = Reporter(request, streams, sink.to_stdout)
    opener = Opener(streams, request.seed, request.dims)
    with Progress(streams.stderr, len(inputs)) as progress, closing(Pipeline()) as pipeline:
        setup = set_up(request, opener, layer)
        note_unused_pad_mode(request, setup.window, streams)
        shared = Run(setup, pipeline, Ring(), reporter, progress, picture, shown=[])
        failures = Failures(streams, progress, sink.in_folder and len(inputs) > 1)
        for names, files in _in_groups(shared):
            if files is not None:
                _write_files(shared, sink, names, files, failures)
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


def _write_files(
    run: Run, sink: Sink, names: Sequence[str], files: "ConvolvedFiles", failures: Failures
) -> None:
    """Write and report each of the files that were convolved together, as if by itself."""
    source, made = files.source, files.made
    weights, job, _, _ = prepare(run.setup, source, many=True)
    done = RunOutcome(Totals.of(made.plans), files.seconds, None)
    kept = ShownArrays(job.operation, None, (), None)
    run.progress.pause()
    with made.loan as memory:
        first = gather(source, weights.filter, job, run.setup.window.p, None, done)
        first = first._replace(seed=run.setup.opener.used_seed)
        for name, row, y in zip(names, memory, made.y, strict=True):
            with failures.reported(name), sink.open(name) as target:
                target.write_records(row)
                summary = Summary()
                if run.reporter.needs_summary:
                    summary.add(y)
                run.reporter.add(first.of_another(name, target.path or "", summary), kept)
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


def _animate(kept: ShownArrays, streams: Streams) -> None:
    """Play the operation on what was kept of it."""
    from convcli.explain import animation  # noqa: PLC0415  seldom needed
    from convcli.run.pictures.narrator import Narrator  # noqa: PLC0415

    if kept.input is not None and kept.output is not None:
        operation = kept.operation
        animation.play(operation.axes, streams, Narrator(operation, kept.input, kept.output))


def _keep_for_picture(run: Run, picture: "PictureFile", result: Result, kept: ShownArrays) -> None:
    """Keep what a picture shows until all went well; refuse a second array."""
    if run.shown:
        raise ConvcliError(
            f"-o {picture.path} is a picture of one array, and {result.input.name} holds several; "
            f"save one of them to a .npy file"
        )
    run.shown.append((result, kept))


def _draw(picture: "PictureFile", result: Result, kept: ShownArrays) -> None:
    from convcli.run.pictures import run_picture  # noqa: PLC0415  seldom needed

    run_picture.write(picture, result, kept)
