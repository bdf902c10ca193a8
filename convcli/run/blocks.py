"""Takes an input through memory block by block: some whole images, or some rows of one.

Blocks come in the order in which the output stands in a file, so that input and output may be
pipes, and no more than two blocks are ever held: while one is convolved the next is read.
"""

import math
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import TypeVar

from convcli.arrays.dtypes import Array
from convcli.arrays.sources import Source
from convcli.geometry.axis import Axis
from convcli.run.convolver import Convolver, Rows
from convcli.run.operation import Operation
from convcli.run.tiles import needed

T = TypeVar("T")


def convolve(source: Source, convolver: Convolver, memory: int) -> Iterator[Array]:
    """Convolve an input.

    Parameters
    ----------
    source : Source
    convolver : Convolver
    memory : int
        Bytes that a block of input and output may take; a single row, or an image whose rows do
        not follow each other, may take more.

    Yields
    ------
    ndarray
        Parts of the output that follow each other in C order: whole images, or rows; each in
        memory that the one after the next will take.
    """
    operation = convolver.operation
    lead = operation.lead
    images = math.prod(source.shape[:lead])
    out_shape = operation.out_shape(source.shape)
    in_bytes = math.prod(source.shape[lead:]) * source.dtype.itemsize
    out_bytes = math.prod(out_shape[lead:]) * operation.out_dtype.itemsize
    rows_axis = _rows_axis(operation)
    if in_bytes + out_bytes <= memory or rows_axis is None:
        count = max(memory // (in_bytes + out_bytes), 1)
        sizes = [min(count, images - start) for start in range(0, images, count)]
        taken = (source.images(lead, size) for size in sizes)
        for x in ahead(taken) if len(sizes) > 1 and source.waits else taken:
            yield convolver.convolve(x, None, len(x) / images)
        return
    axis = operation.axes[rows_axis]
    row_bytes = in_bytes // axis.n * axis.s + out_bytes // axis.out
    step = max(memory // row_bytes, 1)
    unit, alone = convolver.tile_rows(rows_axis)
    if step > unit:  # whole tiles, whose halos are not cut once more
        step = unit if alone else step - step % unit
    outs = [range(o, min(o + step, axis.out)) for o in range(0, axis.out, step)]
    needs = [_needed_rows(axis, out, operation.pad_mode) for out in outs]
    for _ in range(images):
        parts = source.rows(lead, needs)
        for (first, x), out in zip(ahead(parts) if source.waits else parts, outs, strict=True):
            share = len(out) / axis.out / images
            yield convolver.convolve(x[None], Rows(rows_axis, first, out), share)[0]


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Make the next item in a thread of its own while this one is used.

    The one after the next is not begun before this one is done with: two are alive at a time.
    """
    made: SimpleQueue[tuple[bool, T | BaseException | None]] = SimpleQueue()
    wanted = threading.Semaphore(1)
    ended = threading.Event()

    def make() -> None:
        try:
            while wanted.acquire() and not ended.is_set():
                made.put((True, next(items)))
        except StopIteration:
            made.put((False, None))
        except BaseException as error:  # it is raised again where the item is asked for
            made.put((False, error))

    # A daemon: a read that never ends must not keep a process alive that was told to stop.
    threading.Thread(target=make, daemon=True).start()
    try:
        while True:
            good, item = made.get()
            if not good:
                if isinstance(item, BaseException):
                    raise item
                return
            wanted.release()
            yield item  # type: ignore[misc]
    finally:
        ended.set()
        wanted.release()


def _rows_axis(operation: Operation) -> int | None:
    """Which spatial axis varies slowest in each image, of input and output alike."""
    first, out_first = operation.layout[operation.lead], operation.out_layout[operation.lead]
    return operation.spatial.index(first) if first == out_first and first in "DHW" else None


def _needed_rows(axis: Axis, out: range, mode: str) -> range:
    if axis.kind == "convt":
        # Output o is written by the inputs i with i·s <= o + pb <= i·s + e - 1.
        low = -(-(out.start + axis.pb - axis.e + 1) // axis.s)
        high = (out.stop - 1 + axis.pb) // axis.s
        start = min(max(low, 0), axis.n)
        return range(start, max(min(high + 1, axis.n), start))
    return needed(axis, out.start, out.stop - 1, mode)
