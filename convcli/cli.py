"""The two commands: signatures, help, and the one place where errors become text and status."""

import gc

gc.disable()  # importing makes no garbage, and looking for it takes a tenth of the start

import contextlib  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import typer  # noqa: E402
from typer.core import TyperCommand  # noqa: E402

from convcli import __version__, options  # noqa: E402
from convcli.errors import FULL, ConvcliError, UsageError  # noqa: E402
from convcli.streams import Streams, printable  # noqa: E402


class GroupedHelp(TyperCommand):
    """A command whose help shows its options by group, in plain text that starts at once."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each group of options under its own heading."""
        groups: dict[str, list[Any]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                panel = getattr(param, "rich_help_panel", None) or "Other"
                groups.setdefault(panel, []).append(record)
        groups["Other"] = groups.pop("Other")  # last
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True, epilog=options.EXAMPLES)
def convcli(
    ctx: typer.Context,
    version: options.Version = False,
) -> None:
    """Shapes of convolutional layers, and convolutions run, at a shell prompt.

    Letters: n input, f filter, p padding on each side, s stride, d dilation, c channels, g groups.
    """
    streams: Streams = ctx.obj
    if version:
        streams.stdout.write(f"convcli {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        streams.stdout.write(ctx.get_help() + "\n")


@app.command(cls=GroupedHelp, epilog=options.SHAPE_EXAMPLES)
def shape(
    ctx: typer.Context,
    n: options.Size = None,
    f: options.Filter = None,
    p: options.Padding = None,
    s: options.Stride = None,
    d: options.Dilation = None,
    dims: options.Dims = None,
    transposed: options.Transposed = False,
    output_padding: options.OutputPadding = None,
    pool: options.Pool = False,
    ceil: options.Ceil = False,
    channels: options.Channels = None,
    groups: options.Groups = None,
    no_bias: options.NoBias = False,
    layer: options.Layer = None,
    layers: options.Layers = None,
    solve: options.Solve = None,
    out: options.Out = None,
    explain: options.Explain = False,
    animate: options.Animate = False,
    format_: options.ShapeFormat = None,
) -> int:
    """Print the output size of a layer, or of a stack of layers."""
    from convcli.shape import command  # noqa: PLC0415  each command loads what it needs

    _imported()
    if transposed and pool:
        raise UsageError("--transposed and --pool are two kinds of layer; give one of them")
    request = command.Request(
        n=n,
        f=f,
        p=p,
        s=s,
        d=d,
        op=output_padding,
        c=channels,
        g=groups,
        bias=not no_bias,
        kind="convt" if transposed else "maxpool" if pool else "conv",
        ceil=ceil,
        dims=dims,
        layers=tuple(layer or ()),
        layers_file=layers,
        solve=solve,
        out=out,
        explain=explain,
        animate=animate,
        format=format_,
    )
    return command.run(request, ctx.obj)


@app.command(cls=GroupedHelp, epilog=options.RUN_EXAMPLES)
def run(
    ctx: typer.Context,
    inputs: options.Inputs = None,
    kernel: options.Kernel = None,
    list_kernels: options.ListKernels = False,
    seed: options.Seed = None,
    layout: options.Layout = None,
    bias: options.Bias = None,
    dtype: options.DType = None,
    f: options.Filter = None,
    p: options.Padding = None,
    pad_mode: options.PadModeName = "zeros",
    s: options.Stride = None,
    d: options.Dilation = None,
    flip: options.Flip = False,
    dims: options.Dims = None,
    transposed: options.Transposed = False,
    output_padding: options.OutputPadding = None,
    groups: options.Groups = None,
    device: options.Device = "cpu",
    engine: options.EngineName = "auto",
    method: options.MethodName = "auto",
    tf32: options.TF32 = False,
    threads: options.Threads = None,
    memory: options.Memory = "32M",
    output: options.Output = None,
    format_: options.RunFormat = None,
    quiet: options.Quiet = False,
    plot: options.Plot = False,
    verify: options.Verify = False,
    time: options.Time = None,
) -> int:
    """Convolve arrays with a filter."""
    # Tiles go to threads of our own; those of NumPy's BLAS would fight them for the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from convcli.run import command  # noqa: PLC0415  it loads NumPy

    _imported()
    if list_kernels:
        return command.list_kernels(ctx.obj)
    request = command.Request(
        inputs=tuple(inputs or ()),
        kernel=kernel,
        seed=seed,
        layout=layout,
        bias=bias,
        dtype=dtype,
        f=f,
        p=p,
        pad_mode=pad_mode,
        s=s,
        d=d,
        flip=flip,
        dims=dims,
        transposed=transposed,
        op=output_padding,
        g=groups,
        device=device,
        engine=engine,
        method=method,
        tf32=tf32,
        threads=threads,
        memory=memory,
        output=output,
        format=format_,
        quiet=quiet,
        plot=plot,
        verify=verify,
        time=time,
    )
    return command.run(request, ctx.obj)


def _imported() -> None:
    """Collect garbage from here on, of what was imported neither now nor at the end."""
    gc.freeze()
    gc.enable()


def main(argv: list[str] | None = None, streams: Streams | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; those of the process by default.
    streams : Streams, optional
        The standard streams to use; those of the process by default.

    Returns
    -------
    int
        Exit status: 0 done, 1 could not be done, 2 wrong usage, 130 Ctrl-C, 141 closed pipe.
    """
    streams = streams or _process_streams()
    try:
        command = typer.main.get_command(app)
        # Not command.main, which has its own idea of what a closed pipe means. Help goes to sys.
        with (
            contextlib.redirect_stdout(streams.stdout),
            command.make_context(
                "convcli", sys.argv[1:] if argv is None else argv, obj=streams
            ) as ctx,
        ):
            status: int = command.invoke(ctx) or 0
        streams.stdout.flush()
        return status
    except typer.Exit as done:
        return done.exit_code
    except ConvcliError as error:
        return _fail(streams, str(error), error.status)
    except typer.TyperException as error:
        text = error.format_message().replace("\n", " ").rstrip(".")
        return _fail(streams, f"{text}; see convcli --help", error.exit_code)
    except BrokenPipeError:
        # The reader has left. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        what = f"{error.filename!r}: " if error.filename is not None else ""
        remedy = "check the path and its rights"
        if error.errno in FULL:
            what, remedy = what or "standard output: ", "make room, or write elsewhere"
        return _fail(streams, f"{what}{error.strerror or error}; {remedy}", 1)
    except MemoryError:
        return _fail(streams, "there is not enough memory; give --memory less, or cut the input", 1)
    except KeyboardInterrupt:
        return 130
    except _Terminated as end:
        return 128 + end.signal


def _process_streams() -> Streams:
    """Take the streams of the process, ready for whatever they are, and its signals."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    streams = Streams(sys.stdin, sys.stdout, sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where there is no · it is ?
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _terminate)
    return streams


class _Terminated(BaseException):
    """Somebody asked the process to end: it goes the way of Ctrl-C, and leaves no scrap."""

    def __init__(self, number: int) -> None:
        self.signal = number


def _terminate(number: int, _frame: object) -> None:
    raise _Terminated(number)


def _fail(streams: Streams, message: str, status: int) -> int:
    streams.stderr.write(f"convcli: error: {printable(message)}\n")
    return status
