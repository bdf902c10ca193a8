"""The two commands and their help; the one place where errors become text and status."""

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from convcli import __version__, options
from convcli.errors import FULL, ConvcliError, Terminated
from convcli.streams import Streams, printable

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class GroupedHelp(TyperCommand):
    """A command whose help shows its options by group, in plain text, which needs no Rich."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse a command line; ``--pool`` alone is ``--pool max``, which no parser here knows."""
        full: list[str] = []
        for arg, following in zip(args, [*args[1:], ""], strict=True):
            full.append(arg)
            if arg == "--pool" and following not in ("max", "avg"):
                full.append("max")
        parsed: list[str] = super().parse_args(ctx, full)
        return parsed

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


def _taking(request: Any) -> Callable[[Callable[[Any, Streams], int]], Callable[..., int]]:
    """Give a command the options that a request has as fields, and the request filled from them."""

    def decorate(run: Callable[[Any, Streams], int]) -> Callable[..., int]:
        @functools.wraps(run)
        def command(ctx: typer.Context, **typed: Any) -> int:
            return run(request(**typed), ctx.obj)

        keyword = inspect.Parameter.KEYWORD_ONLY
        fields = [
            inspect.Parameter(
                name, keyword, default=request._field_defaults[name], annotation=annotation
            )
            for name, annotation in request.__annotations__.items()
        ]
        context = inspect.Parameter("ctx", keyword, annotation=typer.Context)
        command.__signature__ = inspect.Signature([context, *fields])  # type: ignore[attr-defined]
        return command

    return decorate


@app.callback(invoke_without_command=True, epilog=options.EXAMPLES)
def convcli(ctx: typer.Context, version: options.Version = False) -> None:
    """Compute shapes of convolutional layers, and convolve arrays.

    Letters: n input, f filter, p padding on each side, s stride, d dilation, c channels, g groups.
    """
    streams: Streams = ctx.obj
    if version:
        streams.stdout.write(f"convcli {__version__}\n")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        streams.stdout.write(ctx.get_help() + "\n")


@app.command(cls=GroupedHelp, epilog=options.SHAPE_EXAMPLES)
@_taking(options.ShapeRequest)
def shape(request: options.ShapeRequest, streams: Streams) -> int:
    """Print the output size of a layer, or of a stack of layers."""
    from convcli.shape import command  # noqa: PLC0415  each command imports what it needs

    return command.run(request, streams)


@app.command(cls=GroupedHelp, epilog=options.RUN_EXAMPLES)
@_taking(options.RunRequest)
def run(request: options.RunRequest, streams: Streams) -> int:
    """Convolve arrays with a filter."""
    from convcli.run import command  # noqa: PLC0415  it imports NumPy

    return command.run(request, streams)


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
    streams = streams or Streams(sys.stdin, sys.stdout, sys.stderr)
    try:
        command = typer.main.get_command(app)
        argv = sys.argv[1:] if argv is None else argv
        # Not command.main, which treats a closed pipe differently. Help is written to sys.stdout.
        with (
            contextlib.redirect_stdout(streams.stdout),
            command.make_context("convcli", argv, obj=streams) as ctx,
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
        return 141
    except OSError as error:
        what = f"{error.filename!r}: " if error.filename is not None else ""
        remedy = "check the path and its permissions"
        if error.errno in FULL:
            what, remedy = what or "standard output: ", "make room, or write elsewhere"
        return _fail(streams, f"{what}{error.strerror or error}; {remedy}", 1)
    except MemoryError:
        return _fail(streams, "out of memory; lower --memory, or split the input", 1)
    except KeyboardInterrupt:
        return 130
    except Terminated as end:
        return 128 + end.signal


def _fail(streams: Streams, message: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # full or closed: the status still tells
        streams.stderr.write(f"convcli: error: {printable(message)}\n")
        streams.stderr.flush()
    return status
