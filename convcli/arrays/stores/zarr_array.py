"""Arrays in chunked stores, by the library zarr: opened by name, read and written box by box."""

import asyncio
import contextlib
import functools
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.errors import ZarrUserWarning

from convcli.arrays.box import Box, box_text, slices, starts
from convcli.arrays.dtypes import Array, DType
from convcli.arrays.sources.ring import Loan, Ring
from convcli.arrays.sources.source import InMemory
from convcli.arrays.stores import StoreName
from convcli.errors import FULL, ConvcliError, reason

T = TypeVar("T")

# What is not in the specification, as some codecs are, is for the library's users to know.
warnings.filterwarnings("ignore", category=ZarrUserWarning)

_MOST = 10  # chunks at a time; each takes memory
_REMOTELY = 32  # for a server each is little more than a wait


def _limit(count: int) -> bool:
    """Limit the library's threads, each of which keeps memory of its own; False if the user has."""
    if "ZARR_THREADING__MAX_WORKERS" in os.environ:
        return False
    zarr.config.set({"threading.max_workers": min(count, _MOST)})
    return True


def _ask_for(count: int) -> None:
    """Let the library ask a store for so many chunks at a time, unless the user has said so."""
    if "ZARR_ASYNC__CONCURRENCY" not in os.environ:
        zarr.config.set({"async.concurrency": count})


_limit(max(os.cpu_count() or 1, 2))
_ask_for(zarr.config.get("threading.max_workers"))


