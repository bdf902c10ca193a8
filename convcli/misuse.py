"""The text of an error in a command line: an option, a value or a command that there is not."""

import re
import shlex
from difflib import get_close_matches
from typing import Any

from typer._click import exceptions

from convcli.errors import shortened

# Names from elsewhere that are not one option's: what to do instead.
_HINTS = {
    "shape": {
        "in-features": "write -c IN:OUT, such as -c 3:64",
        "filters": "write -c IN:OUT, such as -c 3:64",
        "use-bias": "a layer without bias is --no-bias",
        "depthwise": "write as many groups as channels, such as -c 32:32 -g 32",
        "maxpool": "use --pool",
        "avgpool": "use --pool",
        "solve-for": "use --solve n --out 112",
        "kernel-name": "named filters are an option of convcli run: -k",
        "json": "use --format json",
        "csv": "use --format csv",
        "version": "convcli --version",
        "V": "convcli -V",
        "completion": "convcli --completion bash",
        "k": "the filter size is -f; named filters are an option of convcli run: -k",
    },
    "run": {
        "completion": "convcli --completion bash",
        "n": "for a random input of a size write rand:8x8",
        "size": "for a random input of a size write rand:8x8",
        "border": "use --pad-mode, whose reflect is OpenCV's reflect101 and SciPy's mirror",
        "border-type": "use --pad-mode, whose reflect is OpenCV's reflect101 and SciPy's mirror",
        "boundary": "use --pad-mode",
        "mode": "use --pad-mode for borders, or -p for SciPy's full, same and valid",
        "data-format": "use --layout, such as --layout NHWC",
        "filename": "write the file without an option before it",
        "input": "write the input without an option before it, such as x.npy",
        "json": "use --format json",
        "gpu": "use --device auto, or --device cuda",
        "cuda": "use --device cuda",
        "version": "convcli --version",
        "V": "convcli -V",
    },
}
# The value of an example, by the option or by what help calls the value.
_EXAMPLES = {
    "-n": "8",
    "--chunks": "512x512",
    "SIZES": "3",
    "PADDING": "same",
    "IN:OUT": "3:64",
    "LAYER": "'conv f=3'",
    "FILTER": "sobel-x",
    "LETTERS": "HW",
    "BIAS": "0.5",
    "TYPE": "float32",
    "MODE": "reflect",
    "METHOD": "auto",
    "AMOUNT": "64M",
    "PATH": "y.npy",
    "PICTURE": "conv.svg",
    "FILE|-": "-",
    "1|2|3": "2",
}


def describe(error: Any) -> str:
    """Write what Typer found wrong as name, value, rule, remedy and the page of help."""
    if isinstance(error, exceptions.NoSuchOption):
        text = _no_such_option(error)
    elif isinstance(error, exceptions.BadOptionUsage):
        text = _value_misused(error)
    elif isinstance(error, exceptions.BadParameter) and error.param is not None:
        option = error.param.opts[-1]
        value = error.message.split(" is not ")[0]
        text = f"{option} {value} is not a whole number; write {option} {example(error.param)}"
    else:
        text = error.format_message().replace("\n", " ").rstrip(".")
    return f"{text}; {_page(error.ctx)}"


def example(param: Any) -> str:
    """Return a value that an option takes."""
    metavar = param.metavar or ""
    default = metavar.split("|")[0].partition("[")[0] if "|" in metavar else "2"
    return _EXAMPLES.get(param.opts[0], _EXAMPLES.get(metavar, default))


def no_such_command(ctx: Any, words: list[str]) -> str:
    """Say what the first word is instead of a command, and where help for it is."""
    name, *rest = words
    commands = list(ctx.command.commands)
    if name == "help":
        of = next((word for word in rest if word in commands), "")
        return f"'help' is not a command; tip: {' '.join(filter(None, ('convcli', of)))} --help"
    if name == "version":
        return "'version' is not a command; tip: convcli --version"
    near = get_close_matches(name.lower(), commands, 1)
    remedy = f"tip: convcli {near[0]}" if near else f"write one of {', '.join(commands)}"
    return f"{shortened(name)} is not a command; {remedy}; {_page(ctx)}"


