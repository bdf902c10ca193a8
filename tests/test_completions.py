"""The completions agree with the program, and do in real shells what they promise."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from safetensors.numpy import save_file

from completions import generate
from completions.program import VALUES, Command, Values, program
from completions.writers import WRITERS
from tests.conftest import DATA, need

HERE = Path(generate.__file__).parent
SHELLS = ("bash", "zsh", "fish")


# ---- the files ----


def test_files_are_what_the_program_says() -> None:
    assert generate.differing(program()) == [], "run python completions/generate.py"


@pytest.mark.parametrize("name", WRITERS)
def test_a_script_without_an_option_is_noticed(name: str) -> None:
    *others, run = program()
    less = replace(run, options=tuple(o for o in run.options if "--flip" not in o.names))
    assert name in generate.differing((*others, less))


def test_every_value_known_is_of_an_option_there_is() -> None:
    there = {option.names[-1] for command in program() for option in command.options}
    assert {name.split()[-1] for name in VALUES} <= there


def _known(command: Command) -> Iterator[str]:
    for option in command.options:
        yield from option.names
        yield from (option.values or Values()).words
    yield from (command.inputs or Values()).words


def test_powershell_names_every_option_and_value() -> None:
    text = (HERE / "convcli.ps1").read_text()
    for command in program():
        assert all(f"'{word}'" in text for word in _known(command))


def test_man_page_names_every_option() -> None:
    text = (HERE / "convcli.1").read_text().replace("\\-", "-")
    for command in program():
        for option in command.options:
            assert all(f"\\fB{name}\\fR" in text for name in option.names)


def test_man_page_has_no_warnings() -> None:
    man = need("man")
    done = subprocess.run(
        [man, "--warnings", "-l", HERE / "convcli.1"],
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "--output-padding" in done.stdout


# ---- real shells ----


class Terminal:
    """A shell on a terminal of its own, that writes what it was about to offer to a file."""

    def __init__(self, argv: list[str], folder: Path, log: Path, **env: str) -> None:
        self._log = log
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, {**os.environ, "TERM": "dumb", "LOG": str(log), **env})
        self._wait("<ready>")

    def offered(self, line: str) -> list[str]:
        """Say what is offered after a line."""
        return self._press(line, "\x14", "<offered>").splitlines()

    def after_tab(self, line: str) -> str:
        """Say what TAB makes of a line."""
        return self._press(line, "\x0f", "<line>")

    def _press(self, line: str, key: str, mark: str) -> str:
        os.write(self._fd, f"\x15{line}{key}".encode())
        self._wait(mark)
        return self._log.read_text()

    def close(self) -> None:
        """End the shell; those started later hold its terminal too, so no hang-up reaches it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._fd)

    def _wait(self, mark: str) -> None:
        seen, until = b"", time.monotonic() + 10
        while mark.encode() not in seen:
            left = until - time.monotonic()
            assert left > 0, f"no {mark}: {seen.decode()}"
            assert select.select([self._fd], [], [], left)[0], f"no {mark}: {seen.decode()}"
            seen += os.read(self._fd, 65536)


# Ctrl-T logs what is offered, Ctrl-O the line as TAB left it.
BASHRC = r"""
PS1='' PS2=''
source "$COMPLETIONS/convcli.bash"
offered() { _convcli "$@"; printf '%s\n' "${COMPREPLY[@]}" >"$LOG"; printf '<offered>'; }
complete -F offered convcli
bind 'set bell-style none' 2>/dev/null
bind '"\C-t": complete'
bind -x '"\C-x\C-o": printf "%s" "$READLINE_LINE" >"$LOG"; printf "<line>"'
bind '"\C-o": "\C-t\C-x\C-o"'
printf '<ready>'
"""
ZSHRC = r"""
PS1='' PROMPT_EOL_MARK='' LISTMAX=100000
setopt no_auto_list no_auto_menu no_beep no_prompt_cr
unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste
fpath=("$COMPLETIONS" $fpath)
autoload -U compinit && compinit -u -D
compadd() { # log what matches, unless it is only asked for
    local -a matches
    if [[ ${@[1,(i)(-|--)]} != *-[OAD]\ * ]]; then
        builtin compadd -O matches "$@"
        (($#matches)) && print -rl -- $matches >>$LOG
    fi
    builtin compadd "$@"
}
offered() { : >$LOG; zle complete-word; print -n '<offered>' >/dev/tty }
line() { zle complete-word; print -rn -- "$BUFFER" >$LOG; print -n '<line>' >/dev/tty }
ready() { print -n '<ready>' >/dev/tty }
zle -N offered; bindkey '^T' offered
zle -N line; bindkey '^O' line
zle -N zle-line-init ready
bindkey '^U' kill-whole-line
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a file of every kind."""
    folder = tmp_path_factory.mktemp("files")
    names = "x.npy photo.png IMG.JPG net.pt model.safetensors many.npz rows.csv notes.md"
    for name in names.split():
        (folder / name).touch()
    for name in ("sub", "two words"):
        (folder / name).mkdir()
        (folder / name / "inner.npy").touch()
        (folder / name / "inner.md").touch()
    (folder / "a b").mkdir()
    arrays = {"conv.weight": np.zeros((4, 2, 3, 3)), "conv.bias": np.zeros(4), ODD: np.zeros(1)}
    np.savez(folder / "w.npz", **arrays)  # type: ignore[arg-type]
    np.savez(folder / "a b" / "w.npz", **arrays)  # type: ignore[arg-type]
    for name in ("alpha", "beta"):
        zarr.create_array(folder / "a b" / "s.zarr", name=name, shape=(2, 2), dtype="f4")
    save_file(arrays, folder / "w.safetensors")
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, folder / "w.pt")
    shutil.copy(DATA / "models" / "ppocr_cls.onnx", folder / "w.onnx")
    shutil.copy(DATA / "models" / "small.pt2", folder / "w.pt2")
    return folder