class _InTheLoop(ThreadPoolExecutor):
    """Makes calls where they are submitted.

    To hand a chunk to another thread and back takes as long as to read it.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Make a call."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # raised again by the library
            future.set_exception(error)
        return future


@functools.cache
def _executor(count: int) -> ThreadPoolExecutor:
    return _InTheLoop() if count == 1 else ThreadPoolExecutor(count, "zarr")


def use_threads(count: int) -> None:
    """Let this process read and write so many chunks at a time, unless the user has said how many.

    With one, the library's event loop does it all by itself.
    """

    async def use() -> None:
        asyncio.get_running_loop().set_default_executor(_executor(min(count, _MOST)))

    if _limit(count):
        sync(use())
        _ask_for(min(count, _MOST))


class StoredArray(NamedTuple):
    """The name of an array in a store: what is sent to a process that reads or writes it."""

    name: StoreName
    called: str  # by errors
    opened: str = ""  # tells it from an array of that name that was opened before

    @property
    def array(self) -> "zarr.Array[Any]":
        """The library's array, opened once in each process."""
        return opened(self)

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is decoded at once."""
        return tuple(self.array.chunks)

    @property
    def compressed(self) -> bool:
        """Whether to read a chunk takes far longer than to copy it."""
        return bool(self.array.compressors)

    @property
    def identity(self) -> list[Any]:
        """What tells it from other arrays, and from itself when it was made again."""
        array, (url, path, _) = self.array, self.name
        if self.name.is_url:
            return [url, path, array.metadata.to_dict()]
        return [self.folder, _changed(self.folder), array.metadata.to_dict()]

    @property
    def folder(self) -> str:
        """The directory of an array that is in one."""
        return os.path.join(os.path.realpath(self.name.url), self.name.path).rstrip("/")

    @property
    def metadata_file(self) -> str:
        """The file of an array in a directory that says how it is stored."""
        name = "zarr.json" if self.array.metadata.zarr_format == 3 else ".zarray"
        return os.path.join(self.folder, name)

    def read(self, box: Box, out: Array) -> Array:
        """Read a box into an array of its shape; chunks that are missing are fill values."""
        if not out.size:
            return out
        try:
            self._read(box, out)
        except Exception as error:
            raise self._blamed(box, error, "read") from None
        return out

    def _read(self, box: Box, out: Array) -> None:
        buffer = default_buffer_prototype().nd_buffer.from_numpy_array(out)
        self.array.get_basic_selection(slices(box), out=buffer)

    def write(self, box: Box, y: Array) -> None:
        """Write a box of whole chunks, or shards."""
        try:
            sync(_write(self.array, box, y))
        except Exception as error:
            raise self._blamed(box, error, "written") from None

    def _blamed(self, box: Box, error: Exception, done: str) -> Exception:
        """Name the store and the block in an error; of reading, the first chunk that fails."""
        if isinstance(error, MemoryError | ConvcliError):
            return error
        where, remedy = f"block {box_text(box)}", "check the store and its permissions"
        if done == "read":
            remedy = "copy the store again"
            for chunk in _cut(box, self.array.chunks):
                try:
                    self._read(chunk, np.empty(tuple(map(len, chunk)), self.array.dtype))
                except Exception as found:  # whatever a codec raises
                    where, error = f"chunk {box_text(chunk)}", found
                    break
        elif isinstance(error, OSError) and error.errno in FULL:
            remedy = "make room, and continue with --resume"
        return ConvcliError(f"{self.called}: {where} cannot be {done} ({reason(error)}); {remedy}")


async def _write(array: "zarr.Array[Any]", box: Box, y: Array) -> None:
    """Write each chunk of a box by itself: of several at once the library makes copies first."""
    most = asyncio.Semaphore(zarr.config.get("async.concurrency"))

    async def write(unit: Box) -> None:
        part = slices(unit, starts(box))
        async with most:
            await array.async_array.setitem(slices(unit), y[part])

    units = _cut(box, array.shards or array.chunks)
    done = await asyncio.gather(*map(write, units), return_exceptions=True)
    for error in filter(None, done):  # nothing is written any more
        raise error


def _cut(box: Box, sizes: tuple[int, ...]) -> Iterator[Box]:
    """Cut a box where the chunks of an array end."""
    pieces = (
        [
            range(max(k * size, part.start), min((k + 1) * size, part.stop))
            for k in range(part.start // size, -(-part.stop // size))
        ]
        for part, size in zip(box, sizes, strict=True)
    )
    yield from itertools.product(*pieces)


def stored_array(name: StoreName, called: str) -> StoredArray:
    """Name an array as it is now."""
    return StoredArray(name.absolute, called, os.urandom(8).hex())


@functools.lru_cache(maxsize=16)
def opened(stored: StoredArray) -> "zarr.Array[Any]":
    """Open an array to read it, and to write it if this program made it."""
    name = stored.name
    if name.is_url:  # which stays so where the other array of a run is a local one
        _ask_for(_REMOTELY)
    found = zarr.open_array(name.url, path=name.path, mode="r+" if name.writable else "r")
    # An empty chunk is written as well: what is there tells what has been done.
    return found.with_config({"write_empty_chunks": True})


def _changed(folder: str) -> tuple[int, int]:
    """Return how many files a directory holds, and when the latest was changed: in nanoseconds."""
    count, latest = 0, 0
    for root, _, names in os.walk(folder):
        count += len(names)
        for name in names:
            latest = max(latest, os.stat(os.path.join(root, name)).st_mtime_ns)
    return count, latest


class StoredSource:
    """An array in a store, as an input."""

    on_stream = True  # reading takes time

    def __init__(self, spec: str, stored: StoredArray, layout: str | None) -> None:
        """Take the name that reports use, the array, and a letter for each of its axes."""
        self.name = spec
        self.stored = stored
        self.shape = tuple(stored.array.shape)
        self.dtype: DType = np.dtype(stored.array.dtype)
        self.layout = layout
        if self.dtype.kind not in "biufc":
            raise ConvcliError(
                f"{stored.called} holds {self.dtype} values, and numbers are needed: integers, "
                f"booleans, floats or complex; name another array"
            )

    def read(self, box: Box, ring: Ring) -> "Loan | nullcontext[Array]":
        """Read a box, in any order."""
        loan = ring.lend(tuple(map(len, box)), self.dtype)
        with loan.filling() as out:
            self.stored.read(box, out)
        return loan

    def whole(self) -> InMemory:
        """Read all of it."""
        out = np.empty(self.shape, self.dtype)
        read = self.stored.read(tuple(map(range, self.shape)), out)
        return InMemory(self.name, read, self.layout)

    def finish(self) -> None:
        """Do nothing: no array follows."""


@contextlib.contextmanager
def reporting(called: str) -> Iterator[None]:
    """Turn what the library raises as it opens or makes an array into one line."""
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:
        remedy = "check the path and its permissions"
        raise ConvcliError(f"{called}: {reason(error)}; {remedy}") from None
