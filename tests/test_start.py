"""How the process starts and ends: Ctrl-C at any moment, streams that cannot be written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import shell

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}

# Sends Ctrl-C while a module is imported, which is any moment of the start.
INTERRUPTED = """
import os, runpy, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[-1]:
            os.kill(os.getpid(), 2)

sys.meta_path.insert(0, Interrupt())
runpy.run_module("convcli", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module",
    [
        "signal", "convcli.cli", "typer", "convcli.options", "convcli.run.command", "numpy",
        "numpy.lib.format", "convcli.run.compute.pipeline",
    ],
)  # fmt: skip
def test_an_interrupt_during_the_start_ends_it_in_silence(module: str) -> None:
    words = [sys.executable, "-c", INTERRUPTED, "run", "ones:3x3", "-k", "box", module]
    done = subprocess.run(words, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr == b""


def test_an_ignored_interrupt_stays_ignored() -> None:
    script = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{INTERRUPTED}"
    words = [sys.executable, "-c", script, "run", "ones:3x3", "-k", "[[1]]", "numpy"]
    done = subprocess.run(words, capture_output=True, env=ENVIRONMENT, check=False)
    assert b"'numpy': No such file" in done.stderr  # it went on to its last argument


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("command", "status"),
    [("shape -n 8", 2), ("shape -n 2 -f 3", 1), ("shape --nonsense", 2), ("run nope -k box", 1)],
)
def test_the_status_tells_where_the_message_cannot_be_written(
    command: str, status: int, stderr: str
) -> None:
    assert shell(f"convcli {command} {stderr}").returncode == status


NO_THREADS = """
import sys, threading
def refuse(self):
    raise RuntimeError("no more threads")
threading.Thread.start = refuse
from convcli.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_no_thread_is_needed() -> None:
    words = "run rand:400x400 -k box:9 --memory 64K --threads 4 --seed 1".split()
    done, plain = (
        subprocess.run(
            [sys.executable, *start, *words], capture_output=True, env=ENVIRONMENT, check=False
        )
        for start in (("-c", NO_THREADS), ("-m", "convcli"))
    )
    assert (done.stderr, done.stdout) == (b"", plain.stdout)
    assert len(done.stdout) > 392 * 392 * 4