def extra_arguments(ctx: Any, extra: list[str]) -> str:
    """Say what to do with words that belong to no option: sizes are joined, text is quoted.

    A number among the inputs of `run` is such a word.
    """
    typed, first = ctx.meta["typed"], extra[0]
    place = _place(ctx, typed, first)
    before = typed[place - 1] if place else ""
    option, value = _option_before(ctx, typed, place)
    numbers = _numbers((value, *_following(typed, place)))
    text = f"unexpected argument {shortened(first)}"
    if option == "--pool":
        remedy = f"the size of the window is -f {first}"
    elif option and len(numbers) > 1:
        remedy = f"write sizes of several axes with x between: {option} {'x'.join(numbers)}"
    elif numbers and re.fullmatch(r"[0-9xX×*,.]+", first):
        remedy = f"name its option, such as -n {first}"
        if ctx.info_name == "run":
            remedy = f"an input of that size is rand:{first}x{first}"
    elif re.fullmatch(r"(conv|convt|maxpool|avgpool)([123]d)?", first):
        remedy = f"write -l {shlex.quote(' '.join(_following(typed, place)))}"
    elif option and ctx.info_name != "run":
        remedy = f"quote a value that has spaces in it: {option} {shlex.quote(f'{value} {first}')}"
    else:
        remedy = f"leave out {shlex.quote(first)}{f' after {before}' if before else ''}"
    return f"{text}; {remedy}; {_page(ctx)}"


def _no_such_option(error: exceptions.NoSuchOption) -> str:
    ctx: Any = error.ctx
    typed = error.option_name
    text = f"{shortened(typed)[1:-1]} is not an option"
    name = typed.lstrip("-")
    hint = _HINTS.get(ctx.info_name, {}).get(name)
    if hint is not None:
        return f"{text}; tip: {hint}"
    if ctx.parent is None:
        return f"{text} of convcli itself; {_of_commands(ctx, typed)}"
    by_name = {f"--{alias}": f"--{real}" for alias, real in ctx.command.aliases.items()}
    for param in ctx.command.get_params(ctx):
        if param.param_type_name == "option":
            by_name |= {name: "-c IN:OUT" if param.hidden else name for name in param.opts}
    # Without the hyphens, which all have in common.
    words = {option[2:]: real for option, real in by_name.items() if option.startswith("--")}
    near = get_close_matches(name, words, 1, 0.7)
    return f"{text}; tip: {words[near[0]]}" if near else text


def _of_commands(ctx: Any, name: str) -> str:
    """Say which commands have an option that was typed before the command."""
    commands = [
        command
        for command, sub in ctx.command.commands.items()
        if any(name in param.opts for param in sub.params)
        or name.lstrip("-").replace("_", "-") in sub.aliases
    ]
    if not commands:
        return "write a command first, shape or run"
    words = [word for word in ctx.meta["typed"] if word not in commands]
    return f"write the command first: {shlex.join(['convcli', commands[0], *words])}"


def _value_misused(error: exceptions.BadOptionUsage) -> str:
    """Say that an option's value is missing, or that a switch has one."""
    ctx: Any = error.ctx
    name = error.option_name
    param = next(p for p in ctx.command.get_params(ctx) if name in p.opts)
    if "requires" in error.message:
        return f"{name} has no value; write such as {name} {example(param)}"
    return f"{name} is a switch and takes no value; write {name}, or leave it out"


def _place(ctx: Any, typed: tuple[str, ...], word: str) -> int:
    """Find a word that is not the value of the option before it."""
    for place, each in enumerate(typed):
        if each == word and not (place and _awaits_value(ctx, typed[place - 1])):
            return place
    return typed.index(word)


def _option_before(ctx: Any, typed: tuple[str, ...], place: int) -> tuple[str, str]:
    """Find the option, and its value, that stand just before a word; else two empty texts."""
    if place > 1 and _awaits_value(ctx, typed[place - 2]):
        return typed[place - 2], typed[place - 1]
    found = re.fullmatch(r"(?s)(--[^=]+)=(.+)|(-[^-])(.+)", typed[place - 1]) if place else None
    return (found[1] or found[3], found[2] or found[4]) if found else ("", "")


def _awaits_value(ctx: Any, word: str) -> bool:
    """Whether a word is an option of which the next word is the value."""
    name = f"--{ctx.token_normalize_func(word[2:])}" if word[:2] == "--" else word
    return any(
        name in param.opts and param.param_type_name == "option" and not param.is_flag
        for param in ctx.command.get_params(ctx)
    )


def _following(typed: tuple[str, ...], place: int) -> list[str]:
    """Return a word and those after it, up to the next option."""
    end = next((i for i in range(place, len(typed)) if typed[i].startswith("-")), len(typed))
    return list(typed[place:end])


def _numbers(words: tuple[str, ...]) -> list[str]:
    """Return the numbers, or nothing where there is anything else."""
    joined = " ".join(words)
    return re.findall(r"[0-9]+", joined) if re.fullmatch(r"[0-9\s,()\[\]x×*]*", joined) else []


def _page(ctx: Any) -> str:
    return f"see {ctx.command_path if ctx is not None else 'convcli'} --help"
