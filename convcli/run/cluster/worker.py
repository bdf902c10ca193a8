"""What runs in a worker's process: it is checked and prepared once, then it does blocks."""

import os
import pickle
import platform
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from convcli import __version__
from convcli.arrays.memory import keeping_memory
from convcli.errors import ConvcliError, reason

_CHUNK = 1 << 25  # bytes, up to which its memory is used again for the next one
PACKAGES = ("convcli", "numpy", "zarr", "distributed")  # of which all machines need one version


def versions() -> dict[str, str]:
    """Say which versions this process runs."""
    from importlib import metadata  # noqa: PLC0415  not needed where nothing is sent

    found = {name: metadata.version(name) for name in PACKAGES[1:]}
    return {"convcli": __version__, **found}


class File(NamedTuple):
    """A file by which a machine recognizes that it sees the file system of another."""

    path: str
    size: int
    changed: int  # nanoseconds

    @classmethod
    def at(cls, path: str) -> "File":
        """Look at a file."""
        found = os.stat(path)
        return cls(os.path.abspath(path), found.st_size, found.st_mtime_ns)

    def check(self) -> None:
        """Refuse to go on where this machine does not see the file."""
        try:
            seen = File.at(self.path) == self
        except OSError:
            seen = False
        if not seen:
            raise ConvcliError(
                f"{self.path!r} is not on {platform.node()}, where a worker runs; put it where all "
                f"workers see it: on a shared file system, or in a store with a URL such as "
                f"s3://bucket/x.zarr"
            )


class Shared(NamedTuple):
    """What all blocks share, as it is sent: a worker makes it once, of what it has itself.

    Attributes
    ----------
    token : str
        Tells it from others.
    make : callable
        ``make()`` returns what `do` takes.
    do : callable
        ``do(made, item)`` does one item.
    versions : dict
        Of packages, as the driver has them.
    files : sequence of File
        What the worker must see.
    """

    token: str
    make: Callable[[], Any]
    do: Callable[[Any, Any], Any]
    versions: dict[str, str]
    files: Sequence[File] = ()


class DoneItems(NamedTuple):
    """Some items that are done.

    Attributes
    ----------
    results : list or None
        None: nothing was done, as this worker has not been prepared.
    seconds : float
    """

    results: list[Any] | None
    seconds: float


class ItemError(Exception):
    """What was raised by an item: its number in the group, and a text."""


_made: dict[str, Any] = {}  # the latest only
_preparing = threading.RLock()  # a worker may have several threads


def check(shared: Shared) -> None:
    """Refuse to work where versions or files differ."""
    own = versions()
    for name, version in shared.versions.items():
        if own.get(name) != version:
            raise ConvcliError(version_text(platform.node(), name, own.get(name), version))
    for file in shared.files:
        file.check()


def version_text(where: str, name: str, found: str | None, needed: str) -> str:
    """Write the error for a version that differs."""
    what = f"{name} {found}" if found else f"no {name}"
    return f"{where} has {what}, and this machine has {needed}; install {name}=={needed} there"


def prepare(shared: Shared) -> None:
    """Check this worker, and make what its items share."""
    check(shared)
    with _preparing:
        _made.clear()
        try:
            _made[shared.token] = shared.do, shared.make()
        except ConvcliError as error:  # such as a device that is not there
            raise type(error)(f"on {platform.node()}, where a worker runs: {error}") from None


def do_items(token: str, pickled: bytes, pickled_shared: bytes | None = None) -> DoneItems:
    """Do some items; doing them twice does no harm.

    What they share may be large, and is sent only to a worker that does not have it yet. All comes
    as bytes: Dask would look into each value for futures.
    """
    with _preparing:
        if token not in _made:
            if pickled_shared is None:
                return DoneItems(None, 0.0)
            prepare(pickle.loads(pickled_shared))
        do, made = _made[token]
    begin = time.perf_counter()
    results = []
    with keeping_memory(_CHUNK):
        for i, item in enumerate(pickle.loads(pickled)):
            try:
                results.append(do(made, item))
            except ConvcliError:
                raise
            except Exception as error:
                said = "out of memory" if isinstance(error, MemoryError) else reason(error)
                raise ItemError(i, said) from None
    return DoneItems(results, time.perf_counter() - begin)
