"""What follows from the options, once for a command, and from an array's shape and type."""

from typing import TYPE_CHECKING, NamedTuple

from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.named.filters import is_named
from convcli.arrays.opener import Gradient, Opener
from convcli.arrays.sources.source import InMemory, Source
from convcli.engines import choose
from convcli.engines.base import Engine
from convcli.errors import UsageError
from convcli.geometry.text import notation
from convcli.geometry.window.axis import Kind, Window
from convcli.geometry.window.pad_modes import parse_pad_mode
from convcli.run.compute.blocks import Blocks, plan_blocks
from convcli.run.compute.job import Job
from convcli.run.options import RunRequest
from convcli.run.resolve.axes import may_be_1d_weight
from convcli.run.resolve.operation import Operation, resolve
from convcli.run.resolve.weights import Weights, check_weights, choose_weights

if TYPE_CHECKING:  # seldom needed
    from convcli.run.resolve.model_layer import ModelFilter

_MOST_RUNS = 1_000_000  # of --time
_MOST_PREPARED = 32  # kinds of arrays


class Setup(NamedTuple):
    """What all arrays of one command share."""

    request: RunRequest
    opener: Opener
    window: Window
    filter: InMemory | None  # None: random, of as many axes as the input needs
    bias: Array | None
    engine: Engine
    memory: int
    prepared: "dict[tuple[object, ...], Prepared]"


class Prepared(NamedTuple):
    """What follows from the shape and the type of an array, and from the options."""

    weights: Weights
    job: Job
    blocks: Blocks
    together: Job | None  # for many arrays, see `together.batched`


def set_up(request: RunRequest, opener: Opener, layer: "ModelFilter | None") -> Setup:
    """Read the options; `layer` is the layer of a model that ``-k`` names."""
    on_cluster = request.workers is not None or request.scheduler is not None
    return Setup(
        request=request,
        opener=opener,
        window=_window(request),
        # Each worker chooses its own: this machine need not have the device.
        engine=choose.choose_engine(threads=request.threads)
        if on_cluster
        else choose.choose_engine(
            request.engine, request.device, request.threads, request.tf32, request.method
        ),
        memory=notation.parse_bytes("--memory", request.memory),
        bias=_bias(request, opener, layer),
        filter=_filter(request, opener, layer),
        prepared={},
    )


def prepare(setup: Setup, source: Source, many: bool = False) -> Prepared:
    """Resolve what to do with an array; once for all of its kind."""
    key = (source.shape, source.dtype, source.layout, many)
    if key not in setup.prepared:
        weights, job = resolve_job(setup, source)
        blocks = plan_blocks(job.operation, source.shape, setup.memory, job.whole_tiles)
        together = None
        if many:
            from convcli.run.compute.together import batched  # noqa: PLC0415  for many arrays only

            together = batched(job)
        if len(setup.prepared) >= _MOST_PREPARED:
            setup.prepared.clear()
        setup.prepared[key] = Prepared(weights, job, blocks, together)
    return setup.prepared[key]


def resolve_job(setup: Setup, source: Source) -> tuple[Weights, Job]:
    """Choose the weights, and resolve the operation and its engine."""
    weights = choose_weights(setup.request, source, setup.opener, setup.filter, setup.bias)
    operation = _operation(setup, source, weights)
    shape = weights.filter.shape
    request = setup.request
    known = request.layout is not None or weights.dims is not None or is_named(request.kernel)
    if not known and may_be_1d_weight(source.shape, shape):
        setup.opener.note(
            f"the filter {shape_text(shape)} is read as {len(shape)} spatial axes; for the weight "
            f"of a 1-D layer add --dims 1"
        )
    return weights, job_for(setup.request, setup.engine, operation, source.shape)


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
        from convcli.geometry.window.pooling import parse_pool  # noqa: PLC0415  for pools only

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


def _bias(request: RunRequest, opener: Opener, layer: "ModelFilter | None") -> Array | None:
    if request.bias is not None:
        return opener.bias(request.bias)
    return layer.bias if layer else None


def _filter(request: RunRequest, opener: Opener, layer: "ModelFilter | None") -> InMemory | None:
    if layer:
        return layer.filter
    return opener.filter(request.kernel) if request.kernel is not None else None


def _operation(setup: Setup, source: Source, weights: Weights) -> Operation:
    request, filter_ = setup.request, weights.filter
    return resolve(
        source.shape,
        source.dtype,
        filter_.array,
        setup.window,
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


def job_for(
    request: RunRequest, engine: Engine, operation: Operation, shape: tuple[int, ...]
) -> Job:
    """Make the job for the engine chosen, or where that is left to us for the faster one."""
    job = Job(operation, engine)
    ours = (request.engine, request.device, request.method) == ("auto", "cpu", "auto")
    if not ours:
        return job
    images = dict(zip(operation.layout, shape, strict=True)).get("N", 1)
    planned = job.plan(images)
    if planned is None:
        return job
    _, corr = planned
    faster = choose.with_opencv(engine, corr, images, job.sizes)
    return job if faster is None else Job(operation, faster)
