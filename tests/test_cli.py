"""`convcli.cli` inside another program: `main` is called, and nothing else changes."""

import gc
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from convcli.cli import main
from convcli.streams import Streams
from tests.conftest import Stream


def test_main_writes_where_a_test_runner_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shape", "-n", "8", "-f", "3"]) == 0
    assert capsys.readouterr() == ("6x6\n", "")
    assert main(["shape", "-n", "2", "-f", "3"]) == 1
    assert capsys.readouterr().err.startswith("convcli: error: filter 3 does not fit input 2")
    assert main(["shape", "--help"]) == 0
    assert "Examples:" in capsys.readouterr().out


def test_main_writes_arrays_where_a_test_runner_looks(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert main(["run", "arange:3x3", "-k", "[[2]]"]) == 0
    out, err = capsysbinary.readouterr()
    assert np.load(io.BytesIO(out)).tolist() == [[0, 2, 4], [6, 8, 10], [12, 14, 16]]
    assert err == b""


def test_main_takes_the_arguments_of_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["convcli", "shape", "-n", "9", "-f", "3"])
    assert main() == 0
    assert capsys.readouterr().out == "7x7\n"


def test_a_call_leaves_the_process_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    before = _state()
    several = "run rand:300x300 -k box --memory 64K --threads 1 -o"
    for argv in ([*several.split(), os.devnull], ["shape", "-n", "8"]):
        main(argv)
        main(argv, Streams(Stream(), Stream(), Stream()))
    assert _state() == before
    capsys.readouterr()


_THREADS = threading.enumerate()


def _state() -> tuple[object, ...]:
    """Describe what a library must not change in the process."""
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    streams = (sys.stdin, sys.stdout, sys.stderr, sys.excepthook)
    for thread in threading.enumerate():
        if thread not in (threading.main_thread(), *_THREADS):
            thread.join(5)
    threads = [thread.name for thread in threading.enumerate() if thread not in _THREADS]
    collector = gc.isenabled(), gc.get_threshold()
    return collector, handlers, dict(os.environ), streams, os.getcwd(), threads


def test_an_import_leaves_the_process_as_it_was() -> None:
    script = (
        "import gc, os, signal, sys\n"
        "def state():\n"
        "    handlers = [signal.getsignal(number) for number in signal.valid_signals()]\n"
        "    streams = (sys.stdin, sys.stdout, sys.stderr, sys.excepthook)\n"
        "    errors = [stream.errors for stream in streams[:3]]\n"
        "    collector = (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count())\n"
        "    return collector, handlers, dict(os.environ), streams, errors, os.getcwd()\n"
        "before = state()\n"
        "import convcli.cli\n"
        "sys.exit(state() != before)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert done.returncode == 0
