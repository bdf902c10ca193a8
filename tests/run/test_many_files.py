"""Many files give the same outputs, reports and errors as each by itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.arrays import small_files
from convcli.run import each_input
from convcli.run.report import tables
from tests.conftest import Outcome, npy_bytes, run_command

OPTIONS = [
    "-k gaussian:3 -p 1",
    "-k gaussian:5 -p 2 --method gemm",
    "-k [[1,2],[3,-4]] --dtype int16",
    "-k sobel --dims 2",
    "-f 3 --dims 2",
    "-f 3",
    "-f 2 --pool max -q",
    "-k gaussian:3 --format table",
    "-k [[1,2,1],[0,1,0]] --transposed -s 2 --format json --dims 2",
    "-k box:3 --memory 2K",
    "-k box:3 --scale clip --dtype uint8",
    "-k box:3 --output-format csv",
    "-k box:3 --verify -q",
]


def _write(name: str, draw: st.DrawFn) -> None:
    """Write a file that is good, or in one of the ways in which it can be another."""
    kind = draw(st.sampled_from(["good"] * 12 + ["F", "two", "text", "short", "empty", "object"]))
    shape = draw(st.sampled_from([(6, 6)] * 3 + [(5, 9), (2, 7, 6), (40,)]))
    dtype = draw(st.sampled_from(["f4"] * 4 + [">f4", "f8", "u1", "i8", "f2", "c8"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = (rng.normal(size=shape) * 50).astype(dtype)
    if x.dtype.kind == "f" and draw(st.booleans()):
        x.flat[draw(st.integers(0, x.size - 1))] = np.nan
    if x.dtype.kind == "i" and draw(st.booleans()):
        x[...] = 2**62  # a sum of which fits no integer
    data = npy_bytes(x)
    if kind == "F":
        data = npy_bytes(np.asfortranarray(x))
    elif kind == "two":
        data += data
    elif kind == "text":
        data = b"1 2 3\n4 5 6\n"
    elif kind == "short":
        data = data[: -draw(st.integers(1, 20))]
    elif kind == "empty":
        data = b""
    elif kind == "object":
        data = data.replace(b"f", b"O", 1)
    Path(name).write_bytes(data)


@st.composite
def inputs(draw: st.DrawFn) -> list[str]:
    """Files, most of them alike and some missing, and inputs that are none."""
    names = []
    for k in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["file"] * 12 + ["missing", "rand:5x5", "[[1,2],[3,4]]", "-"]))
        name = f"{k}.npy" if kind in ("file", "missing") else kind
        if kind == "file":
            _write(name, draw)
        if name not in names:
            names.append(name)
    return names


@contextmanager
def _in(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    folder.mkdir()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def _outcome(args: list[str], old: bool) -> tuple[int, Any, str, dict[str, bytes]]:
    """Run, and return the status, the report, the messages and the files; removes them."""
    if old:
        Path("out").mkdir()
        Path("out/1.npy").write_bytes(b"old")
    with mock.patch.object(tables, "_milliseconds", return_value="no time"):
        done = run_command(*args, stdin=npy_bytes(np.eye(6, dtype="f4")))
    files = {path.name: path.read_bytes() for path in Path("out").glob("*")}
    shutil.rmtree("out", ignore_errors=True)
    return done.status, _report(done), done.err, files


def _report(done: Outcome) -> Any:
    """Read a report without the times in it."""
    if not done.out.startswith("{"):
        return done.out
    return [json.loads(line) | {"seconds": 0} for line in done.out.splitlines()]


def _one_by_one(run: Any) -> Any:
    return [(run.setup.request.inputs, None)]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@given(data=st.data(), old=st.booleans(), together=st.sampled_from([700, 1 << 22]))
def test_the_same_as_each_alone(
    options: str, data: st.DataObject, old: bool, together: int, tmp_path_factory: Any
) -> None:
    with _in(tmp_path_factory.getbasetemp() / "many"):
        args = ["run", *data.draw(inputs()), *options.split(), "--seed", "1", "-o", "out/"]
        with mock.patch.object(small_files, "_MOST_BYTES", together):
            found = _outcome(args, old)
        with mock.patch.object(each_input, "_in_groups", _one_by_one):
            expected = _outcome(args, old)
    assert found == expected


def _files(count: int) -> list[str]:
    names = [f"{k:03}.npy" for k in range(count)]
    for k, name in enumerate(names):
        np.save(name, np.full((8, 8), k, np.float32))
    return names


@pytest.mark.parametrize("output", [["-o", "out/"], []])
def test_they_are_convolved_together(in_tmp: Path, output: list[str]) -> None:
    """The test above compares two ways, not one with itself."""
    with mock.patch.object(each_input, "convolve", side_effect=AssertionError):
        done = run_command("run", *_files(9), "-k", "[[2]]", "-q", *output)
    assert done.status == 0
    data = [path.read_bytes() for path in sorted(Path("out").glob("*"))] or [done.data]
    assert b"".join(data) == npy_bytes(*[np.full((8, 8), 2.0 * k, np.float32) for k in range(9)])


def test_all_but_a_broken_one_are_convolved(in_tmp: Path) -> None:
    names = _files(9)
    Path(names[5]).write_bytes(Path(names[5]).read_bytes()[:-1])
    done = run_command("run", *names, "-k", "box:3", "-o", "out/")
    assert done.status == 1
    assert "'005.npy'" in done.err
    assert sorted(os.listdir("out")) == names[:5] + names[6:]


def test_an_output_is_no_later_input(in_tmp: Path) -> None:
    names = _files(9)
    Path("out").mkdir()
    os.link(names[7], "out/003.npy")
    done = run_command("run", *names, "-k", "box:3", "-o", "out/")
    assert done.status == 2
    assert "would overwrite the input '007.npy'" in done.err
    assert sorted(os.listdir("out")) == names[:4]
    assert np.load(names[7])[0, 0] == 7


def test_a_named_pipe_is_opened_once(in_tmp: Path) -> None:
    names = _files(3)
    os.mkfifo("pipe.npy")
    with subprocess.Popen(["sh", "-c", "cat 000.npy > pipe.npy"]) as writer:
        done = run_command("run", "pipe.npy", *names, "-k", "[[1]]", "-q", "-o", "out/")
        assert writer.wait() == 0
    assert done.status == 0
    assert Path("out/pipe.npy").read_bytes() == Path("000.npy").read_bytes()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_whole_files(in_tmp: Path, sent: signal.Signals) -> None:
    names = _files(3000)
    words = [sys.executable, "-m", "convcli", "run", *names, "-k", "[[1]]", "-o", "out/"]
    out = Path("out")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (out.exists() and len(os.listdir(out)) > 5):
            pass
        process.send_signal(sent)
        process.wait()
    assert process.returncode in (0, -sent, 128 + sent)
    found = sorted(os.listdir(out))
    assert found == names[: len(found)]
    for name in found:
        assert (out / name).read_bytes() == Path(name).read_bytes()
