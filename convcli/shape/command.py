"""`convcli shape`: read the notation -> lay windows over inputs -> show, one case after another."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple, get_args

from convcli.errors import ConvcliError, DoesNotFit, UsageError
from convcli.geometry import notation
from convcli.geometry.axis import Kind, PaddingWord, Window, on_each_axis, spread
from convcli.geometry.inverse import Answer, Unknown, solve
from convcli.geometry.layers import parse_layers
from convcli.geometry.network import Layer, Step, apply, follow
from convcli.geometry.notation import Sizes, lazy_product
from convcli.shape import records
from convcli.streams import Streams, choose_format, printable

FORMATS = ("table", "plain", "json", "csv")


class Request(NamedTuple):
    """The options of `shape` as they were typed; None where they were not."""

    n: str | None = None
    f: str | None = None
    p: str | None = None
    s: str | None = None
    d: str | None = None
    op: str | None = None
    c: str | None = None
    g: str | None = None
    bias: bool = True
    kind: Kind = "conv"
    ceil: bool = False
    dims: int | None = None
    layers: tuple[str, ...] = ()
    layers_file: str | None = None
    solve: str | None = None
    out: str | None = None
    explain: bool = False
    animate: bool = False
    format: str | None = None


def run(request: Request, streams: Streams) -> int:
    """Answer a request on standard output.

    Returns
    -------
    int
        Exit status: 1 if some cases of a sweep did not fit, each told on standard error.
    """
    misfits = 0

    def misfit(error: DoesNotFit) -> None:
        nonlocal misfits
        misfits += 1
        streams.stderr.write(f"convcli: error: {printable(str(error))}\n")

    if request.animate:
        return _animate(request, streams)
    wanted = "table" if request.explain and request.format is None else request.format
    fmt = choose_format(wanted, streams.stdout, FORMATS)
    if request.explain and fmt in ("plain", "csv"):
        raise UsageError(f"--explain has no {fmt} form; use --format table or json")
    if request.solve is not None or request.out is not None:
        _show_answers(request, fmt, streams)
    elif request.layers or request.layers_file is not None:
        _show_stacks(request, fmt, streams, misfit)
    else:
        _show_cases(request, fmt, streams, misfit)
    return 1 if misfits else 0


def cases(request: Request, misfit: Callable[[DoesNotFit], None] | None = None) -> Iterator[Step]:
    """Lay out every case of a request without a stack, in the order of the options.

    Parameters
    ----------
    request : Request
    misfit : callable, optional
        Called with the error of a case of a sweep that does not fit. The only case of a request
        raises its error instead.

    Yields
    ------
    Step
        As it is computed: nothing is held, however many cases there are.
    """
    pooling = request.kind in ("maxpool", "avgpool")
    n = notation.parse_sizes("-n", _need("-n", request.n))
    f = notation.parse_sizes("-f", _need("-f", request.f))
    p = notation.parse_padding("-p", request.p or "0")
    s = notation.parse_sizes("-s", request.s or "1")
    d = notation.parse_sizes("-d", request.d or "1")
    op = notation.parse_sizes("--output-padding", request.op or "0")
    channels = notation.parse_channels("-c", request.c) if request.c else [(None, None)]
    groups = list(chain.from_iterable(notation.parse_numbers("-g", request.g or "1")))
    dims = notation.settle_dims([x.axes for x in (n, f, p, s, d, op)], request.dims)
    alone = len(n) * len(f) * len(p) * len(s) * len(d) * len(op) * len(groups) * len(channels) == 1
    for size, filter_, pad, stride, dilation, extra, (c_in, c_out), g in lazy_product(
        n, f, p, s, d, op, channels, groups
    ):
        # A pooling window moves on by its own size, as in PyTorch and Keras.
        step = filter_ if pooling and request.s is None else stride
        window = Window(filter_, step, pad, dilation, extra, request.kind, request.ceil)
        layer = Layer(window, c_out, g, request.bias)
        try:
            yield apply(layer, spread("-n", size, dims), c_in)
        except DoesNotFit as error:
            if alone or misfit is None:
                raise
            misfit(error)


def stacks(
    request: Request, streams: Streams, misfit: Callable[[DoesNotFit], None] | None = None
) -> Iterator[list[Step]]:
    """Send each input size of a request through its stack of layers."""
    own = (
        ("-f", request.f, f"f={request.f}"),
        ("-s", request.s, f"s={request.s}"),
        ("-p", request.p, f"p={request.p}"),
        ("-d", request.d, f"d={request.d}"),
        ("-g", request.g, f"g={request.g}"),
        ("--output-padding", request.op, f"op={request.op}"),
        ("--transposed", request.kind == "convt", "convt f=3"),
        ("--pool", request.kind == "maxpool", "maxpool f=2"),
        ("--ceil", request.ceil, "ceil=1"),
        ("--no-bias", not request.bias, "bias=0"),
    )
    for option, value, instead in own:
        if typed := _typed(option, value):
            raise UsageError(
                f"{typed} stands beside a stack of layers; write it in the layer: {instead}"
            )
    n = notation.parse_sizes("-n", _need("-n", request.n))
    layers = list(_read_layers(request, streams))
    if not layers:
        file = request.layers_file
        where = f"-l {_first_layer(request)!r}" if file is None else f"--layers {file}"
        raise UsageError(f"{where} holds no layer; write one such as conv f=3")
    named = [n.axes] if n.axes > 1 else [layer.window.axes for layer in layers]
    dims = notation.settle_dims(named, request.dims)
    channels = notation.parse_channels("-c", request.c) if request.c else [(None, None)]
    alone = len(n) * len(channels) == 1
    for size, (c_in, c_out) in lazy_product(n, channels):
        if c_out not in (None, c_in):
            raise UsageError(f"-c {request.c}: a stack takes its input channels; use -c {c_in}")
        try:
            yield list(follow(layers, spread("-n", size, dims), c_in))
        except DoesNotFit as error:
            if alone or misfit is None:
                raise
            misfit(error)


def _read_layers(request: Request, streams: Streams) -> Iterator[Layer]:
    """Read layers from the file (or the pipe) first, then from ``-l``."""
    file = request.layers_file
    try:
        if file == "-":
            yield from parse_layers(streams.stdin, "standard input")
        elif file is not None:
            with open(file, encoding="utf-8") as lines:
                yield from parse_layers(lines, file)
    except UnicodeDecodeError as error:
        raise ConvcliError(
            f"{file!r} is not text ({error.reason}); "
            f"a layers file has lines such as conv f=3 p=1 c=64"
        ) from None
    yield from parse_layers(request.layers, "-l")


def answers(request: Request) -> tuple[Sizes, Sequence[Answer]]:
    """Solve for one number on each axis.

    Returns
    -------
    tuple
        The wanted output sizes, and for each axis the answer of `inverse.solve`.
    """
    unknown = request.solve
    if unknown is None or request.out is None:
        raise UsageError("--solve and --out go together; write --solve n --out 112")
    if unknown not in get_args(Unknown):
        raise UsageError(f"--solve {unknown!r} is not one of n, f, p, s; write --solve n")
    _refuse_beside(
        f"--solve {unknown}",
        {
            "-l": _first_layer(request),
            "--layers": request.layers_file,
            "-c": request.c,
            "-g": request.g,
            "--no-bias": not request.bias,
            "--explain": request.explain,
        },
    )
    given = {"n": request.n, "f": request.f, "p": request.p, "s": request.s}
    if given[unknown] is not None:
        raise UsageError(f"-{unknown} {given[unknown]} is given, and --solve asks for it; drop one")
    pooling = request.kind in ("maxpool", "avgpool")
    texts = {
        "n": "1" if unknown == "n" else _need("-n", request.n),
        "f": "1" if unknown == "f" else _need("-f", request.f),
        "s": request.s or (_need("-f", request.f) if pooling and unknown != "s" else "1"),
        "d": request.d or "1",
        "op": request.op or "0",
    }
    values = {name: notation.parse_only(f"-{name}", text) for name, text in texts.items()}
    out = notation.parse_only("--out", request.out)
    p = notation.parse_only_padding("-p", request.p or "0")
    named = [out, *values.values()] + ([] if isinstance(p, str) else [p])
    dims = notation.settle_dims(map(len, named), request.dims)
    out = spread("--out", out, dims)
    columns = {name: spread(f"-{name}", value, dims) for name, value in values.items()}
    pads = (p,) * dims if isinstance(p, str) else spread("-p", p, dims)

    def on_axis(size: int, pad: PaddingWord | tuple[int, int], *numbers: int) -> Answer:
        return solve(
            unknown,  # type: ignore[arg-type]
            size,
            p=pad,
            kind=request.kind,
            ceil=request.ceil,
            **dict(zip(columns, numbers, strict=True)),
        )

    return out, on_each_axis(on_axis, list(zip(out, pads, *columns.values(), strict=True)))


def _need(option: str, value: str | None) -> str:
    if value is None:
        raise UsageError(
            f"{option} is missing; add it, such as {option} {3 if option == '-f' else 8}"
        )
    return value


def _first_layer(request: Request) -> str | None:
    return request.layers[0] if request.layers else None


def _typed(option: str, value: str | bool | None) -> str:
    """Write an option as it was typed; empty where it was not."""
    if value is None or value is False:
        return ""
    return option if value is True else f"{option} {value}"


def _refuse_beside(other: str, options: Mapping[str, str | bool | None]) -> None:
    """Refuse the options that would be read and ignored."""
    for option, value in options.items():
        if typed := _typed(option, value):
            raise UsageError(f"{typed} has no meaning beside {other}; leave out one of the two")


def _show_answers(request: Request, fmt: str, streams: Streams) -> None:
    out, found = answers(request)
    if fmt == "table":
        from convcli.shape import report  # noqa: PLC0415  Rich is loaded for tables alone

        report.show_answers(request.solve, out, found, streams)
        return
    _write(records.answer_lines(fmt, request.solve, out, found), streams)
    if fmt == "plain" and any(answer.last is None for answer in found):
        streams.stderr.write(f"convcli: note: and every larger {request.solve}\n")


def _show_cases(
    request: Request, fmt: str, streams: Streams, misfit: Callable[[DoesNotFit], None]
) -> None:
    _show(cases(request, misfit), request, fmt, streams)


def _show_stacks(
    request: Request, fmt: str, streams: Streams, misfit: Callable[[DoesNotFit], None]
) -> None:
    found = stacks(request, streams, misfit)
    if fmt == "plain":
        _write(records.plain(steps[-1] for steps in found), streams)
    elif fmt == "table" and not request.explain:
        from convcli.shape import report  # noqa: PLC0415

        for steps in found:
            report.show_stack(steps, streams)
    else:
        _show(chain.from_iterable(found), request, fmt, streams)


def _show(steps: Iterable[Step], request: Request, fmt: str, streams: Streams) -> None:
    if fmt == "table":
        from convcli.shape import report  # noqa: PLC0415

        (report.explain if request.explain else report.show_cases)(steps, streams)
    elif fmt == "json":
        write = records.explained if request.explain else records.record
        _write(records.json_lines(map(write, steps)), streams)
    else:
        _write(records.LINES[fmt](steps), streams)


def _write(lines: Iterable[str], streams: Streams) -> None:
    for line in lines:
        streams.stdout.write(f"{line}\n")


def _animate(request: Request, streams: Streams) -> int:
    _refuse_beside(
        "--animate",
        {
            "-l": _first_layer(request),
            "--layers": request.layers_file,
            "--solve": request.solve,
            "--out": request.out,
            "--explain": request.explain,
            "--format": request.format,
        },
    )
    if not (streams.stdout.isatty() and streams.stdin.isatty()):
        raise UsageError(
            "--animate draws on a terminal, and this is a pipe or a file; use --explain instead"
        )
    steps = list(islice(cases(request), 2))
    if len(steps) != 1:
        raise UsageError("--animate shows one case, not a sweep; give each option one value")
    from convcli.shape import animation  # noqa: PLC0415

    animation.play(steps[0], streams)
    return 0
