"""Threads that share tasks: all are done, once; the first error ends them."""

import os
import subprocess
import sys
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.run.compute.threads import for_each


@given(count=st.integers(0, 40), threads=st.integers(1, 4))
def test_every_task_is_done_once(count: int, threads: int) -> None:
    done: list[int] = []
    for_each(done.append, range(count), threads)
    assert Counter(done) == Counter(range(count))


def test_the_threads_work_at_the_same_time() -> None:
    meet = threading.Barrier(3, timeout=30)

    def wait(_task: int) -> None:
        meet.wait()

    for_each(wait, range(3), 3)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_and_no_more_is_begun(threads: int, kind: type[BaseException]) -> None:
    begun: list[int] = []

    def fail(task: int) -> None:
        begun.append(task)
        raise kind(task)

    with pytest.raises(kind):
        for_each(fail, range(100), threads)
    assert len(begun) <= threads
    done: list[int] = []
    for_each(done.append, range(5), threads)  # the threads live on
    assert sorted(done) == [*range(5)]


def test_fewer_threads_than_asked_for_do_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done: list[int] = []
    for_each(done.append, range(99), 99)  # more than any other test has started
    assert sorted(done) == [*range(99)]


FORKED = """
import os
from convcli.run.compute.threads import for_each

for_each(print, range(4), 3)
if os.fork() == 0:
    done = []
    for_each(done.append, range(9), 3)
    os._exit(sorted(done) != list(range(9)))
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_the_child_of_a_process_with_threads_has_its_own() -> None:
    words = [sys.executable, "-W", "ignore", "-c", FORKED]
    assert subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
