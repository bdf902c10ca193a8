"""The two commands and their help; the one place where errors become text and status."""

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from convcli import __version__, options
from convcli.errors import ConvcliError, Terminated, UsageError, describe
from convcli.streams import Streams, report_error, set_color


@contextlib.contextmanager
def _parsing(ctx: Any, args: list[str]) -> Iterator[None]:
    """Keep the words as typed, and say of every error in which command they are."""
    ctx.meta["typed"] = tuple(args)
    try:
        yield
    except typer.TyperException as error:
        error.ctx = error.ctx or ctx  # type: ignore[attr-defined]
        raise


class Commands(TyperGroup):
    """The commands; a word that is none of them is an error of ours."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the first word."""
        if args[0] not in self.commands:
            from convcli.misuse import no_such_command  # noqa: PLC0415  only for an error

            raise UsageError(no_such_command(ctx, args))
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, see `_parsing`."""
        with _parsing(ctx, args):
            return super().parse_args(ctx, args)


class GroupedHelp(TyperCommand):
    """A command whose help shows its options by group, in plain text, which needs no Rich."""

    aliases: dict[str, str]  # by which its options are read as well

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Let option names be written with underscores, and by their aliases."""

        def real_name(name: str) -> str:  # without the hyphens before it
            name = name.replace("_", "-")
            return self.aliases.get(name, name)

        kwargs |= {"token_normalize_func": real_name, "allow_extra_args": True}
        return super().make_context(*args, **kwargs)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, see `_parsing`; ``--pool`` without its value, which no parser knows, means max."""
        full: list[str] = []
        words = args[: args.index("--")] if "--" in args else args
        for arg, following in zip(words, [*words[1:], ""], strict=False):
            full.append(arg)
            pool = arg[:6] == "--pool" and self.aliases.get(arg[2:], arg[2:]) == "pool"
            if pool and not following.isalpha():  # a word is a kind, if a wrong one
                full.append("max")
        full += args[len(words) :]
        with _parsing(ctx, full):
            return super().parse_args(ctx, full)

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


def _taking(
    request: Any, stray_words: Callable[[dict[str, Any], list[str]], list[str]]
) -> Callable[[Callable[[Any, Streams], int]], Callable[..., int]]:
    """Make the parameters of a command from the fields of a request, and call it with one.

    Words that are left over, or that `stray_words` finds among the arguments, are an error.
    """

    def decorate(run: Callable[[Any, Streams], int]) -> Callable[..., int]:
        @functools.wraps(run)
        def command(ctx: typer.Context, **typed: Any) -> int:
            extra = stray_words(typed, ctx.args)
            if extra:
                from convcli.misuse import extra_arguments  # noqa: PLC0415  only for an error

                raise UsageError(extra_arguments(ctx, extra))
            set_color(ctx.obj, typed["color"])
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


def _program(
    ctx: typer.Context,
    version: options.Version = False,
    completion: options.Completion = None,
) -> None:
    """Compute shapes of convolutional layers, and convolve arrays.

    Letters: n input, f filter, p padding on each side, s stride, d dilation, c channels, g groups.
    """
    streams: Streams = ctx.obj
    if version:
        streams.stdout.write(f"convcli {__version__}\n")
        raise typer.Exit
    if completion is not None:
        from convcli.completion import script  # noqa: PLC0415  seldom used

        streams.stdout.write(script(completion))
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        streams.stdout.write(ctx.get_help() + "\n")


def _add_shape(app: typer.Typer) -> None:
    from convcli.shape import options as own  # noqa: PLC0415  see `build`

    class ShapeCommand(GroupedHelp):
        aliases = own.ALIASES

    @app.command(cls=ShapeCommand, epilog=own.EXAMPLES)
    @_taking(own.ShapeRequest, own.stray_words)
    def shape(request: own.ShapeRequest, streams: Streams) -> int:
        """Print the output size of a layer, or of a network."""
        from convcli.shape import command  # noqa: PLC0415  help needs no more than options

        return command.run(request, streams)


def _add_run(app: typer.Typer) -> None:
    from convcli.run import options as own  # noqa: PLC0415  see `build`

    class RunCommand(GroupedHelp):
        aliases = own.ALIASES

    @app.command(cls=RunCommand, epilog=own.EXAMPLES)
    @_taking(own.RunRequest, own.stray_words)
    def run(request: own.RunRequest, streams: Streams) -> int:
        """Convolve arrays with a filter."""
        # Deep inside other imports NumPy's own would cross, at each of thousands of calls, the end
        # of a chunk of Python's stack, which then asks the system for memory and gives it back.
        import numpy  # noqa: F401, PLC0415

        from convcli.run import command  # noqa: PLC0415

        return command.run(request, streams)


_COMMANDS = {"shape": _add_shape, "run": _add_run}


def build(argv: Sequence[str] = ()) -> Any:
    """Build the program for a command line; for an empty one, all of it.

    Making options takes a tenth of the start: where the command is known, those of the other one
    are not made.
    """
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True, epilog=options.EXAMPLES)(_program)
    for name in _COMMANDS.keys() & argv[:1] or _COMMANDS:
        _COMMANDS[name](app)
    return typer.main.get_command(app)


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
        Exit status: 0 done, 1 could not be done, 2 wrong usage, 141 closed pipe; 128 plus
        the number of a signal that ended it: 130 Ctrl-C, 129 SIGHUP, 143 SIGTERM.
    """
    streams = streams or Streams(sys.stdin, sys.stdout, sys.stderr)
    try:
        argv = sys.argv[1:] if argv is None else argv
        command = build(argv)
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
        from convcli import misuse  # noqa: PLC0415  only for an error

        return _fail(streams, misuse.describe(error), error.exit_code)
    except BrokenPipeError:
        return 141
    except OSError as error:
        return _fail(streams, describe(error), 1)
    except MemoryError:
        return _fail(streams, "out of memory; lower --memory, or split the input", 1)
    except KeyboardInterrupt:
        return 130
    except Terminated as end:
        return 128 + end.signal


def _fail(streams: Streams, message: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # full or closed: the status still tells
        report_error(streams, message)
        streams.stderr.flush()
    return status
