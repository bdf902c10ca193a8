"""Threads for tiles, as `concurrent.futures` has them, which takes long to import."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def for_each(do: Callable[[T], None], tasks: Sequence[T], threads: int) -> None:
    """Do something for every task, on as many threads at most, the caller's among them.

    After an error no task is begun; it is raised here once every thread has stopped.
    """
    if len(tasks) == 1:
        do(tasks[0])
        return
    waiting: SimpleQueue[T] = SimpleQueue()
    for task in tasks:
        waiting.put(task)
    errors: list[BaseException] = []
    stopped = threading.Semaphore(0)

    def work() -> None:
        try:
            while not errors:
                do(waiting.get_nowait())
        except Empty:
            pass
        except BaseException as error:  # raised again by the caller
            errors.append(error)
        stopped.release()

    helpers = 0
    with contextlib.suppress(RuntimeError):  # the system may give no more threads: fewer will do
        while helpers < min(threads, len(tasks)) - 1:
            _start(helpers)
            helpers += 1
    for _ in range(helpers):
        _sent.put(work)
    work()
    for _ in range(helpers + 1):
        stopped.acquire()
    if errors:
        raise errors[0]


_sent: SimpleQueue[Callable[[], None]] = SimpleQueue()


@cache
def _start(number: int) -> None:
    """Start one thread that does what is sent, once: it keeps its work space from block to block.

    It is a daemon: a process that ends does not wait for a tile.
    """

    def serve() -> None:
        while True:
            _sent.get()()

    threading.Thread(target=serve, daemon=True, name=f"tiles {number}").start()


if hasattr(os, "register_at_fork"):  # the threads of a process are not those of its child
    os.register_at_fork(after_in_child=_start.cache_clear)
