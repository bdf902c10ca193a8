"""What the completions and the man page are written from: the program's own options."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from convcli import cli, completion, streams
from convcli.arrays import formats
from convcli.arrays.formats import pixels
from convcli.arrays.named import filters, generators
from convcli.engines import choose
from convcli.engines.numpy_engine import NumpyEngine
from convcli.engines.torch_engine import TorchEngine
from convcli.geometry.window import axis
from convcli.geometry.window.pad_modes import PAD_MODES
from convcli.models import LAYERS, WEIGHTS
from convcli.models.from_text.builtin import builtin_names
from convcli.run import options as run_options
from convcli.shape import command as shape_command
from convcli.shape.figures import FIGURES


def _endings(*endings: str) -> str:
    return "|".join(ending.removeprefix(".") for ending in endings)


# By which the scripts know files: of arrays, of models, and of what has members.
ENDINGS = {
    "ENDINGS": _endings(".npy", *sorted((*formats.READERS, ".zarr"))),
    "MODELS": _endings(*LAYERS),
    "ARCHIVES": _endings(*WEIGHTS, ".zarr"),
}


@dataclass(frozen=True)
class Values:
    """What is known of a value; of a number or a size that is nothing."""

    words: tuple[str, ...] = ()  # one that ends in : is the start of a longer value
    files: str = ""  # "any" file; "arrays": what an input can be; "filters": models too


@dataclass(frozen=True)
class Option:
    """An option; a flag has no `values`."""

    names: tuple[str, ...]
    help: str
    group: str
    metavar: str
    values: Values | None
    repeatable: bool

    @property
    def kind(self) -> str:
        """How the scripts mark it."""
        return "" if self.values is None else "=*" if self.repeatable else "="


@dataclass(frozen=True)
class Command:
    """A command; the one without a name is the program itself."""

    name: str
    help: str
    options: tuple[Option, ...]
    inputs: Values | None
    inputs_help: str
    inputs_metavar: str  # [INPUT]... or [NETWORK]

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return self.help.partition("\n")[0].rstrip(".")


INPUT = Values(tuple(f"{name}:" for name in generators.KINDS), "arrays")
ARGUMENTS = {"run": INPUT, "shape": Values(tuple(builtin_names()), "any")}

# By an option's last name, with its command's where they differ.
VALUES = {
    "--pool": Values(("max", "avg")),
    "--completion": Values(tuple(completion.FILES)),
    "--color": Values(streams.COLORS),
    "--padding": Values(axis.PADDING_WORDS),
    "--dims": Values(("1", "2", "3")),
    "--layers": Values(files="any"),
    "--solve": Values(("n", "f", "p", "s")),
    "--kernel": Values((*filters.NAMED, *filters.PAIRS, *INPUT.words), "filters"),
    "--layout": Values(
        ("HW", "CHW", "HWC", "NCHW", "NHWC", "W", "CW", "NCW", "DHW", "CDHW", "NCDHW")
    ),
    "--bias": Values(files="arrays"),
    "--dtype": Values(
        (
            *("float16", "float32", "float64", "complex64", "complex128"),
            *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
        )
    ),
    "--pad-mode": Values(
        (
            *PAD_MODES,
            *(name for mode in PAD_MODES.values() for name in mode.names),
        )
    ),
    "--device": Values(("cpu", "auto", "cuda", "mps", "xpu")),
    "--engine": Values(choose.ENGINES),
    "--method": Values(tuple(dict.fromkeys(("auto", *NumpyEngine.methods, *TorchEngine.methods)))),
    "--output": Values(files="any"),
    "--fields": Values(tuple(figure.key for figure in FIGURES)),
    "--output-format": Values(formats.OUTPUT_FORMATS),
    "--scale": Values(pixels.SCALES),
    "shape --format": Values(shape_command.FORMATS),
    "run --format": Values(run_options.FORMATS),
}


def program() -> tuple[Command, ...]:
    """Read the program, then its commands, with their options."""
    root: Any = cli.build()
    context = root.make_context("convcli", [], resilient_parsing=True)
    return (
        _command("", root, context),
        *(
            _command(name, sub, sub.make_context(name, [], context, resilient_parsing=True))
            for name, sub in root.commands.items()
        ),
    )


def _command(name: str, command: Any, context: Any) -> Command:
    params = command.get_params(context)
    arguments = [param for param in params if param.param_type_name == "argument"]
    options = tuple(
        Option(
            names=tuple(sorted(param.opts, key=len)),  # click holds those of help in a set
            help=param.help,
            group=param.rich_help_panel or "Other",
            metavar=param.metavar or "",
            values=None if param.is_flag else _values(name, param.opts),
            repeatable=param.multiple,
        )
        for param in params
        if param not in arguments and not param.hidden
    )
    if not arguments:
        return Command(name, command.help, options, None, "", "")
    (argument,) = arguments
    return Command(name, command.help, options, ARGUMENTS[name], argument.help, argument.metavar)


def _values(command: str, names: list[str]) -> Values:
    return VALUES.get(f"{command} {names[-1]}", VALUES.get(names[-1], Values()))


def places(commands: tuple[Command, ...]) -> Iterator[tuple[str, Values]]:
    """Give what is known of values, by "run --device", or "run" for its inputs."""
    for command in commands:
        if command.inputs:
            yield command.name, command.inputs
        for option in command.options:
            if option.values not in (None, Values()):
                assert option.values is not None
                yield f"{command.name} {option.names[-1]}", option.values
