"""Does the blocks of an array on a cluster: each worker reads, convolves and writes its own."""

import contextlib
import functools
import math
import os
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from convcli.arrays.box import box_text
from convcli.arrays.sources.source import Source
from convcli.arrays.stores.form import Form
from convcli.arrays.stores.zarr_array import StoredArray, StoredSource, opened, use_threads
from convcli.engines import choose
from convcli.errors import UsageError
from convcli.run.cluster import connect, worker
from convcli.run.compute.blocks import Block
from convcli.run.compute.totals import Totals
from convcli.run.options import RunRequest
from convcli.run.prepare import job_for
from convcli.run.results import Result
from convcli.run.stores.sources import InMemoryBoxes, NpyFile
from convcli.run.stores.task import Boxes, Task, do_block
from convcli.streams import Streams, note

_BLOCKS_EACH = 8  # so that workers end at about the same time
_WORKERS = 4  # of a machine, or of a cluster whose size is not known yet


class DoneBlock(NamedTuple):
    """A block that is done, and on what."""

    totals: Totals
    engine: str
    device: str


class OnCluster:
    """Does blocks on workers: processes of this machine, or those of a scheduler.

    Attributes
    ----------
    text : str
        What a report says of the cluster.
    engine, device : str
        What convolved.
    """

    def __init__(self, request: RunRequest, streams: Streams) -> None:
        """Start the workers, or connect to the scheduler."""
        self._request = request
        self._open = contextlib.ExitStack()
        if request.scheduler is not None:
            started = connect.remote(request.scheduler, functools.partial(note, streams))
        else:
            started = connect.local(request.workers or 1)
        self._client = self._open.enter_context(started)
        self._url = request.scheduler or "tcp://127.0.0.1"
        self.text = self.engine = self.device = ""

    def run(
        self,
        task: Task,
        shape: tuple[int, ...],
        blocks: Sequence[Block],
        numbers: Iterable[int],
        count: int,
    ) -> Iterator[Totals]:
        """Prepare the workers; gives an iterator that does blocks, with what is reported of each.

        Parameters
        ----------
        task : Task
        shape : tuple of int
            Of the input, as the job has it.
        blocks : sequence of Block
            All of them: workers have them too, and are sent numbers.
        numbers : iterable of int
            Which blocks to do.
        count : int
            How many.
        """
        from convcli.run.cluster.window import Window, cluster_text  # noqa: PLC0415  imports distributed

        at_once = _AtOnce.on(self._client.nthreads())
        make = functools.partial(_make, task, blocks, self._request, shape, at_once)
        files = [worker.File.at(path) for path in _files(task)]
        shared = worker.Shared(uuid.uuid4().hex, make, _do, worker.versions(), files)
        connect.prepare(self._client, self._url, shared)
        self.text = cluster_text(self._client)
        called = getattr(task.target, "called", "the output")

        def name(number: int) -> str:
            return f"{called}: block {box_text(blocks[number].output)}"

        return self._totals(Window(self._client, shared, name).run(numbers, count))

    def _totals(self, made: Generator[DoneBlock, None, None]) -> Iterator[Totals]:
        with contextlib.closing(made):
            for done in made:
                self.engine, self.device = done.engine, done.device
                yield done.totals

    def reported(self, result: Result) -> Result:
        """Add to what is reported where it was done."""
        return result._replace(cluster=self.text, engine=self.engine, device=self.device)

    def shutdown(self) -> None:
        """Leave the cluster; end its workers if they are ours."""
        self._open.close()


def check(request: RunRequest, spec: str, boxes: Boxes) -> None:
    """Check the options, and refuse data that only this process has."""
    connect.check_options(request.workers, request.scheduler)
    if not isinstance(boxes, InMemoryBoxes):
        return
    option = "--workers" if request.scheduler is None else "--scheduler"
    kind = boxes.array.dtype.name
    shown = "" if spec == "-" else f" {spec}"
    raise UsageError(
        f"{option}: only this process has the input {spec!r}, and workers read theirs; store it "
        f"first: convcli run{shown} -k identity --dtype {kind} -o x.zarr, and name x.zarr"
    )


def memory_of_a_block(request: RunRequest, memory: int, source: Source, form: Form) -> int:
    """Bound the memory of a block: a machine has several workers, and each of them several blocks.

    Blocks read the chunks beside them for their halos. The wider they are the fewer are decoded
    again, which is worth twice the memory where that takes long.

    Parameters
    ----------
    request : RunRequest
    memory : int
        What ``--memory`` allows.
    source : Source
    form : Form
    """
    both = ((source.shape, source.dtype), (form.shape, form.dtype))
    whole = sum(math.prod(shape) * dtype.itemsize for shape, dtype in both)
    each = whole // (_BLOCKS_EACH * (request.workers or _WORKERS))
    compressed = isinstance(source, StoredSource) and source.stored.compressed
    return max(min(memory // (2 if compressed else _WORKERS), each), 1)


def _files(task: Task) -> Iterator[str]:
    """Name files by which a worker recognizes that it sees the input and the output."""
    for array in (task.source, task.target):
        if isinstance(array, NpyFile):
            yield array.identity[0]
        elif isinstance(array, StoredArray) and not array.name.is_url:
            yield array.metadata_file


class _AtOnce(NamedTuple):
    """How many blocks are done at once, at most, by a worker and by all those of a machine."""

    by_worker: int
    on_machine: int

    @classmethod
    def on(cls, threads: dict[str, int]) -> "_AtOnce":
        """Count the threads of workers, which are given by address."""
        hosts = Counter[str | None]()
        for address, count in threads.items():
            hosts[urlsplit(address).hostname] += count
        return cls(max(threads.values(), default=1), max(hosts.values(), default=1))


class _Prepared(NamedTuple):
    """What a worker has for all blocks."""

    task: Task
    blocks: Sequence[Block]


def _make(
    task: Task,
    blocks: Sequence[Block],
    request: RunRequest,
    shape: tuple[int, ...],
    at_once: _AtOnce,
) -> _Prepared:
    """Prepare a worker: choose its engine, which shares the cores among the blocks done at once."""
    threads = request.threads or max(1, (os.cpu_count() or 1) // at_once.on_machine)
    use_threads(threads * at_once.by_worker)
    engine = choose.choose_engine(
        request.engine, request.device, threads, request.tf32, request.method
    )
    request = request._replace(threads=threads)
    job = job_for(request, engine, task.job.operation, shape)
    job.engine.warm_up()
    for array in (task.source, task.target):
        if isinstance(array, StoredArray):
            opened(array)
    return _Prepared(task._replace(job=job), blocks)


def _do(made: _Prepared, number: int) -> DoneBlock:
    engine = made.task.job.engine
    return DoneBlock(do_block(made.task, made.blocks[number]), engine.name, engine.device)
