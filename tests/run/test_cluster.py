"""Blocks on workers: results, and what becomes of a run when machines fail."""

import contextlib
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from convcli.errors import ConvcliError
from convcli.run.cluster import connect, worker
from convcli.run.cluster.window import Limits, Window, _Group
from tests.conftest import run_command, shell
from tests.run import cluster_work as work
from tests.run.stores import integers, load, make

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

ARGS = ["x.zarr", "-k", "sobel-x", "-p", "same", "-o", "y.zarr"]
PART = Path(".y.zarr.partial")


class Impatient(Limits):
    """Waits little."""

    late = 1.0
    factor = 4.0


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Start two workers of this machine."""
    with connect.local(2, memory="600MB") as client:
        yield client


def run(client: Any, do: Any, made: Any, count: int = 40, **options: Any) -> list[int]:
    """Do numbered items."""
    window = Window(client, work.shared(do, made, **options), lambda i: f"item {i}", Impatient)
    return sorted(window.run(range(count), count))


def test_all_items_are_done_once_each(client: Any) -> None:
    assert run(client, work.add, 7, 5000) == list(range(7, 5007))


def test_what_items_share_is_needed_by_a_new_worker_only() -> None:
    shared = work.shared(work.add, 7)
    one, two = pickle.dumps([1]), pickle.dumps([2])
    assert worker.do_items(shared.token, one).results is None
    assert worker.do_items(shared.token, one, pickle.dumps(shared)).results == [8]
    assert worker.do_items(shared.token, two).results == [9]


def test_a_worker_that_is_killed_costs_nothing(client: Any, tmp_path: Path) -> None:
    assert run(client, work.die, str(tmp_path / "once")) == list(range(40))
    assert (tmp_path / "once").exists()


def test_a_worker_out_of_memory_is_replaced(client: Any, tmp_path: Path) -> None:
    assert run(client, work.swell, str(tmp_path / "once")) == list(range(40))
    assert (tmp_path / "once").exists()


def test_what_a_frozen_worker_has_is_done_elsewhere(client: Any, tmp_path: Path) -> None:
    client.wait_for_workers(2)
    assert run(client, work.freeze, str(tmp_path / "once")) == list(range(40))
    with contextlib.suppress(ProcessLookupError):  # it was replaced meanwhile
        os.kill(int((tmp_path / "once.pid").read_text()), signal.SIGCONT)


def test_an_item_that_ends_every_worker_is_named(client: Any) -> None:
    with pytest.raises(ConvcliError, match=r"item 5.* ended every worker .*--memory"):
        run(client, work.always_die, "")
    client.wait_for_workers(1)


def test_an_item_that_fails_is_named_in_one_line(client: Any) -> None:
    with pytest.raises(ConvcliError, match=r"item 5.* \(five\)"):
        run(client, work.fail, "")


def test_a_worker_with_another_version_is_refused(client: Any) -> None:
    other = {**worker.versions(), "numpy": "1.0"}
    with pytest.raises(ConvcliError, match=r"has numpy \S+, and this machine has 1\.0; install"):
        run(client, work.add, 1, versions=other)


def test_a_worker_that_does_not_see_a_file_is_refused(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("seen")
    file = worker.File.at(str(path))
    assert run(client, work.add, 1, files=[file]) == list(range(1, 41))
    path.unlink()
    with pytest.raises(ConvcliError, match=r"shared file system, or in a store with a URL"):
        run(client, work.add, 1, files=[file])


def test_memory_does_not_grow_with_the_number_of_items(client: Any) -> None:
    window = Window(client, work.shared(work.add, 0), str, Impatient)
    most = 0

    def count(n: int) -> Iterator[int]:
        nonlocal most
        for i in range(n):
            most = max(most, window._count)
            yield i

    assert len(list(window.run(count(3000), 3000))) == 3000
    assert most < 2 * 2  # groups on their way, when another is made: 2 for each of 2 workers
    assert not window._groups


@pytest.fixture
def stored(in_tmp: Path) -> Any:
    """Store an input of 256 chunks, and what it is to become."""
    make("x.zarr", integers(256, 256), (16, 16))
    assert run_command("run", *ARGS[:-1], "expected.zarr", "-q").status == 0
    return load("expected.zarr")


def test_workers_write_what_one_process_does(stored: Any) -> None:
    done = shell(f"convcli run {' '.join(ARGS)} --workers 2 --format json --verify")
    assert done.returncode == 0, done.stderr
    assert b"2 workers of tcp://127.0.0.1:" in done.stdout
    np.testing.assert_array_equal(load("y.zarr"), stored)


def wait_for_chunks(count: int, running: Any) -> None:
    """Wait until some chunks are written."""
    while sum(path.is_file() for path in PART.glob("c/*/*")) < count:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)


def wait_for_the_end(session: int) -> None:
    """Wait until a session has no processes."""
    while True:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)


def test_ctrl_c_ends_the_workers_and_resume_goes_on(stored: Any) -> None:
    args = ("-m", "convcli", "run", *ARGS, "--memory", "1", "--workers", "2")
    with work.process(*args) as running:
        wait_for_chunks(5, running)
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        wait_for_the_end(running.pid)
    assert err.count(b"\n") == 1
    assert b"--resume does the others" in err
    assert run_command("run", *ARGS, "--resume", "-q").status == 0
    np.testing.assert_array_equal(load("y.zarr"), stored)


def test_workers_end_with_a_driver_that_is_killed(stored: Any) -> None:
    args = ("-m", "convcli", "run", *ARGS, "--memory", "1", "--workers", "2")
    with work.process(*args) as running:
        wait_for_chunks(5, running)
        running.kill()
        running.wait()
        wait_for_the_end(running.pid)
    done = run_command("run", *ARGS, "--resume", "-q")
    assert done.status == 0, done.err
    np.testing.assert_array_equal(load("y.zarr"), stored)


def test_a_scheduler_that_is_killed_ends_the_run_in_one_line(stored: Any, tmp_path: Path) -> None:
    with work.scheduler(tmp_path) as (address, killed), work.worker(address, tmp_path):
        args = ("-m", "convcli", "run", *ARGS, "--memory", "1", "--scheduler", address)
        with work.process(*args) as running:
            wait_for_chunks(5, running)
            killed.kill()
            _, err = running.communicate(timeout=90)
            assert running.returncode == 1
    lines = err.decode().splitlines()
    assert [line for line in lines if "error" in line] == [
        f"convcli: error: the scheduler at {address} is gone; start it again, and add --resume"
    ]
    assert not any("Traceback" in line for line in lines)
    assert run_command("run", *ARGS, "--resume", "-q").status == 0
    np.testing.assert_array_equal(load("y.zarr"), stored)


def test_a_cluster_that_is_there(
    stored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_JOIN", 0.5)
    with work.scheduler(tmp_path) as (address, _):
        outcome = run_command("run", *ARGS, "--scheduler", address)
        assert outcome.status == 1
        assert "has no workers yet; waiting" in outcome.err
        assert f"has no workers; start one: dask worker {address}" in outcome.err
        fake = tmp_path / "old" / "convcli"
        fake.mkdir(parents=True)
        (fake / "__init__.py").write_text('__version__ = "0.0.1"\n')
        with work.worker(address, tmp_path, PYTHONPATH=str(fake.parent)) as other:
            done = shell(f"convcli run {' '.join(ARGS)} --scheduler {address}")
            assert done.returncode == 1
            assert b"has no convcli, or an older one, and this machine has" in done.stderr
            other.kill()
        with work.worker(address, tmp_path):
            done = shell(f"convcli run {' '.join(ARGS)} --scheduler {address}")
            assert done.returncode == 0, done.stderr
            np.testing.assert_array_equal(load("y.zarr"), stored)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ("--workers 0", "--workers 0 must be from 1 to 256"),
        ("--workers 2 --scheduler tcp://h:1", "--workers 2 cannot be combined with --scheduler"),
        ("--scheduler h:8786", "--scheduler 'h:8786' is not an address; write tcp://HOST:8786"),
        ("--scheduler tcp://127.0.0.1:1", "no Dask scheduler answers"),
    ],
)
def test_wrong_clusters(
    stored: Any, args: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_CONNECT", 0.5)
    done = run_command("run", *ARGS, *args.split())
    assert done.status in (1, 2)
    assert error in done.err
    assert done.err.count("\n") == 1
    assert not Path("y.zarr").exists()


def test_data_of_this_process_is_refused(in_tmp: Path) -> None:
    done = run_command("run", "rand:8x8", "-k", "sobel-x", "-o", "y.zarr", "--workers", "2")
    assert done.status == 2
    assert "store it first: convcli run rand:8x8 -k identity --dtype float32 -o x.zarr" in done.err
    done = run_command("run", "rand:8x8", "-k", "sobel-x", "-o", "y.npy", "--workers", "2")
    assert done.status == 2
    assert "add -o y.zarr" in done.err


def test_the_cluster_of_the_readme(in_tmp: Path) -> None:
    text = (work.ROOT / "README.md").read_text()
    (block,) = [each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "dask" in each]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    block = block.replace("8786", port).replace("scheduler &", f"scheduler --port {port} &")
    block = block.replace(" &\n", " > /dev/null 2>&1 &\n")  # or else the script's output has no end
    make("scan.zarr", integers(256, 256), (64, 64))
    dask = f'dask() {{ exec "{sys.executable}" -m dask "$@"; }}\n'
    wait = f"until (: < /dev/tcp/127.0.0.1/{port}) 2> /dev/null; do sleep 0.1; done\n"
    lines = block.splitlines(keepends=True)
    script = "".join([dask, lines[0], wait, *lines[1:], "status=$?\nkill $(jobs -p)\nwait\n"])
    done = shell(f"{script}exit $status")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"256x256\n"
    shell("convcli run scan.zarr -k gaussian:31 -p same -o here.zarr")
    np.testing.assert_allclose(load("smooth.zarr"), load("here.zarr"), atol=1e-5)


def test_what_a_thread_is_about_to_use_is_not_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = work.shared(work.add, 1), work.shared(work.add, 2)
    other = threading.Thread(target=worker.prepare, args=(two,))

    class Interrupted(dict[str, Any]):
        """Lets another thread prepare for another run once it has been looked into."""

        def __contains__(self, token: object) -> bool:
            found = super().__contains__(token)
            if found and not other.ident:
                other.start()
                other.join(timeout=0.2)
            return found

    monkeypatch.setattr(worker, "_made", Interrupted())
    worker.prepare(one)
    assert worker.do_items(one.token, pickle.dumps([1])).results == [2]
    other.join()
    assert worker.do_items(two.token, pickle.dumps([1])).results == [3]


def test_a_group_that_is_lost_twice_is_doubted_once() -> None:
    """Sent again because it was late, it may fail in both places before either is heard of."""
    window = Window(mock.Mock(), work.shared(work.add, 0), str, Impatient)
    group = _Group([1, 2])
    futures = [mock.Mock(key=key, status="error") for key in "ab"]
    for future in futures:
        future.exception.return_value = type("KilledWorker", (Exception,), {})()
        group.futures.append(future)
        window._groups[future.key] = group
        window._done.put(future)
    window._count = 1
    assert [*window._collect()] == []
    assert list(window._suspects) == [1, 2]
    assert window._count == 0
