"""Threads for tiles, as `concurrent.futures` has them, which takes long to import."""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def for_each(do: Callable[[T], None], tasks: Sequence[T], threads: int) -> None:
    """Do something for every task, on so many threads, of which the caller's is one.

    After an error no task is begun; it is raised here once every thread has stopped.
    """
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

    helpers = _helpers(threads - 1)
    for _ in range(threads - 1):
        helpers.put(work)
    work()
    for _ in range(threads):
        stopped.acquire()
    if errors:
        raise errors[0]


@lru_cache(1)
def _helpers(count: int) -> "SimpleQueue[Callable[[], None]]":
    """Start threads that do what they are sent, and keep their work space from block to block."""
    sent: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def serve() -> None:
        while True:
            sent.get()()

    for _ in range(count):  # daemons: a process that is told to stop does not wait for a tile
        threading.Thread(target=serve, daemon=True).start()
    return sent