@pytest.fixture(scope="module", autouse=True)
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Put the program on the path, as one that writes its calls to a file."""
    bin_ = tmp_path_factory.mktemp("bin")
    calls = bin_ / "calls"
    (bin_ / "convcli").write_text(
        f'#!/bin/sh\necho "$@" >>"{calls}"\n'
        f'PYTHONPATH="{HERE.parent}" exec "{sys.executable}" -m convcli "$@"\n'
    )
    (bin_ / "convcli").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
        yield calls


@pytest.fixture(scope="module")
def terminals(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Terminal]]:
    """Start a shell once, when it is first asked for."""
    started: dict[str, Terminal] = {}
    home = tmp_path_factory.mktemp("home")
    (home / "bashrc").write_text(BASHRC)
    (home / ".zshrc").write_text(ZSHRC)

    def terminal(name: str) -> Terminal:
        argv = [need(name), "-i"]
        if name == "bash":
            argv[1:1] = ["--noprofile", "--rcfile", str(home / "bashrc")]
        if name not in started:
            env = {"COMPLETIONS": str(HERE), "HOME": str(home), "ZDOTDIR": str(home)}
            started[name] = Terminal(argv, folder, home / f"{name}.log", **env)
        return started[name]

    yield terminal
    for each in started.values():
        each.close()


def _offered(shell: str, line: str, folder: Path, terminals: Callable[[str], Terminal]) -> set[str]:
    """Say what a shell offers, each by its last part: of a path the name, without an option."""
    if shell == "fish":
        script = f'source "{HERE}/convcli.fish"; complete -C "$argv[1]"'
        argv = [need("fish"), "--no-config", "-c", script, line]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
        found = [offer.partition("\t")[0] for offer in done.stdout.splitlines()]
    else:
        found = terminals(shell).offered(line)
    names = (re.sub(r"^--[\w-]+=(?=.)|[=/]$", "", offer) for offer in found)
    return {name.rpartition("/")[2] for name in names if name}


@dataclass(frozen=True)
class Case:
    """A line so far, what is then offered, and what is not: `...` for anything else."""

    line: str
    offered: str
    not_offered: str = ""

    def __str__(self) -> str:
        return self.line.replace(" ", "_")


ODD = "an odd; $(touch evil) name"
ARRAYS = "x.npy photo.png IMG.JPG net.pt model.safetensors many.npz rows.csv sub"
GENERATORS = "rand: randn: arange: ones: zeros:"
CASES = [
    # commands
    Case("convcli ", "shape run", "..."),
    Case("convcli s", "shape", "..."),
    Case("convcli -", "--version -h --help", "--size shape"),
    # options, by their beginning
    Case("convcli shape -", "-n --size -l --layer --layers --solve -h --help", "-k --kernel x.npy"),
    Case("convcli run -", "-k --kernel -o --output --format --verify", "-n --size x.npy rand:"),
    Case("convcli shape --la", "--layer --layers", "..."),
    Case("convcli run --la", "--layout", "..."),
    Case("convcli run x.npy --pl", "--plot", "..."),
    # an option that is given
    Case("convcli shape -n 8 -", "-f --filter", "-n --size"),
    Case("convcli shape --size 8 -", "-f --filter", "-n --size"),
    Case("convcli shape --size=8 -", "-f --filter", "-n --size"),
    Case("convcli shape -n8 -", "-f --filter", "-n --size"),
    Case("convcli shape --transposed -", "--ceil", "--transposed"),
    Case("convcli shape --pool ", "max avg", "..."),
    Case("convcli shape --color ", "auto always never", "..."),
    Case("convcli shape --in", "", "..."),  # names from elsewhere are read, not offered
    Case("convcli --completion ", "bash zsh fish powershell", "..."),
    Case("convcli run -q -", "--plot", "-q --quiet"),
    Case("convcli run x.npy -k sobel-x -", "--bias", "-k --kernel"),
    Case("convcli shape -l conv -", "-l --layer --layers"),
    Case("convcli shape -l conv --layer pool --la", "--layer --layers", "..."),
    # words
    Case("convcli shape --format ", "table plain json csv", "..."),
    Case("convcli run --format ", "table plain json", "..."),
    Case("convcli run --format j", "json", "..."),
    Case("convcli shape --solve ", "n f p s", "..."),
    Case("convcli shape --dims ", "1 2 3", "..."),
    Case("convcli shape -p ", "valid same same-lower full causal", "..."),
    Case("convcli shape --padding sa", "same same-lower", "..."),
    Case("convcli run x.npy -p v", "valid", "..."),
    Case("convcli run --pad-mode ", "zeros reflect mirror wrap", "x.npy"),
    Case("convcli run --device ", "cpu auto cuda mps xpu", "..."),
    Case("convcli run --engine ", "auto numpy torch", "..."),
    Case("convcli run --method ", "auto gemm separable fft shift fold conv", "x.npy"),
    Case("convcli run --layout NH", "NHWC", "..."),
    Case("convcli run --dtype f", "float16 float32 float64", "..."),
    Case("convcli run --scale ", "clip minmax abs signed", "x.npy"),
    Case("convcli run --output-format ", "npy npz csv txt png jpg tif", "x.npy"),
    # one word with its option
    Case("convcli run --device=", "cpu auto cuda mps xpu", "..."),
    Case("convcli run --device=c", "cpu cuda", "..."),
    Case("convcli run --pad-mode=grid-", "grid-constant grid-mirror grid-wrap", "..."),
    Case("convcli run x.npy --kernel=sobel", "sobel sobel-x sobel-y", "..."),
    # free values
    Case("convcli shape -n ", "", "..."),
    Case("convcli shape --out ", "", "..."),
    Case("convcli shape --size=", "", "..."),
    Case("convcli shape -l ", "", "..."),
    Case("convcli run --seed ", "", "..."),
    Case("convcli run --memory ", "", "..."),
    Case("convcli run -f ", "", "..."),
    # files
    Case("convcli run ", f"{ARRAYS} {GENERATORS}", "notes.md sobel-x shape"),
    Case("convcli run x", "x.npy", "..."),
    Case("convcli run n", "net.pt", "notes.md"),
    Case("convcli run rows", "rows.csv", "..."),
    Case("convcli run ra", "rand: randn:", "..."),
    Case("convcli run sub/", "inner.npy", "..."),
    Case("convcli run two\\ words/", "inner.npy", "..."),
    Case("convcli run --plot p", "photo.png", "..."),
    Case("convcli run x.npy p", "photo.png", "..."),
    Case("convcli run rand:8x8 -k ", f"sobel-x gaussian {ARRAYS} {GENERATORS}", "notes.md"),
    Case("convcli run x.npy --kernel=m", "many.npz model.safetensors", "..."),
    Case("convcli run x.npy --bias ", ARRAYS, "notes.md rand: sobel-x"),
    Case("convcli run x.npy -o ", f"{ARRAYS} notes.md", "rand:"),
    Case("convcli run x.npy --output=no", "notes.md", "..."),
    Case("convcli shape --layers ", "notes.md rows.csv sub x.npy", "rand:"),
    Case("convcli run -- -", "", "--plot -k"),
    Case("convcli run w", "w.npz w.pt w.safetensors", "..."),
    Case("convcli run x.npy -k w", "w.npz w.pt w.safetensors w.onnx w.pt2", "..."),
]
# After :: the program itself is asked, once.
MEMBERS = [
    Case("convcli run w.npz::c", "conv.weight conv.bias", "..."),
    Case("convcli run w.pt::conv.w", "conv.weight", "..."),
    Case("convcli run w.safetensors::c", "conv.weight conv.bias", "..."),
    Case("convcli run x.npy -k w.npz::c", "conv.weight conv.bias", "..."),
    Case("convcli run x.npy --kernel=w.npz::conv.w", "conv.weight", "..."),
    Case("convcli run x.npy --bias w.npz::conv.b", "conv.bias", "..."),
    Case("convcli run x.npy -k w.onnx::C", "Conv@1 Conv@10", "conv.weight"),
    Case("convcli run x.npy -k w.pt2::", "stem.0 deep.0 up", "..."),
    Case("convcli run a\\ b/w.npz::conv.b", "conv.bias", "..."),
    Case("convcli run a\\ b/s.zarr::al", "alpha", "..."),
    Case("convcli run nosuch.npz::", "", "..."),
    Case("convcli run many.npz::", "", "..."),  # which is empty
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers(
    shell: str, case: Case, folder: Path, terminals: Callable[[str], Terminal]
) -> None:
    found = _offered(shell, case.line, folder, terminals)
    if case.not_offered == "...":
        assert found == set(case.offered.split())
    assert set(case.offered.split()) <= found
    assert not set(case.not_offered.split()) & found


@pytest.mark.parametrize("case", MEMBERS, ids=str)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_members(
    shell: str, case: Case, folder: Path, terminals: Callable[[str], Terminal], calls: Path
) -> None:
    calls.unlink(missing_ok=True)
    found = {name.rpartition("::")[2] for name in _offered(shell, case.line, folder, terminals)}
    if case.not_offered == "...":
        assert found == set(case.offered.split())
    assert set(case.offered.split()) <= found
    assert not set(case.not_offered.split()) & found
    asked = calls.read_text().splitlines() if calls.exists() else []
    assert len(asked) <= 1
    assert bool(asked) or not found


@pytest.mark.parametrize("shell", SHELLS)
def test_no_other_tab_starts_the_program(
    shell: str, folder: Path, terminals: Callable[[str], Terminal], calls: Path
) -> None:
    calls.unlink(missing_ok=True)
    for line in ("run ", "run w.npz", "run x.npy -k w", "run x.npy -o w.npz::", "shape -n 8 -"):
        _offered(shell, f"convcli {line}", folder, terminals)
    assert not calls.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_every_option(
    shell: str, folder: Path, terminals: Callable[[str], Terminal]
) -> None:
    for command in program():
        names = {name for option in command.options for name in option.names}
        line = f"convcli {command.name} -".replace("  ", " ")
        assert _offered(shell, line, folder, terminals) == names


# What TAB makes of a line: bash splits words at = and : too, and must not repeat a part.
LINES = [
    ("convcli run --dev", {"bash": "convcli run --device ", "zsh": "convcli run --device="}),
    ("convcli run --device=cu", "convcli run --device=cuda "),
    ("convcli run --device=m", "convcli run --device=mps "),
    ("convcli run --kernel=sob", "convcli run --kernel=sobel"),
    ("convcli run --kernel=net", "convcli run --kernel=net.pt "),
    ("convcli run zer", "convcli run zeros:"),
    ("convcli run zeros:", "convcli run zeros:"),
    ("convcli run x.npy -k one", "convcli run x.npy -k ones:"),
    ("convcli run su", "convcli run sub/"),
    ("convcli run tw", "convcli run two\\ words/"),
    ("convcli run two\\ words/", "convcli run two\\ words/inner.npy "),
    ("convcli run 'two words/", "convcli run 'two words/inner.npy' "),
    ("convcli run -k lap", "convcli run -k laplacian "),
    ("convcli run -klap", "convcli run -klaplacian "),
    ("convcli run -k 'lap", "convcli run -k 'laplacian' "),
    ("convcli run -k sobel-x < x", "convcli run -k sobel-x < x.npy "),
    ("convcli run -k sobel-x <x.npy >not", "convcli run -k sobel-x <x.npy >notes.md "),
    ("cat x.npy | convcli run --verb", "cat x.npy | convcli run --verbose "),
    ("cat x.npy | convcli run --veri", "cat x.npy | convcli run --verify "),
    ("convcli run w.npz::conv.b", "convcli run w.npz::conv.bias "),
    ("convcli run -k w.onnx::Conv@2", "convcli run -k w.onnx::Conv@2"),
    ("convcli run -k w.onnx::Conv@49", "convcli run -k w.onnx::Conv@49 "),
    ("convcli run -kw.npz::conv.b", "convcli run -kw.npz::conv.bias "),
    ("convcli run --kernel=w.npz::conv.b", "convcli run --kernel=w.npz::conv.bias "),
    ("convcli run 'a b/w.npz::conv.b", "convcli run 'a b/w.npz::conv.bias' "),
    ("convcli run w.npz::an", "convcli run w.npz::an\\ odd\\;\\ \\$\\(touch\\ evil\\)\\ name "),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_line_after_tab(
    shell: str, line: str, expected: Any, terminals: Callable[[str], Terminal]
) -> None:
    wanted = expected if isinstance(expected, str) else expected[shell]
    assert terminals(shell).after_tab(line) == wanted
