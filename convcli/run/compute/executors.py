"""What makes calls run: this thread, or one of its own.

They have the shape of `concurrent.futures.Executor`, as a cluster's client does: `submit` returns a
future. The library itself takes longer to import than a small run takes.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """A call whose result can be waited for."""

    def __init__(self, fn: Callable[..., T], args: tuple[Any, ...]) -> None:
        self._call: tuple[Callable[..., T], tuple[Any, ...]] | None = (fn, args)
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._value: T

    def run(self) -> None:
        """Make the call, once; what it was made with is not kept."""
        if self._call is None:
            return
        (fn, args), self._call = self._call, None
        try:
            self._value = fn(*args)
        except BaseException as error:  # raised again where the result is asked for
            self._error = error
        self._done.set()

    def result(self) -> T:
        """Wait for the call; return its result or raise its error."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class Executor(Protocol):
    """What is used of `concurrent.futures.Executor`."""

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Arrange for a call."""

    def shutdown(self) -> None:
        """Drop the calls that have not begun."""


class InThisThread:
    """Makes a call when its result is asked for."""

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Keep a call for later."""
        return _Deferred(fn, args)

    def shutdown(self) -> None:
        """Do nothing: nothing has begun."""


class _Deferred(Future[T]):
    def result(self) -> T:
        self.run()
        return super().result()


class InOneThread:
    """Makes calls one after another in a thread of its own, ahead of time."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Future[Any] | None] | None = None
        self._refused = False

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Queue a call; once the system has refused a thread, keep calls for later, in order."""
        if self._waiting is None and not self._refused:
            waiting: SimpleQueue[Future[Any] | None] = SimpleQueue()
            # A daemon: a read that never ends must not keep the process from ending.
            thread = threading.Thread(target=_serve, args=(waiting,), daemon=True)
            try:
                thread.start()
                self._waiting = waiting
            except RuntimeError:
                self._refused = True
        if self._waiting is None:
            return _Deferred(fn, args)
        future = Future(fn, args)
        self._waiting.put(future)
        return future

    def shutdown(self) -> None:
        """Drop the calls that have not begun, and end the thread after the one that has."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        try:
            while True:
                waiting.get_nowait()
        except Empty:
            waiting.put(None)


def _serve(waiting: "SimpleQueue[Future[Any] | None]") -> None:
    while (future := waiting.get()) is not None:
        future.run()
        del future  # its result is not held while the next call is awaited
