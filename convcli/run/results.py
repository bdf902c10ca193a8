"""What a run found out about one array: names and numbers, from which a report is written."""

from typing import TYPE_CHECKING, NamedTuple

from convcli.arrays.dtypes import Array
from convcli.errors import ConvcliError
from convcli.geometry.window.axis import POOL_KINDS, Axis, Kind, Padding, PaddingWord
from convcli.run.compute.totals import Summary, Totals
from convcli.run.resolve.merged import full_layout, full_shape, lead_of

if TYPE_CHECKING:
    from convcli.arrays.formats.pixels import Mapping
    from convcli.arrays.sources.source import InMemory, Source
    from convcli.run.compute.job import Job
    from convcli.run.resolve.operation import Operation


class Verdict(NamedTuple):
    """The check of some outputs: how far they are from a reference, and how far they may be."""

    checked: int
    total: int
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether no output is too far off."""
        return self.error <= self.tolerance


class Timing(NamedTuple):
    """What repeated runs took."""

    runs: int
    seconds: float  # median
    macs: int
    bytes: int  # of input and output


class BlockCount(NamedTuple):
    """Blocks of an output in a store: how many, and how many of them an earlier run had done."""

    total: int
    before: int


class Facts(NamedTuple):
    """What is known of an array."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    layout: str = ""  # a letter for each axis; empty for a filter


class Result(NamedTuple):
    """What a report says about one array.

    Attributes
    ----------
    input, filter, output : Facts
        The output's name is its file's path; empty if there is none.
    axes : tuple of Axis
        One for each spatial axis.
    groups : int
    each_channel, flip : bool
    pad_mode : str
    padding_word : str or None
        The word that the padding was given by.
    bias : tuple of float or complex
        One number for each channel; empty without a bias.
    device, engine : str
    methods : tuple of str
    costs : dict
        Estimated nanoseconds on one core, by method.
    low, mean, high : float
        Of the output.
    seconds : float
        Time of waiting for blocks: they are read and convolved ahead of writing.
    seed : int or None
        Of the random numbers so far; None if there were none.
    mapping : Mapping or None
        How values became an image's.
    verdict : Verdict or None
    timing : Timing or None
    blocks : BlockCount or None
        Of an output in a store.
    cluster : str
        The workers that did it, and where they can be watched; empty if it was done here.
    """

    input: Facts
    filter: Facts
    output: Facts
    axes: tuple[Axis, ...]
    groups: int
    each_channel: bool
    flip: bool
    pad_mode: str
    padding_word: PaddingWord | None
    bias: tuple[complex, ...]
    device: str
    engine: str
    methods: tuple[str, ...]
    costs: dict[str, float]
    low: float
    mean: float
    high: float
    seconds: float
    seed: int | None = None
    mapping: "Mapping | None" = None
    verdict: Verdict | None = None
    timing: Timing | None = None
    blocks: BlockCount | None = None
    cluster: str = ""

    def verified(self, verdict: Verdict | None) -> "Result":
        """Add what `verify` found, if it was asked; an output that is wrong is written nowhere."""
        written = verdict is None or verdict.passed
        output = self.output if written else self.output._replace(name="")
        return self._replace(verdict=verdict, output=output)

    def of_another(self, name: str, path: str, summary: Summary) -> "Result":
        """Say the same of an equal array with another name, output and numbers."""
        return self._replace(
            input=self.input._replace(name=name),
            output=self.output._replace(name=path),
            low=summary.low,
            mean=summary.mean,
            high=summary.high,
        )

    @property
    def kind(self) -> Kind:
        """What it was: a convolution, a transposed one, or pooling."""
        return self.axes[0].kind

    @property
    def transposed(self) -> bool:
        """Whether it was a transposed convolution."""
        return self.kind == "convt"


class Parts(NamedTuple):
    """What a report shows besides the facts that everyone wants."""

    values: bool = False  # the output's numbers
    plot: bool = False
    explain: bool = False
    verbose: bool = False


class ShownArrays(NamedTuple):
    """An operation, and the arrays kept in memory to show them; None where they were not."""

    operation: "Operation"
    input: Array | None
    filters: tuple[Array, ...]  # pooling has none, a gradient two
    output: Array | None


class RunOutcome(NamedTuple):
    """What became of one array while it was convolved."""

    totals: Totals
    seconds: float  # of waiting for blocks
    output: Array | None  # if it was kept


def gather(
    source: "Source",
    filter_: "InMemory",
    job: "Job",
    padding: Padding,
    path: str | None,
    done: RunOutcome,
) -> Result:
    """Gather the facts of a report about an array that was written to `path`, if to any."""
    operation, summary, lead = job.operation, done.totals.summary, lead_of(source)
    pooling = operation.kind in POOL_KINDS
    return Result(
        input=Facts(
            source.name,
            full_shape(lead, source.shape),
            str(source.dtype),
            full_layout(lead, operation.layout),
        ),
        filter=Facts(filter_.name, filter_.shape, "" if pooling else str(filter_.dtype)),
        output=Facts(
            path or "",
            full_shape(lead, operation.out_shape(source.shape)),
            str(operation.out_dtype),
            full_layout(lead, operation.out_layout),
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
        methods=tuple(sorted(done.totals.methods)),
        costs=dict(done.totals.costs),
        low=summary.low,
        mean=summary.mean,
        high=summary.high,
        seconds=done.seconds,
    )


def operation_name(result: Result) -> str:
    """Name the operation in the words of signal processing and of PyTorch."""
    if result.kind in POOL_KINDS:
        return "max pooling" if result.kind == "maxpool" else "average pooling"
    name = (
        "convolution (the filter is flipped)"
        if result.flip
        else "cross-correlation (as in PyTorch: the filter is not flipped)"
    )
    return f"transposed {name}" if result.transposed else name


def require_passed(verdict: Verdict | None) -> None:
    """Refuse an output that `verify` found wrong."""
    if verdict is not None and not verdict.passed:
        raise ConvcliError(
            f"--verify found an output off by {verdict.error:.3g}, beyond the tolerance of "
            f"{verdict.tolerance:.3g}; try another --method, or --dtype float64"
        )
