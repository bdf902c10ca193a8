"""Hostile names on a real terminal: nothing reaches it but text and the program's own colours."""

import csv
import io
import json
import os
import re
import zipfile

from tests.faults.program import npy, on_terminal
from tests.faults.trial import Trial

# What a name may try: to colour, move, retitle, copy, reorder, be markup or a formula.
_HOSTILE = (
    "\x1b[31mred", "\x1b]52;c;aGk=\x07", "\x1b]8;;http://x\x1b\\link", "\x1b]0;title\x07",
    "\x1b[2J", "\x1bc", "\x9b31m", "\x9d52;c;aGk=\x9c", "\x90q\x9c", "\u202eevil",
    "\u2066x\u2069", "\u200f", "\u2028next", "line\nconvcli: error: forged", "over\rwritten",
    "back\b\b\b\b", "\x07", "\x7f", "tab\there", "[blink]x[/blink]", "[link=http://x]y[/link]",
    "[/]", ":skull:", "=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\udc9b31m", "\udcff\udcfe",
    "é日本🙂", "a\u0300",
)  # fmt: skip
_OPTIONS = (
    "--format", "-n", "-p", "-l", "--layers", "--solve", "-k", "--bias", "--dtype", "--layout",
    "--device", "--engine", "--method", "--pad-mode", "--memory", "--seed", "-g", "-o",
)  # fmt: skip
_SHAPE_FORMATS = ("table", "plain", "json", "csv")
_RUN_FORMATS = ("table", "plain", "json")
# Bold, dim, italic and colours; not 5 and 7 (blink and reverse), which markup could ask for.
_COLOUR = re.compile(r"\x1b\[(?:0|1|2|3|3[0-79]|9[0-7]|4[0-79]|10[0-7]|[34]8;[25](?:;\d+)+|;)*m")
# How a progress bar is drawn and taken away.
_PROGRESS = re.compile(r"\x1b\[(?:\?25[lh]|[12]?K|\d*A)")


def case(trial: Trial) -> None:
    """Give something a hostile name, and have it shown."""
    random = trial.random
    name = random.choice(_HOSTILE)
    if random.random() < 0.3:
        name += random.choice(_HOSTILE)
    words = (_layer, _option, _file, _file, _member)[random.randrange(5)](trial, name)
    trial.note(words)
    status, data = on_terminal(words, trial.folder)
    trial.check(status in (0, 1, 2), f"status {status} on a terminal")
    _check_terminal(trial, data)
    if words[0] == "shape" and not {"csv", "json"}.isdisjoint(words):
        ended = trial.run(words, many=True, around=("", " | cat"))
        _check_records(trial, ended.out.decode("utf-8", "replace"), "csv" in words)


def _layer(trial: Trial, name: str) -> list[str]:
    """Name a layer, or what should be a kind, a key or a value of one."""
    random = trial.random
    line = random.choice(
        ("conv f=3 name={}", "conv f=3 name={}", "{} f=3", "conv f=3 {}", "conv f={}")
    )
    line = line.format("".join(name.split()) or "x")
    words = ["shape", "-n", random.choice(("9", "2"))]
    if random.random() < 0.3:
        file = trial.write("layers", os.fsencode(line))
        words += ["--layers", file]
    else:
        words += ["-l", line]
    return [*words, "--format", random.choice(_SHAPE_FORMATS)]


def _option(trial: Trial, name: str) -> list[str]:
    """Write a name where an option's value, an option or a command should stand."""
    random = trial.random
    option = random.choice(_OPTIONS)
    if random.random() < 0.1:
        return [name]
    words = random.choice((["shape", "-n", "9", "-f", "3"], ["run", "ones:3x3", "-k", "box"]))
    return [*words, f"--{name}"] if random.random() < 0.1 else [*words, option, name]


def _file(trial: Trial, name: str) -> list[str]:
    """Name a file: there or not, whole or broken, as input, filter, bias or output."""
    random = trial.random
    ending = random.choice((".npy", "", ".npz", ".png", ".pt", ".safetensors"))
    file = name.replace("/", "_") + ending
    if random.random() < 0.7:
        trial.write(file, npy([[1.0, 2.0], [3.0, 4.0]]) if random.random() < 0.7 else b"broken")
    shown = ["--format", random.choice(_RUN_FORMATS)]
    if random.random() < 0.2:
        shown += ["--plot"]
    inputs = {
        "input": ["./" + file, "-k", "[[1]]", "-o", random.choice(("y.npy", "out/"))],
        "inputs": ["./" + file, "ones:2x2", "-k", "[[1]]", "-o", "out/"],
        "filter": ["ones:3x3", "-k", "./" + file],
        "bias": ["ones:3x3", "-k", "[[1]]", "--bias", "./" + file],
        "output": ["ones:3x3", "-k", "[[1]]", "-o", "./" + file],
    }
    return ["run", *random.choice(list(inputs.values())), *shown]


def _member(trial: Trial, name: str) -> list[str]:
    """Name a member of an archive, asked for or only listed."""
    random = trial.random
    archive = io.BytesIO()
    inside = name.encode("utf-8", "replace").decode()
    with zipfile.ZipFile(archive, "w") as made:
        for member in (inside, *(["other"] if random.random() < 0.5 else [])):
            made.writestr(f"{member}.npy", npy([[1.0, 2.0], [3.0, 4.0]]))
    file = trial.write("w.npz", archive.getvalue())
    asked = random.choice((f"{file}::{inside}", f"{file}::nosuch", file))
    use = [asked, "-k", "[[1]]"] if random.random() < 0.6 else ["ones:3x3", "-k", asked]
    output = random.choice((["-o", "out/"], ["-o", "/dev/null"], []))
    return ["run", *use, *output, "--format", random.choice(_RUN_FORMATS)]


def _check_terminal(trial: Trial, data: bytes) -> None:
    """Hold that bytes on a terminal are text, ends of lines, and colours of the program's own."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        trial.check(False, f"bytes on the terminal that are no text: {data[error.start :][:40]!r}")
        return
    plain = _PROGRESS.sub("", _COLOUR.sub("", text)).replace("\r\n", "\n")
    for line in plain.split("\n"):
        trial.check(line.isprintable(), f"a control code on the terminal: {line[:200]!r}")
    forged = any(line.startswith("convcli: error: forged") for line in plain.split("\n"))
    trial.check(not forged, "a name that makes a line of its own")
    trial.check("Traceback" not in plain, f"traceback: {plain.rstrip()[-200:]!r}")


def _check_records(trial: Trial, text: str, is_csv: bool) -> None:
    """Hold that records for other programs parse, with no cell a formula."""
    if not is_csv:
        for line in filter(None, text.split("\n")):
            try:
                json.loads(line)
            except ValueError:
                trial.check(False, f"not a line of JSON: {line[:200]!r}")
        return
    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            formula = cell.strip("\t\r ")[:1] in ("=", "+", "-", "@") and cell[:1] != "'"
            trial.check(not formula or cell.lstrip("-").isdigit(), f"a cell is a formula: {cell!r}")
