"""Clusters by Dask's `distributed`: workers of this machine, or those of a scheduler elsewhere."""

import contextlib
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from convcli.errors import ConvcliError, UsageError, check_installed
from convcli.run.cluster import worker

_CONNECT = 10.0  # seconds until an address without an answer is given up
_JOIN = 20.0  # and a scheduler without workers
_ANSWER = 30.0  # and a worker that says nothing
_MOST_WORKERS = 256
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://(\[[0-9a-fA-F:]+\]|[^/:\s]+):[0-9]{1,5}/?")


def check_options(workers: int | None, scheduler: str | None) -> None:
    """Check what needs no cluster: the number of workers, the form of an address."""
    option = "--workers" if scheduler is None else "--scheduler"
    if workers is not None and not 1 <= workers <= _MOST_WORKERS:
        raise UsageError(
            f"--workers {workers} must be from 1 to {_MOST_WORKERS}; use --workers "
            f"{os.cpu_count() or 1}"
        )
    if scheduler is not None and not _ADDRESS.fullmatch(scheduler):
        raise UsageError(f"--scheduler {scheduler!r} is not an address; write tcp://HOST:8786")
    check_installed(option, "distributed", "distributed")


@contextlib.contextmanager
def local(count: int, memory: "str | float" = "auto", ttl: str = "30s") -> "Iterator[Any]":
    """Start workers on this machine; gives a client.

    Parameters
    ----------
    count : int
        Processes, each of which does one block at a time.
    memory : str or float
        Of each; a worker that takes more is ended and replaced.
    ttl : str
        A worker that is silent for so long is ended and replaced.
    """
    import dask  # noqa: PLC0415  takes a second
    from distributed import Client  # noqa: PLC0415

    folder = tempfile.mkdtemp(prefix="convcli-workers-")
    _silence()
    settings = {
        "distributed.scheduler.worker-ttl": ttl,
        "distributed.admin.tick.limit": "1h",  # a busy machine is not news
        # What processes sample of themselves takes 7 % of a core.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
    }
    try:
        with (
            _without_main(),
            dask.config.set(settings),
            _started(
                n_workers=count,
                local_directory=folder,
                memory_limit=memory,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(n_workers: int, **options: Any) -> Any:
    from distributed import LocalCluster  # noqa: PLC0415

    try:
        with _deaf_to_ctrl_c():
            return LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL + 1,
                **options,
            )
    except (RuntimeError, OSError, TimeoutError) as error:
        raise ConvcliError(
            f"--workers {n_workers}: they cannot be started ({error}); use fewer, or leave it out"
        ) from None


@contextlib.contextmanager
def remote(url: str, tell: Callable[[str], None]) -> "Iterator[Any]":
    """Connect to a scheduler that is there; gives a client.

    Parameters
    ----------
    url : str
        As ``--scheduler`` says.
    tell : callable
        Takes a line that the user should read while they wait.
    """
    from distributed import Client  # noqa: PLC0415  takes a second

    _silence()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions, which are compared below
            client = Client(url, timeout=_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise ConvcliError(
            f"--scheduler {url}: no Dask scheduler answers; check the address, or start one: "
            f"dask scheduler"
        ) from None
    with client:
        _await_workers(client, url, tell)
        yield client


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start threads, and by them processes, that Ctrl-C does not reach: it is for the driver."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # noqa: PLC0415

    resource_tracker.ensure_running()  # whichever thread starts it can then be interrupted
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the main module, which new processes would import: it may be a script that runs us."""
    main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def prepare(client: Any, url: str, shared: worker.Shared) -> None:
    """Prepare the workers; refuse machines with other versions, or that do not see the files.

    A worker that joins later is prepared before its first block.
    """
    _check_versions(client, url)
    try:
        answers = client.sync(
            client.run, worker.prepare, shared, on_error="return", callback_timeout=_ANSWER
        )
    except TimeoutError:
        raise ConvcliError(f"--scheduler {url}: a worker does not answer; restart it") from None
    for address, answer in answers.items():
        if isinstance(answer, ConvcliError):
            raise answer
        if "ModuleNotFoundError" in repr(answer):
            needed = worker.versions()["convcli"]
            raise ConvcliError(
                f"worker {address} has no convcli, or an older one, and this machine has {needed}; "
                f"install convcli=={needed} there"
            )
        if isinstance(answer, BaseException):
            raise ConvcliError(f"worker {address} failed ({type(answer).__name__}: {answer})")


def _check_versions(client: Any, url: str) -> None:
    async def ask() -> Any:
        return await client._get_versions(packages=list(worker.PACKAGES))

    try:
        found = client.sync(ask, callback_timeout=_ANSWER)
    except TimeoutError:
        raise ConvcliError(
            f"--scheduler {url}: it or a worker does not answer; restart it"
        ) from None
    needed = worker.versions()
    machines = {f"the scheduler at {url}": found["scheduler"]}
    machines |= {f"worker {address}": each for address, each in found["workers"].items()}
    for where, each in machines.items():
        packages = dict(each["packages"])
        for name, version in needed.items():
            if packages.get(name) != version:
                raise ConvcliError(worker.version_text(where, name, packages.get(name), version))


def _await_workers(client: Any, url: str, tell: Callable[[str], None]) -> None:
    if client.nthreads():
        return
    tell(f"{url} has no workers yet; waiting for one for {_JOIN:.0f} s")
    end = time.monotonic() + _JOIN
    while time.monotonic() < end:
        time.sleep(0.2)
        if client.nthreads():
            return
    raise ConvcliError(f"--scheduler {url} has no workers; start one: dask worker {url}")


def _silence() -> None:
    """Let no library write to standard error: what matters becomes an error of ours."""
    for name in [*logging.root.manager.loggerDict, "distributed"]:
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio", "bokeh"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
