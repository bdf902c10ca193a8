"""Standard streams that tests can fill, read, and call a terminal."""

import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from convcli.cli import main
from convcli.streams import Streams

# PyTorch's threads wait for each other by spinning: on busy cores a small layer takes 15 times as
# long with two of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test depends on the clock: a slow machine is not a failure.
settings.register_profile("default", deadline=None, max_examples=60)
# What a change breaks must not hang on the draw; `HYPOTHESIS_PROFILE=thorough` draws far more.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)

DATA = Path(__file__).parent / "data"


class Stream(io.TextIOWrapper):
    """A text stream over bytes in memory, which can claim to be a terminal."""

    def __init__(self, data: bytes = b"", tty: bool = False) -> None:
        self.bytes = io.BytesIO(data)
        self.tty = tty
        super().__init__(self.bytes, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return self.tty


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode()

    @property
    def array(self) -> NDArray[Any]:
        """The one array on standard output."""
        found: NDArray[Any] = np.load(io.BytesIO(self.data))
        return found


def run_command(
    *argv: str, stdin: bytes | None = None, tty: bool = False, err_tty: bool = False
) -> Outcome:
    """Run a command in this process; `tty` makes standard output a terminal."""
    streams = Streams(Stream(stdin or b"", tty=stdin is None), Stream(tty=tty), Stream(tty=err_tty))
    status = main(list(argv), streams)
    assert isinstance(streams.stdout, Stream)
    assert isinstance(streams.stderr, Stream)
    return Outcome(
        status, streams.stdout.bytes.getvalue(), streams.stderr.bytes.getvalue().decode()
    )


def npy_bytes(*arrays: object) -> bytes:
    """Write arrays one after another as .npy."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, np.asarray(array))
    return stream.getvalue()


def shell(script: str, cwd: Path | None = None, **env: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a shell script in which `convcli` is this checkout under this Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        **env,
    }
    function = f'convcli() {{ "{sys.executable}" -m convcli "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", function + script],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
        timeout=300,
    )


_WITHOUT = """
import sys
from convcli.cli import main
status = main(sys.argv[2:])
loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
assert not loaded, f"imported: {loaded}"
sys.exit(status)
"""


def run_without(modules: str, *args: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in a fresh process that fails if it imported any of the modules."""
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, modules, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )


def need(name: str, *others: str) -> str:
    """Find a program by one of its names; where all should be installed, missing is failing."""
    found = next(filter(None, map(shutil.which, (name, *others))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that rewrites the golden files."""
    parser.addoption("--rewrite-goldens", action="store_true", help="rewrite the golden files")
