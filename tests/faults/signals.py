"""Signals at random moments of a run that writes a file: old or new, whole, and nothing beside."""

import shlex
import signal
import time
from functools import cache
from pathlib import Path

import numpy as np

from tests.faults.program import ROOT, fresh, npy
from tests.faults.trial import Trial

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LONGEST = 0.6  # seconds after the start until which a signal is sent; most runs take half of that
_OLD = b"what was there before"


@cache
def _input() -> bytes:
    return npy(np.arange(1_000_000, dtype=np.int32).reshape(1000, 1000) % 251)


def case(trial: Trial) -> None:
    """Send a signal to a run."""
    random = trial.random
    trial.write("x.npy", _input())
    output = random.choice(("y.npy", "y.npy", "y.png", "out/x.npy", "new/x.npy"))
    target = trial.folder / output
    if not output.startswith("new"):
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(_OLD)
    folder = f"{target.parent.name}/" if "/" in output else ""
    args = ["run", "x.npy", "-k", "sobel-x", "-o", folder or output, "-q"]
    args += ["--memory", random.choice(("64K", "1M", "32M"))]
    sent = random.choice(_SIGNALS)
    after = random.uniform(0.001, _LONGEST)
    words = shlex.join(["convcli", *args])
    trial.commands.append(f"timeout -s {sent.name[3:]} {after:.3f} {words}")
    status, text = _signalled(args, trial.folder, sent, after)
    # Python itself may be on its way: until it reads our first line, it ends as it likes to.
    ours = "Traceback" not in text or str(ROOT / "convcli") in text
    trial.check(not ours or not text, f"{sent.name} after {after:.3f} s prints {text[-300:]!r}")
    allowed = {0, 128 + sent, -sent} | ({1} if not ours else set())
    trial.check(status in allowed, f"{sent.name} after {after:.3f} s: status {status}: {text}")
    if status == -sent == -signal.SIGKILL:  # nobody could clear away: the next run does
        _check_target(trial, target)
        trial.run(args)
        trial.check(target.read_bytes() != _OLD, "the next run wrote nothing")
    _check_target(trial, target)
    _check_left(trial, target)


def _signalled(args: list[str], folder: Path, sent: int, after: float) -> tuple[int, str]:
    """Run a command and signal it; returns its status and its messages."""
    with fresh(args, folder) as process:
        time.sleep(after)
        process.send_signal(sent)
        _, text = process.communicate()
    return process.returncode, text.decode("utf-8", "replace")


def _check_target(trial: Trial, target: Path) -> None:
    """Hold that a file is what it was, or what the run makes, and whole."""
    if not target.exists():
        trial.check(target.parent.name == "new", "the old file is gone")
        return
    found = target.read_bytes()
    if found == _OLD:
        return
    trial.run(["run", "x.npy", "-k", "sobel-x", "-q", "-o", f"expected{target.suffix}"])
    expected = trial.folder / f"expected{target.suffix}"
    trial.check(found == expected.read_bytes(), f"{target.name} is neither old nor whole")
    expected.unlink()


def _check_left(trial: Trial, target: Path) -> None:
    """Hold that nothing is left beside a file."""
    beside = {path.name for path in target.parent.glob("*")} if target.parent.exists() else set()
    left = beside - {target.name, "x.npy"}
    trial.check(not left, f"left {sorted(left)} beside {target.name}")
