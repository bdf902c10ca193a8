"""What makes calls run: this thread, or one of its own.

They have the interface of `concurrent.futures.Executor`, as a cluster's client does; the library
itself takes longer to import than a small run takes.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """A call whose result can be waited for."""

    def __init__(self, fn: Callable[..., T], args: tuple[Any, ...]) -> None:
        self._fn, self._args = fn, args
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._value: T

    def run(self) -> None:
        """Make the call."""
        try:
            self._value = self._fn(*self._args)
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
    """What `concurrent.futures.Executor` promises, as far as it is used here."""

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
        if not self._done.is_set():
            self.run()
        return super().result()


class InOneThread:
    """Makes calls one after another in a thread of its own, ahead of time."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Future[Any] | None] = SimpleQueue()
        self._started = False

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Queue a call; where the system starts no more threads, keep it for later."""
        if not self._started:
            # A daemon: a read that never ends must not keep the process from ending.
            try:
                threading.Thread(target=self._serve, daemon=True).start()
            except RuntimeError:
                return _Deferred(fn, args)
            self._started = True
        future = Future(fn, args)
        self._waiting.put(future)
        return future

    def shutdown(self) -> None:
        """Drop the calls that have not begun, and end the thread after the one that has."""
        try:
            while True:
                self._waiting.get_nowait()
        except Empty:
            self._waiting.put(None)

    def _serve(self) -> None:
        while (future := self._waiting.get()) is not None:
            future.run()
