"""Work that tests send to workers: what it does to its process, it does once for each file."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convcli.run.cluster.worker import Shared, versions

ROOT = Path(__file__).parents[2]


def once(path: str) -> bool:
    """Whether this is the first call for a file, on all workers."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def add(made: int, item: int) -> int:
    """Add what all items share."""
    return made + item


def die(made: str, item: int) -> int:
    """End the process at item 5, once."""
    if item == 5 and once(made):
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def always_die(_made: str, item: int) -> int:
    """End every process that takes item 5."""
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def freeze(made: str, item: int) -> int:
    """Stop the process at item 5, once."""
    if item == 5 and once(made):
        Path(f"{made}.pid").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
    return item


def swell(made: str, item: int) -> int:
    """Take far more memory than there is at item 5, once, and keep it until that is seen."""
    if item == 5 and once(made):
        taken = []
        while True:
            taken.append(b"x" * (50 << 20))
            time.sleep(0.02)
    return item


def fail(_made: str, item: int) -> int:
    """Raise at item 5."""
    if item == 5:
        raise ValueError("five\nlines")
    return item


def shared(do: Any, made: Any, **options: Any) -> Shared:
    """Make what is shared by items that are done by one of the above."""
    return Shared(
        f"{do.__name__}-{time.monotonic_ns()}",
        functools.partial(_same, made),
        do,
        options.pop("versions", versions()),
        **options,
    )


def _same(made: Any) -> Any:
    return made


def environment(**more: str) -> dict[str, str]:
    """Make the environment of a process that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **more}


@contextlib.contextmanager
def process(*args: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run Python in a session of its own, all of which is ended at last."""
    started = subprocess.Popen(
        [sys.executable, *args],
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


@contextlib.contextmanager
def scheduler(folder: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """Start a scheduler as a user does; gives its address."""
    file = folder / f"scheduler-{time.monotonic_ns()}.json"
    args = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    more = ("--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file))
    with process(*args, *more) as started:
        import json

        while True:
            assert started.poll() is None
            with contextlib.suppress(OSError, ValueError, KeyError):
                yield json.loads(file.read_text())["address"], started
                return
            time.sleep(0.05)


def worker(address: str, folder: Path, **more: str) -> Any:
    """Start a worker as a user does."""
    args = ("-m", "distributed.cli.dask_worker", address, "--nthreads", "1")
    return process(
        *args, "--dashboard-address", "127.0.0.1:0", "--local-directory", str(folder), **more
    )
