"""Every command that the README shows is run here, and what it shows is compared."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from convcli import options
from convcli.run import options as run_options
from convcli.shape import options as shape_options
from tests.conftest import shell

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / ".github" / "REFERENCE.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README + REFERENCE, re.DOTALL)


def _commands(block: str) -> list[tuple[str, str]]:
    """Split a block into commands and what they print."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


class Shown(NamedTuple):
    """A command of the README, the lines it shows below it, and those that were printed."""

    command: str
    shown: list[str]
    printed: list[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder that the README's commands are run in, one block after another."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "tests").symlink_to(ROOT / "tests")  # the README names the files of its tests
    return folder


@pytest.fixture(scope="module")
def session(folder: Path) -> list[Shown]:
    """Run every command once."""
    return [shown for block in BLOCKS for shown in _run(block, folder)]


def _run(block: str, folder: Path) -> Iterator[Shown]:
    for command, expected in _commands(block):
        done = shell(command, folder, COLUMNS="80")
        printed = (done.stdout + done.stderr).decode()
        lines = [line.rstrip() for line in printed.splitlines()]
        yield Shown(command, [line.rstrip() for line in expected.strip("\n").splitlines()], lines)


def test_commands_print_what_the_readme_shows(session: list[Shown]) -> None:
    assert len(session) > 20
    for command, shown, printed in session:
        if shown and shown[-1] == "...":
            assert printed[: len(shown) - 1] == shown[:-1], command
        else:
            assert printed == shown, command


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 260


def test_links_lead_to_files() -> None:
    for page in (
        ROOT / "README.md",
        *(ROOT / ".github").glob("*.md"),
        ROOT / "tests/bench/RESULTS.md",
    ):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), (page, link)


def test_examples_in_the_help_run(tmp_path: Path) -> None:
    for examples in (options.EXAMPLES, shape_options.EXAMPLES, run_options.EXAMPLES):
        commands = [line.strip() for line in examples.splitlines() if line.startswith("  ")]
        assert commands
        for command in commands:
            done = shell(command, tmp_path)
            assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("command", ["", "shape", "run"])
def test_help_is_readable_at_80_columns(command: str) -> None:
    done = shell(f"convcli {command} --help", COLUMNS="80", TERM="xterm-256color")
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "Examples:" in text


def test_the_two_commands_come_first() -> None:
    start = README.split("\n## ")[0].splitlines()
    commands = [line for line in start if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert start.index(commands[1]) < 35
