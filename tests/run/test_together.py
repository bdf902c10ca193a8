"""Many arrays in a stream give the same bytes and the same errors as each by itself."""

import errno
import io
import json
import os
import subprocess
import sys
import threading
from typing import IO, Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convcli.arrays.files import transfer
from convcli.arrays.sources import records
from convcli.errors import ConvcliError
from convcli.run import each_input
from tests.conftest import npy_bytes, run_command

OPTIONS = [
    "-k gaussian:3 -p 1",
    "-k gaussian:5 -p 2 --method gemm",
    "-k box:3 --method separable --pad-mode reflect -p 1",
    "-k gaussian:5 --method fft",
    "-k sobel-x -s 2 --bias 1",
    "-k [[1,2],[3,-4]] --dtype int16",
    "-k sobel --dims 2",
    "-f 3 --seed 1",
    "-f 2 --pool max",
    "-k [[1,2,1],[0,1,0]] --transposed -s 2",
]


def _single(args: list[str], data: bytes) -> Any:
    with mock.patch.object(each_input, "_convolve_together", return_value=False):
        return run_command(*args, stdin=data)


@st.composite
def streams(draw: st.DrawFn) -> list[NDArray[Any]]:
    """Runs of equal arrays, of some kinds."""
    arrays = []
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from([(8, 8), (5, 9), (3, 8, 7), (2, 3, 8, 8)]))
        dtype = draw(st.sampled_from(["f4", ">f4", "f8", "u1", "i4", "f2", "c8"]))
        for _ in range(draw(st.integers(1, 5))):
            x = (rng.normal(size=shape) * 50).astype(dtype)
            if x.dtype.kind == "f" and draw(st.booleans()):
                x.flat[draw(st.integers(0, x.size - 1))] = draw(st.sampled_from([np.nan, np.inf]))
            arrays.append(x)
    return arrays


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@given(arrays=streams(), cut=st.integers(0, 3000), most=st.sampled_from([1500, 1 << 21]))
def test_the_same_bytes_and_errors(
    options: str, arrays: list[NDArray[Any]], cut: int, most: int
) -> None:
    args = ["run", *options.split(), "-q"]
    data = npy_bytes(*arrays)
    data = data[: len(data) - cut] if cut < 300 else data
    with (
        mock.patch.object(transfer, "_AHEAD", most // 2),
        mock.patch.object(transfer, "MOST_AHEAD", most),
        mock.patch.object(records, "MOST_AHEAD", most),
    ):
        found = run_command(*args, stdin=data)
    assert found == _single(args, data)


@pytest.mark.parametrize("side", [8, 130, 600])
def test_a_pipe_that_is_cut_anywhere(side: int) -> None:
    rng = np.random.default_rng(side)
    data = npy_bytes(*rng.normal(size=(60, side, side)).astype(np.float32))
    # Where OpenCV has been imported, as here by another test, it may be what is fastest.
    args = ["run", "-k", "gaussian:5", "--method", "gemm", "-q"]
    words = [sys.executable, "-m", "convcli", *args]

    def feed(pipe: IO[bytes]) -> None:
        sent = 0
        while sent < len(data):
            size = int(rng.integers(1, len(data) // 20))
            pipe.write(data[sent : sent + size])
            pipe.flush()
            sent += size
        pipe.close()

    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = threading.Thread(target=feed, args=(process.stdin,))
        feeder.start()
        found = process.stdout.read()
        feeder.join()
    assert found == _single(args, data).data


def test_what_arrived_before_a_read_error_is_convolved() -> None:
    """The error is that of the second read, for which nothing has to wait."""

    class Broken(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self._parts = [data]

        def readinto(self, buffer: Any) -> int:
            if not self._parts:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            part = self._parts.pop()
            memoryview(buffer)[: len(part)] = part
            return len(part)

    one = npy_bytes(np.ones((8, 8)))
    stream = transfer.FullReads(Broken(one + one[:200]), "it")
    head = stream.read(128)
    with mock.patch.object(transfer, "_is_ready", return_value=True):
        assert stream.gather(head, len(one)) == one + one[:200]
        stream.skip(len(one) - len(head))
        assert stream.read(128) == head
        with pytest.raises(ConvcliError, match="Input/output error"):
            stream.gather(head, len(one))


def test_they_are_convolved_together() -> None:
    """The test above compares two ways, not one with itself."""
    data = npy_bytes(*[np.ones((8, 8))] * 9)
    with mock.patch.object(each_input, "convolve", side_effect=AssertionError):
        assert len(run_command("run", "-k", "box:3", "-q", stdin=data).data) == 9 * (128 + 36 * 8)


def test_a_broken_array_in_the_middle() -> None:
    good = npy_bytes(*[np.ones((8, 8), np.int64)] * 5)
    large = npy_bytes(np.full((8, 8), 2**62))
    for bad, message in ((b"\x93NUMPX", "not another array"), (large, "does not fit int64")):
        done = run_command("run", "-k", "[[2,2]]", "-q", stdin=good + bad + good)
        assert done.status == 1
        assert message in done.err
        assert len(done.data) == 5 * (128 + 8 * 7 * 8)


def test_reports_are_of_each_array() -> None:
    data = npy_bytes(*[np.full((8, 8), k) for k in range(4)])
    done = run_command("run", "-k", "[[1]]", "--format", "json", stdin=data)
    assert [json.loads(line)["max"] for line in done.out.splitlines()] == [0, 1, 2, 3]


def test_a_pipe_that_pauses_is_answered_at_once() -> None:
    record = npy_bytes(np.arange(64.0).reshape(8, 8))
    words = [sys.executable, "-m", "convcli", "run", "-k", "[[1]]"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for count in (1, 3, 1):
            process.stdin.write(record * count)
            process.stdin.flush()
            assert process.stdout.read(len(record) * count) == record * count
        process.stdin.close()
        assert process.wait() == 0
