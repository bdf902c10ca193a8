"""Runs into stores that are ended at any moment: what continues them does the rest only."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from convcli.arrays.files.replaced_folders import NewFolder
from convcli.arrays.stores.zarr_array import StoredArray
from convcli.errors import ConvcliError
from tests.conftest import run_command
from tests.run.stores import integers, load, make

ARGS = [
    "x.zarr",
    "-k",
    "gaussian:9",
    "-p",
    "same",
    "-o",
    "y.zarr",
    "--memory",
    "1",
    "-q",
]  # a chunk a block
PART = Path(".y.zarr.partial")


def start(*args: str) -> "subprocess.Popen[bytes]":
    """Start a run in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-m", "convcli", "run", *args], env=environment, stderr=subprocess.PIPE
    )


def chunks(folder: Path) -> dict[str, tuple[int, int]]:
    """Say of each chunk of an array which file it is, and of when."""
    found = {}
    for path in (folder / "c").rglob("*"):
        if path.is_file() and path.suffix != ".partial":
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def killed_after(number: int, args: list[str]) -> bytes:
    """Run until so many chunks are written, and kill it; it may end before that."""
    with start(*args) as process:
        while process.poll() is None and len(chunks(PART)) < number:
            time.sleep(0.001)
        process.kill()
        _, err = process.communicate()
    return err


def test_killed_at_random_moments_it_ends_with_the_same_bytes(in_tmp: Path) -> None:
    x = np.random.default_rng(0).standard_normal((600, 600)).astype("f4")
    make("x.zarr", x, (30, 30), compressors=None)
    assert run_command("run", *ARGS).status == 0
    expected = contents(Path("y.zarr"))
    Path("y.zarr").rename("old.zarr")
    drawn = random.Random(1)
    before: dict[str, tuple[int, int]] = {}
    for _ in range(6):
        killed_after(len(before) + drawn.randrange(1, 40), [*ARGS, "--resume"])
        if not PART.exists():  # it was done before it was killed
            break
        now = chunks(PART)
        assert before.items() <= now.items()  # what was done is left as it was
        before = now
    assert before
    assert run_command("run", *ARGS, "--resume").status == 0
    assert contents(Path("y.zarr")) == expected
    assert before.items() <= chunks(Path("y.zarr")).items()
    assert sorted(path.name for path in in_tmp.iterdir()) == ["old.zarr", "x.zarr", "y.zarr"]


def unfinished() -> None:
    """Leave some of an output, as a run that failed does."""
    make("x.zarr", integers(90, 90), (10, 10))
    write, count = StoredArray.write, 0

    def failing(self: StoredArray, box: Any, y: Any) -> None:
        nonlocal count
        count += 1
        if count >= 20:
            raise ConvcliError("no more")
        write(self, box, y)

    args = ["x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.zarr", "--memory", "1", "-q"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoredArray, "write", failing)
        run = run_command("run", *args)
    assert run.status == 1
    assert run.err.startswith("convcli: note: 19 of 81 blocks of 'y.zarr' are done; the same ")
    assert len(chunks(PART)) == 19


def test_ctrl_c_says_how_to_continue(in_tmp: Path) -> None:
    make("x.zarr", integers(400, 400), (10, 10))
    args = ["x.zarr", "-k", "box:3", "-o", "y.zarr", "--memory", "1", "-q"]
    with start(*args) as process:
        while process.poll() is None and len(chunks(PART)) < 5:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err.decode().startswith("convcli: note: ")
    assert "--resume does the others\n" in err.decode()
    assert err.count(b"\n") == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["-k", "[[1,2],[3,5]]"], "begun with another filter"),
        (["-p", "1"], "begun with the options (none), and now they are -p 1"),
        (["--chunks", "5"], "begun with other chunks"),
        (["made again"], "begun with another input, or one that has changed"),
        (["a chunk written"], "begun with another input, or one that has changed"),
    ],
)
def test_another_command_does_not_continue_it(in_tmp: Path, change: list[str], text: str) -> None:
    unfinished()
    args = ["x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.zarr", "-q"]
    if change == ["made again"]:
        make("x.zarr", integers(90, 90, seed=1), (10, 10), overwrite=True)
    elif change == ["a chunk written"]:
        array: Any = zarr.open_array("x.zarr", mode="r+")
        array[80:85, 80:85] = 7
    elif change[0] == "-k":
        args[1:3] = change
    else:
        args += change
    before = contents(PART)
    run = run_command("run", *args, "--resume")
    assert run.status == 2
    assert text in run.err
    assert run.err.count("\n") == 1
    assert contents(PART) == before
    assert run_command("run", *args).status == 0  # the remedy: it begins again
    assert not PART.exists()


