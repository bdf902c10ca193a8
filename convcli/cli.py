"""The two commands: signatures, help, and the one place where errors become text and status."""

import gc

gc.disable()  # importing makes no garbage, and looking for it takes a tenth of the start; see main

import os  # noqa: E402
import sys  # noqa: E402
from typing import Annotated, Any  # noqa: E402

import typer  # noqa: E402
from typer import Option  # noqa: E402
from typer.core import TyperCommand  # noqa: E402

from convcli import __version__, calculator  # noqa: E402
from convcli.errors import ConvcliError, UsageError  # noqa: E402
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
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def convcli(
    ctx: typer.Context,
    version: Annotated[bool, Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Shapes of convolutional layers, and convolutions run, at a shell prompt."""
    streams: Streams = ctx.obj
    if version:
        streams.stdout.write(f"convcli {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        streams.stdout.write(ctx.get_help() + "\n")


_WINDOW, _COST, _STACK, _SHOW = "Window", "Channels", "Stacks and the inverse", "What is shown"


@app.command(cls=GroupedHelp)
def shape(
    ctx: typer.Context,
    n: Annotated[
        str | None,
        Option("-n", "--size", metavar="SIZES", rich_help_panel=_WINDOW,
               help="Input size: 8 (a square image), 8x6, 16x224x224; sweeps 32,64 or 8..64..8."),
    ] = None,
    f: Annotated[
        str | None,
        Option("-f", "--filter", metavar="SIZES", rich_help_panel=_WINDOW,
               help="Filter size, in the same notation."),
    ] = None,
    p: Annotated[
        str | None,
        Option("-p", "--padding", metavar="PADDING", rich_help_panel=_WINDOW,
               help="Padding on each side: 1, 2x1, BEGIN:END, or valid, same, same-lower, full."),
    ] = None,
    s: Annotated[
        str | None,
        Option("-s", "--stride", metavar="SIZES", rich_help_panel=_WINDOW,
               help="Stride; 1 by default, of a pool its filter size."),
    ] = None,
    d: Annotated[
        str | None,
        Option("-d", "--dilation", metavar="SIZES", rich_help_panel=_WINDOW, help="Dilation."),
    ] = None,
    dims: Annotated[
        int | None,
        Option("--dims", metavar="1|2|3", rich_help_panel=_WINDOW,
               help="Number of axes, where single numbers leave it open; 2 by default."),
    ] = None,
    transposed: Annotated[
        bool, Option("--transposed", rich_help_panel=_WINDOW, help="A transposed convolution.")
    ] = False,
    output_padding: Annotated[
        str | None,
        Option("--output-padding", metavar="SIZES", rich_help_panel=_WINDOW,
               help="Extra output at the end of a transposed convolution."),
    ] = None,
    pool: Annotated[bool, Option("--pool", rich_help_panel=_WINDOW, help="A pooling layer.")] = False,
    ceil: Annotated[
        bool, Option("--ceil", rich_help_panel=_WINDOW, help="Round a pooling size up.")
    ] = False,
    channels: Annotated[
        str | None,
        Option("-c", "--channels", metavar="IN:OUT", rich_help_panel=_COST,
               help="Channels; adds parameters, MACs and FLOPs."),
    ] = None,
    groups: Annotated[
        str | None,
        Option("-g", "--groups", metavar="NUMBER", rich_help_panel=_COST, help="Groups of channels."),
    ] = None,
    bias: Annotated[
        bool,
        Option("--bias/--no-bias", rich_help_panel=_COST, help="Count a bias for each output channel."),
    ] = True,
    layer: Annotated[
        list[str] | None,
        Option("-l", "--layer", metavar="LAYER", rich_help_panel=_STACK,
               help="A layer of a stack, such as 'conv f=7 s=2 p=3 c=64'; give one -l for each."),
    ] = None,
    layers: Annotated[
        str | None,
        Option("--layers", metavar="FILE|-", rich_help_panel=_STACK,
               help="A file (or the pipe) with one layer a line."),
    ] = None,
    solve: Annotated[
        str | None,
        Option("--solve", metavar="n|f|p|s", rich_help_panel=_STACK,
               help="Find every n, f, p or s that gives the size --out."),
    ] = None,
    out: Annotated[
        str | None,
        Option("--out", metavar="SIZES", rich_help_panel=_STACK, help="The output size to solve for."),
    ] = None,
    explain: Annotated[
        bool,
        Option("--explain", rich_help_panel=_SHOW,
               help="Show why: the formula in steps, the windows, how often each pixel is read."),
    ] = False,
    animate: Annotated[
        bool, Option("--animate", rich_help_panel=_SHOW, help="Slide the window over the input.")
    ] = False,
    format_: Annotated[
        str | None,
        Option("--format", metavar="|".join(calculator.FORMATS), rich_help_panel=_SHOW,
               help="table on a terminal, plain in a pipe, unless given."),
    ] = None,
) -> int:
    """Print the output size of a layer, or of a stack of layers."""
    if transposed + pool > 1:
        raise UsageError("--transposed and --pool are two kinds of layer; give one of them")
    if ceil and not pool:
        raise UsageError("--ceil rounds pooling sizes; add --pool")
    if output_padding is not None and not transposed:
        raise UsageError("--output-padding belongs to a transposed layer; add --transposed")
    request = calculator.Request(
        n=n, f=f, p=p, s=s, d=d, op=output_padding, c=channels, g=groups, bias=bias,
        kind="convt" if transposed else "maxpool" if pool else "conv", ceil=ceil, dims=dims,
        layers=tuple(layer or ()), layers_file=layers, solve=solve, out=out,
        explain=explain, animate=animate, format=format_,
    )
    return calculator.run(request, ctx.obj)


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
    gc.freeze()  # nor need what was imported be looked through at exit
    gc.enable()
    streams = streams or Streams(sys.stdin, sys.stdout, sys.stderr)
    try:
        command = typer.main.get_command(app)
        status = command.main(argv, prog_name="convcli", standalone_mode=False, obj=streams)
        streams.stdout.flush()
        return status or 0
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
        return _fail(streams, f"{what}{error.strerror or error}; check the path and its rights", 1)
    except KeyboardInterrupt:
        return 130


def _fail(streams: Streams, message: str, status: int) -> int:
    streams.stderr.write(f"convcli: error: {printable(message)}\n")
    return status
