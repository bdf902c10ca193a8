"""What makes calls run: in order, with errors where the result is asked for."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from convcli.run.compute.executors import Executor, InOneThread, InThisThread

both = pytest.mark.parametrize("make", [InThisThread, InOneThread])


@both
def test_results_are_those_of_the_calls(make: Callable[[], Executor]) -> None:
    executor = make()
    futures = [executor.submit(divmod, n, 3) for n in range(9)]
    assert [future.result() for future in futures] == [divmod(n, 3) for n in range(9)]
    assert futures[4].result() == divmod(4, 3)
    executor.shutdown()


@both
def test_a_call_is_made_once(make: Callable[[], Executor]) -> None:
    calls: list[int] = []
    executor = make()
    future = executor.submit(calls.append, 1)
    for _ in range(3):
        future.result()
    assert calls == [1]
    executor.shutdown()


@both
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_where_the_result_is_asked_for(
    make: Callable[[], Executor], kind: type[BaseException]
) -> None:
    def fail() -> None:
        raise kind("mine")

    executor = make()
    failed, after = executor.submit(fail), executor.submit(len, "four")
    for _ in range(2):
        with pytest.raises(kind, match="mine"):
            failed.result()
    assert after.result() == 4
    executor.shutdown()


def test_one_thread_makes_calls_in_order_before_they_are_asked_for() -> None:
    order: list[int] = []
    executor = InOneThread()
    last = [executor.submit(order.append, n) for n in range(20)][-1]
    last.result()
    assert order == [*range(20)]
    assert executor.submit(threading.get_ident).result() != threading.get_ident()
    executor.shutdown()


def test_this_thread_makes_a_call_when_it_is_asked_for() -> None:
    order: list[int] = []
    executor = InThisThread()
    first, second = (executor.submit(order.append, n) for n in (1, 2))
    assert order == []
    second.result()
    first.result()
    assert order == [2, 1]


def test_shutdown_drops_what_has_not_begun() -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()
    order: list[Any] = []

    def first() -> None:
        order.append(threading.current_thread())
        begun.set()
        go.wait(30)
        done.set()

    executor = InOneThread()
    executor.submit(first)
    executor.submit(order.append, "second")
    assert begun.wait(30)
    executor.shutdown()
    go.set()
    (thread,) = order
    thread.join(30)
    assert not thread.is_alive()
    assert done.is_set()
    assert order == [thread]


def test_without_threads_a_call_is_made_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading.Thread, "start", _refuse)
    executor = InOneThread()
    future = executor.submit(threading.get_ident)
    assert future.result() == threading.get_ident()
    executor.shutdown()


def test_a_thread_that_starts_too_late_does_not_change_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        executor = InOneThread()
        order: list[int] = []
        first = executor.submit(order.append, 1)
    second = executor.submit(order.append, 2)  # a thread could start now
    first.result()
    second.result()
    assert order == [1, 2]
    executor.shutdown()


def _refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