def test_memory_and_threads_may_be_others(in_tmp: Path) -> None:
    unfinished()
    args = ["x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.zarr", "--resume", "-q"]
    assert run_command("run", *args, "--memory", "5K", "--threads", "1").status == 0
    run_command("run", "x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.npy")
    np.testing.assert_array_equal(load("y.zarr"), np.load("y.npy"))


def test_without_anything_to_resume_it_begins(in_tmp: Path) -> None:
    make("x.zarr", integers(9, 9), (4, 4))
    run = run_command("run", "x.zarr", "-k", "box:3", "-o", "y.zarr", "--resume")
    assert run.status == 0
    assert "note: there is nothing of 'y.zarr' to resume; it begins from the start" in run.err


def test_empty_chunks_are_done_again(in_tmp: Path) -> None:
    unfinished()
    damaged = next(path for path in (PART / "c").rglob("*") if path.is_file())
    damaged.write_bytes(b"")  # as a crash of the system may leave it
    (PART / "c" / ("0." + "0" * 32 + ".partial")).write_bytes(b"1")
    args = ["x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.zarr", "-q"]
    assert run_command("run", *args, "--resume").status == 0
    run_command("run", *args[:-2], "y.npy")
    np.testing.assert_array_equal(load("y.zarr"), np.load("y.npy"))
    assert not list(Path("y.zarr").rglob("*.partial"))


def test_two_runs_do_not_write_one_output(in_tmp: Path) -> None:
    make("x.zarr", integers(400, 400), (10, 10))
    args = ["x.zarr", "-k", "box:3", "-o", "y.zarr", "--memory", "1", "-q"]
    with start(*args) as process:
        while process.poll() is None and len(chunks(PART)) < 5:
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        for more in ([], ["--resume"]):
            run = run_command("run", *args, *more)
            assert run.status == 1
            assert "'y.zarr' is being written by another run" in run.err
        process.kill()
        process.communicate()


def test_a_run_that_another_one_ends_before_it_can_begin(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("y.zarr", integers(4, 4), (2, 2))
    PART.mkdir()
    lock = NewFolder._take_lock

    def late(folder: NewFolder) -> None:
        if PART.exists() and not list(PART.iterdir()):  # the other one takes its place
            PART.rename("gone")
        lock(folder)

    monkeypatch.setattr(NewFolder, "_take_lock", late)
    new = NewFolder("y.zarr", "")
    assert (new.found, PART.exists()) == (False, False)


def test_a_run_that_ended_while_its_output_took_its_place(in_tmp: Path) -> None:
    unfinished()
    args = ["x.zarr", "-k", "[[1,2],[3,4]]", "-o", "y.zarr", "-q", "--resume"]
    record = (PART / ".convcli.json").read_text()
    assert run_command("run", *args).status == 0
    Path("y.zarr/.convcli.json").write_text(record)
    before = chunks(Path("y.zarr"))
    assert run_command("run", *args).status == 0
    assert chunks(Path("y.zarr")) == before
    assert not Path("y.zarr/.convcli.json").exists()


def test_what_an_earlier_run_transformed_is_verified_as_such(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).random((512, 1024), np.float32)
    x[:, 128:] *= 2e-3  # a transform rounds small numbers against large ones
    make("x.zarr", x, (512, 512))
    args = ["x.zarr", "-k", "rand:33x33", "--seed", "1", "-o", "y.zarr", "--method", "fft"]
    with monkeypatch.context() as patched:
        patched.setattr(NewFolder, "end", lambda _: None)  # as if it had ended before that
        assert run_command("run", *args).status == 0
    done = run_command("run", *args, "--resume", "--verify", "--format", "json")
    assert json.loads(done.out)["verify"]["passed"]


def test_nothing_is_left_where_nothing_was_done(in_tmp: Path) -> None:
    np.save("x.npy", np.full((9, 9), 2**62))
    run = run_command("run", "x.npy", "-k", "[[1,1]]", "-o", "y.zarr")
    assert run.status == 1
    assert [path.name for path in in_tmp.iterdir()] == ["x.npy"]
