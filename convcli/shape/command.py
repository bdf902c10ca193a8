"""`convcli shape`: choose what a request asks for, and in which form to show it."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry.network.layer import Step
from convcli.geometry.text.notation import format_sizes
from convcli.option_rules import refuse, with_channels
from convcli.options import typed
from convcli.shape.cases import cases
from convcli.shape.usage import first_layer, network_name
from convcli.streams import Streams, choose_format, note, report_error

if TYPE_CHECKING:
    from convcli.geometry.network.graph import NodeStep
    from convcli.shape.options import ShapeRequest

FORMATS = ("table", "plain", "json", "csv")


def run(request: "ShapeRequest", streams: Streams) -> int:
    """Answer a request on standard output.

    Returns
    -------
    int
        Exit status: 1 if some cases of a sweep did not fit; each is reported on standard error.
    """
    if request.list_networks:
        others = request._replace(list_networks=False, color="auto")
        refuse(
            {name: value[0] if isinstance(value, list) else value for name, value in typed(others)},
            "--list-networks",
        )
        _list_networks(streams)
        return 0
    request = with_channels(request, needed="in")
    if request.frame is not None:
        _check_frame(request)
    if request.output is not None:
        from convcli.shape.pictures import write_picture  # noqa: PLC0415  seldom needed

        write_picture(request, streams)
        return 0
    if request.animate:
        _animate(request, streams)
        return 0
    fmt = _choose_format(request, streams)
    misfits = Misfits(streams, fmt)
    if request.solve is not None or request.out is not None:
        _show_answers(request, fmt, streams)
        return 0
    _check_fields(request, fmt)
    if request.network is not None or request.layers or request.layers_file is not None:
        _show_networks(request, fmt, streams, misfits)
    else:
        refuse({"--all": request.every_node}, "one layer", "leave it out")
        found = cases(request, misfits.report, partial(note, streams))
        if fmt == "plain":
            _show_plain(([step] for step in found), streams, misfits)
        else:
            _show_steps(found, request, fmt, streams)
    return 1 if misfits.count else 0


class Misfits:
    """The cases of a sweep that do not fit: each is reported as it is met, and counted.

    Each leaves its row of plain text empty, but on a terminal: rows correspond to cases.
    """

    def __init__(self, streams: Streams, fmt: str) -> None:
        self.count = 0
        self._streams = streams
        self._empty_rows = fmt == "plain" and not streams.stdout.isatty()

    def report(self, error: DoesNotFit) -> None:
        """Write the error of one case."""
        self.count += 1
        report_error(self._streams, str(error))
        if self._empty_rows:
            self._streams.stdout.write("\n")


def _check_frame(request: "ShapeRequest") -> None:
    """Refuse a frame of what is no picture of an animation."""
    frame = f"--frame {request.frame}"
    if first_layer(request) or network_name(request):
        raise UsageError(f"{frame} is of the animation of a single layer; leave it out")
    if request.output is None:
        animated = "" if request.animate else "--animate "
        raise UsageError(f"{frame} is of a picture; add {animated}-o conv.svg")


def _choose_format(request: "ShapeRequest", streams: Streams) -> str:
    wanted = "table" if request.explain and request.format is None else request.format
    fmt = choose_format(wanted, streams.stdout, FORMATS)
    if request.explain and fmt in ("plain", "csv"):
        raise UsageError(f"--explain has no {fmt} form; use --format table or json")
    return fmt


def _check_fields(request: "ShapeRequest", fmt: str) -> None:
    if request.fields is not None and fmt in ("table", "plain"):
        verb = "add" if request.format is None else "use"
        forms = "json" if request.explain else "json, or csv"
        raise UsageError(
            f"--fields {request.fields} cannot be combined with the format {fmt}; "
            f"{verb} --format {forms}"
        )


def _show_answers(request: "ShapeRequest", fmt: str, streams: Streams) -> None:
    from convcli.shape.answers import answers  # noqa: PLC0415  used by --solve only

    unknown, out, found = answers(request)
    if fmt == "table":
        from convcli.shape import report  # noqa: PLC0415  Rich is imported for tables only

        report.show_answers(unknown, out, found, streams)
        return
    from convcli.shape import records  # noqa: PLC0415

    _write(records.answer_lines(fmt, unknown, out, found), streams)
    if fmt == "plain" and any(answer.last is None for axis in found for answer in axis):
        note(streams, f"and every larger {unknown}")


def _show_networks(request: "ShapeRequest", fmt: str, streams: Streams, misfits: Misfits) -> None:
    from convcli.models import WEIGHTS  # noqa: PLC0415  not used for one layer
    from convcli.models.recognize import file_format  # noqa: PLC0415
    from convcli.shape.networks import networks  # noqa: PLC0415

    kind = file_format(network_name(request))
    if kind in WEIGHTS:
        from convcli.shape.weights import show_weights  # noqa: PLC0415  seldom needed

        show_weights(request, kind, fmt, streams)
        return
    if fmt == "plain":  # one size; the other formats but the table show every node
        refuse({"--all": request.every_node}, "the format plain", "use --format table")
    found = networks(request, streams, misfits.report, _shows_fields(request, fmt))
    if fmt == "table":
        from convcli.shape import network_report  # noqa: PLC0415

        for steps in found:
            network_report.show_network(steps, streams, request.every_node, request.explain)
        return
    from convcli.shape import records  # noqa: PLC0415

    if fmt == "json":
        fields, explain = request.fields, request.explain
        _write(records.json_lines(records.network_records(found, fields, explain)), streams)
    elif fmt == "csv":
        _write(records.csv_lines(chain.from_iterable(found), request.fields), streams)
    else:
        _show_plain(found, streams, misfits)


def _shows_fields(request: "ShapeRequest", fmt: str) -> bool:
    """Whether a report of a network says anything of receptive fields."""
    if request.fields is None:
        return fmt != "plain"
    return any(key in request.fields for key in ("field", "jump", "effective_padding"))


def _list_networks(streams: Streams) -> None:
    from convcli.models.from_text.builtin import descriptions  # noqa: PLC0415  used here only

    if not streams.stdout.isatty():
        _write((name for name, _ in descriptions()), streams)
        return
    from convcli.terminal.tables import console, facts_table  # noqa: PLC0415

    title = "built-in networks, by name"
    console(streams.stdout).print(facts_table(descriptions(), title))


def _show_plain(
    found: "Iterable[Sequence[Step] | Sequence[NodeStep]]", streams: Streams, misfits: Misfits
) -> None:
    """Write the output size of each case; on a terminal, of several with what went in."""
    found = iter(found)
    first = list(islice(found, 2)) if streams.stdout.isatty() else []
    if len(first) <= 1 and not misfits.count:
        _write((_output(steps) for steps in chain(first, found)), streams)
        return
    from convcli.shape.rows import inputs  # noqa: PLC0415  only on a terminal

    for steps in chain(first, found):
        _write([f"{_output(steps)}  {inputs(steps)}"], streams)


def _output(steps: "Sequence[Step | NodeStep]") -> str:
    """Write the output size as ``-n`` reads it; of a flat output, its length."""
    step = steps[-1]
    if step.out:
        return format_sizes(step.out)
    if step.c_out is None:
        if steps[0].c_in is not None:  # after a node that is not followed
            raise ConvcliError(
                "the output has no size that is known ahead, as a note says; "
                "--format json has the sizes of the nodes before it"
            )
        raise UsageError(
            "the output has no spatial axes, and its length depends on the input's channels; "
            "add -c 3 or another"
        )
    return str(step.c_out)


def _show_steps(steps: Iterable[Step], request: "ShapeRequest", fmt: str, streams: Streams) -> None:
    if fmt == "table":
        from convcli.shape import report  # noqa: PLC0415

        show = report.explain if request.explain else report.show_cases
        show(steps, streams)
        return
    from convcli.shape import records  # noqa: PLC0415  not for plain text, whose start is short

    if fmt == "csv":
        _write(records.csv_lines(steps, request.fields), streams)
    else:
        found = records.records(steps, request.fields, request.explain)
        _write(records.json_lines(found), streams)


def _write(lines: Iterable[str], streams: Streams) -> None:
    for line in lines:
        streams.stdout.write(f"{line}\n")


def _animate(request: "ShapeRequest", streams: Streams) -> None:
    refuse(
        {
            "-l": first_layer(request),
            "--layers": request.layers_file,
            "NETWORK": request.network,
            "--solve": request.solve,
            "--out": request.out,
            "--explain": request.explain,
            "--format": request.format,
            "--fields": request.fields,
            "--all": request.every_node,
        },
        "--animate",
    )
    from convcli.terminal.keyboard import require_terminal  # noqa: PLC0415  used by --animate only

    require_terminal(streams)
    steps = list(islice(cases(request), 2))
    if len(steps) != 1:
        raise UsageError("--animate shows one case, not a sweep; give each option one value")
    from convcli.explain import animation  # noqa: PLC0415

    animation.play(steps[0].axes, streams)
