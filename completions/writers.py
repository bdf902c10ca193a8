"""A writer for each shell, and one for the man page.

What is the same whatever the options are stands in ``templates/``.
"""

import shlex
from pathlib import Path

from completions.program import ENDINGS, Command, Option, Values, places

TEMPLATES = Path(__file__).parent / "templates"


def _fill(template: str, **parts: str) -> str:
    text = (TEMPLATES / template).read_text()
    parts["WRITTEN"] = "completions/generate.py writes it from its template."
    for name, part in (ENDINGS | parts).items():
        text = text.replace(f"@{name}@", part)
    return text


def bash(commands: tuple[Command, ...]) -> str:
    """Write two tables for bash, which shows no help."""
    options = []
    for command in commands:
        options.append(f"        '{command.name}') options=(")
        for option in command.options:
            options.append(f"            '{' '.join((*option.names, option.kind)).rstrip()}'")
        options.append("        ) ;;")
    values = [f"        '') words=({' '.join(c.name for c in commands[1:])}) ;;"]
    for place, known in places(commands):
        words = f"words=({' '.join(known.words)}) " if known.words else ""
        which = f"files={known.files} " if known.files else ""
        values.append(f"        '{place}') {words}{which};;")
    return _fill("convcli.bash", OPTIONS="\n".join(options), VALUES="\n".join(values))


def zsh(commands: tuple[Command, ...]) -> str:
    """Write what zsh's own ``_arguments`` reads."""
    root, *subs = commands
    cases = []
    for command in subs:
        specs = [_zsh_option(option) for option in command.options]
        if command.inputs:
            many = "*" if command.inputs_metavar.endswith("...") else "1"
            name = command.inputs_metavar.strip("[].")
            specs.append(f"'{many}:{name}:{_zsh_action(command.inputs)}'")
        lines = " \\\n                ".join(["_arguments -s -S", *specs])
        cases.append(f"        {command.name})\n            {lines} && ret=0 ;;")
    described = (f'{command.name}\\:"{command.summary}"' for command in subs)
    return _fill(
        "_convcli",
        OPTIONS="\n".join(f"        {_zsh_option(option)} \\" for option in root.options),
        COMMANDS=" ".join(described),
        CASES="\n".join(cases),
    )


def _zsh_option(option: Option) -> str:
    """Write an option: what it excludes, its names, [its help] and :what:its value can be."""
    *short, long = option.names
    help_ = f"[{_escape(option.help, '[]')}]"
    if option.values is not None:
        short, long = [f"{name}+" for name in short], f"{long}="
        help_ += f":{_escape(option.metavar, ':')}:{_zsh_action(option.values)}"
    names = f"{{{','.join([*short, long])}}}" if short else long
    leaves = option.names[-1] in ("--help", "--version", "--completion")  # nothing goes with them
    excluded = "*" if option.repeatable else f"({'- : *' if leaves else ' '.join(option.names)})"
    return f"'{excluded}'{names}{shlex.quote(help_)}"


def _zsh_action(values: Values) -> str:
    words = " ".join(_escape(word, ":") for word in values.words)
    if values.files in ("arrays", "filters"):
        return f" _convcli_{values.files} {words}"
    return "_files" if values.files else f"({words})" if words else " "


def _escape(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special else c for c in text)


def fish(commands: tuple[Command, ...]) -> str:
    """Write a line for each option; its condition is that it is not given yet."""
    lines = []
    for command in commands:
        if command.name:
            start = "complete -c convcli -n \"__convcli_at ''\""
            lines.append(f"{start} -a {command.name} -d {_fish_quote(command.summary)}")
        if command.inputs:
            start = f"complete -c convcli -n '__convcli_at {command.name}'"
            lines.append(start + _fish_values(command.inputs))
        for option in command.options:
            marks = [] if option.values is None else ["="]
            once = [] if option.repeatable else [*marks, *option.names]
            condition = " ".join(["__convcli_at", command.name or "''", *once])
            names = [f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names]
            lines.append(
                f'complete -c convcli -n "{condition}" {" ".join(names)}'
                f"{_fish_values(option.values)} -d {_fish_quote(option.help)}"
            )
    return _fill("convcli.fish", LINES="\n".join(lines))


def _fish_values(values: Values | None) -> str:
    if values is None:
        return ""
    if values.files == "any":
        return " -rF"
    words = [*values.words, *[f"(__convcli_{values.files})"] * bool(values.files)]
    return f" -x -a {_fish_quote(' '.join(words))}" if words else " -x"


def _fish_quote(text: str) -> str:
    return f"'{_escape(text, chr(92) + chr(39))}'"


def powershell(commands: tuple[Command, ...]) -> str:
    """Write three tables for PowerShell."""

    def quote(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    options, words, known_files = [], [], []
    for command in commands:
        options.append(f"        {quote(command.name)} = @(")
        for option in command.options:
            names, kind = ", ".join(map(quote, option.names)), quote(option.kind)
            entry = f"names = @({names}); kind = {kind}; help = {quote(option.help)}"
            options.append(f"            @{{ {entry} }}")
        options.append("        )")
    subs = Values(tuple(command.name for command in commands if command.name))
    for place, values in [("", subs), *places(commands)]:
        if values.words:
            words.append(f"        {quote(place)} = {', '.join(map(quote, values.words))}")
        if values.files:
            known_files.append(f"        {quote(place)} = {quote(values.files)}")
    return _fill(
        "convcli.ps1",
        OPTIONS="\n".join(options),
        WORDS="\n".join(words),
        FILES="\n".join(known_files),
    )


def man(commands: tuple[Command, ...]) -> str:
    """Write the options by command and group, as ``--help`` shows them."""
    synopsis: list[str] = []
    lines: list[str] = []
    for command in commands:
        title = f"convcli {command.name}".rstrip()
        name = command.inputs_metavar.strip("[].")
        marked = command.inputs_metavar.replace(name, rf"\fI{name}\fR")
        inputs = f" {marked}" if name else ""
        synopsis.append(f"{'.br' * bool(synopsis)}\n.B {title}\n[\\fIOPTIONS\\fR]{inputs}".lstrip())
        lines.append(f'.SH "{title.upper()}"\n{_roff(command.help)}')
        if command.inputs:
            lines.append(f".TP\n\\fI{name}\\fR\n{_roff(command.inputs_help)}")
        for group in sorted(dict.fromkeys(o.group for o in command.options), key="Other".__eq__):
            lines.append(f'.SS "{group}"')
            for option in command.options:
                if option.group == group:
                    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in option.names)
                    metavar = f" \\fI{_roff(option.metavar)}\\fR" * (option.values is not None)
                    lines.append(f".TP\n{names}{metavar}\n{_roff(option.help)}")
    return _fill("convcli.1", SYNOPSIS="\n".join(synopsis), COMMANDS="\n".join(lines))


def _roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{text}" if text.startswith(".") else text


WRITERS = {
    "convcli.bash": bash,
    "_convcli": zsh,
    "convcli.fish": fish,
    "convcli.ps1": powershell,
    "convcli.1": man,
}
