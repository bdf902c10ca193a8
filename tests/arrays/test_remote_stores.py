"""Stores by URL: an S3 server and a web server on this machine, started here."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import zarr

from convcli.errors import ConvcliError
from tests.conftest import run_command
from tests.run.stores import integers, load, make, make_image

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # sessions of s3fs


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server of the S3 protocol; gives its address."""
    from moto.server import ThreadedMotoServer

    found = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    yield f"http://{host}:{port}"
    found.stop()


@pytest.fixture
def bucket(server: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a bucket; gives its URL."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(anon=False)
    files.mkdir("data")
    yield "s3://data"
    files.rm("data", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_read_and_written(bucket: str) -> None:
    x = integers(2, 30, 30)
    make(f"{bucket}/x.zarr", x, (1, 8, 8))
    np.save("x.npy", x)
    run_command("run", "x.npy", "-k", "ones:3x3", "-o", "y.npy")
    expected = np.load("y.npy")
    for spec, output in (
        (f"{bucket}/x.zarr", f"{bucket}/y.zarr"),
        (f"{bucket}/x.zarr", f"{bucket}/g.zarr::a/b"),
        (f"{bucket}/x.zarr", "y.zarr"),
        ("x.npy", f"{bucket}/z.zarr"),
    ):
        run = run_command("run", spec, "-k", "ones:3x3", "-o", output)
        assert run.status == 0, run.err
        np.testing.assert_array_equal(load(output.replace("::", "/")), expected)
    assert run_command("run", f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", "z.npy").status == 0
    np.testing.assert_array_equal(np.load("z.npy"), expected)


def test_an_array_in_a_bucket_is_replaced_only_if_asked(bucket: str) -> None:
    make(f"{bucket}/x.zarr", integers(30, 30), (8, 8))
    args = [f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", f"{bucket}/y.zarr"]
    assert run_command("run", *args).status == 0
    before = load(f"{bucket}/y.zarr")
    args[2] = "ones:5x5"
    for more in ([], ["--resume"]):
        run = run_command("run", *args, *more)
        assert run.status == 2
        assert "exists; add --overwrite, or name another" in run.err
        np.testing.assert_array_equal(load(f"{bucket}/y.zarr"), before)
    assert run_command("run", *args, "--overwrite").status == 0
    assert load(f"{bucket}/y.zarr").shape == (26, 26)


def test_a_run_into_a_bucket_is_continued(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from convcli.arrays.stores import zarr_array

    make(f"{bucket}/x.zarr", integers(40, 40), (8, 8))
    args = [f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", f"{bucket}/y.zarr", "--memory", "1"]
    write, count = zarr_array.StoredArray.write, 0

    def failing(self: Any, box: Any, y: Any) -> None:
        nonlocal count
        count += 1
        if count == 8:
            raise OSError(5, "Input/output error")
        write(self, box, y)

    monkeypatch.setattr(zarr_array.StoredArray, "write", failing)
    run = run_command("run", *args)
    assert run.status == 1
    assert "7 of 25 blocks of 's3://data/y.zarr' are done" in run.err
    monkeypatch.setattr(zarr_array.StoredArray, "write", write)
    run = run_command("run", *args)
    assert run.status == 2
    assert "is unfinished; add --resume to continue it, or --overwrite" in run.err
    run = run_command("run", f"{bucket}/y.zarr", "-k", "ones:3x3")
    assert run.status == 1
    assert "is unfinished: a run writes it, or was ended" in run.err
    run = run_command("run", *args, "--resume", "--format", "json")
    assert run.status == 0, run.err
    assert '"blocks": {"total": 25, "before": 7}' in run.out
    run_command("run", *args[:4], "y.npy")
    np.testing.assert_array_equal(load(f"{bucket}/y.zarr"), np.load("y.npy"))
    assert not dict(zarr.open_array(f"{bucket}/y.zarr", mode="r").attrs)


def test_an_image_in_a_bucket(bucket: str) -> None:
    make_image(f"{bucket}/x.zarr", integers(3, 20, 20), 3, [1, 0.5, 0.5])
    args = [f"{bucket}/x.zarr::0", "-k", "ones:3x3", "-o", f"{bucket}/y.zarr"]
    assert run_command("run", *args).status == 0
    assert zarr.open_group(f"{bucket}/y.zarr", mode="r").attrs["ome"]
    assert run_command("run", *args).status == 2
    assert run_command("run", *args, "--overwrite").status == 0


def test_what_is_not_there_is_one_line(bucket: str) -> None:
    for spec in (f"{bucket}/no.zarr", "s3://nobucket/x.zarr"):
        run = run_command("run", spec, "-k", "box:3")
        assert run.status == 1
        assert run.err.count("\n") == 1, run.err
        assert spec in run.err


def test_a_web_server_is_read(in_tmp: Path) -> None:
    x = integers(30, 30)
    make("x.zarr", x, (8, 8))
    make("g.zarr", x, (8, 8), name="a")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=str(in_tmp))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        for spec in ("x.zarr", "g.zarr::a", "g.zarr/a"):
            run = run_command("run", f"{url}/{spec}", "-k", "ones:3x3", "-o", "y.npy")
            assert run.status == 0, run.err
            assert np.load("y.npy").shape == (28, 28)
        run = run_command("run", f"{url}/no.zarr", "-k", "box:3")
        assert run.status == 1
        assert run.err.count("\n") == 1
        run = run_command("run", f"{url}/x.zarr", "-k", "box:3", "-o", f"{url}/y.zarr")
        assert "can only be read" in run.err
        server.shutdown()


def test_a_directory_as_a_url(in_tmp: Path) -> None:
    make("x.zarr", integers(9, 9), (4, 4))
    url = f"file://{in_tmp}"
    assert run_command("run", f"{url}/x.zarr", "-k", "box:3", "-o", f"{url}/y.zarr").status == 0
    assert load("y.zarr").shape == (7, 7)


def test_what_cannot_be_made_is_what_the_error_says(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: Any, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    make(f"{bucket}/x.zarr", integers(30, 30), (8, 8))
    monkeypatch.setattr("convcli.arrays.stores.outputs.create", refused)
    run = run_command("run", f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", f"{bucket}/y.zarr")
    assert run.status == 1
    assert "Permission denied" in run.err


def test_a_run_that_cannot_be_continued_yet_stays(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convcli.arrays.stores import zarr_array

    make(f"{bucket}/x.zarr", integers(40, 40), (8, 8))
    args = [f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", f"{bucket}/y.zarr", "--memory", "1"]
    write = zarr_array.StoredArray.write
    failing = mock.Mock(side_effect=[None, OSError(5, "Input/output error")])

    def write_some(self: Any, box: Any, y: Any) -> None:
        failing()
        write(self, box, y)

    monkeypatch.setattr(zarr_array.StoredArray, "write", write_some)
    assert run_command("run", *args).status == 1
    monkeypatch.setattr(zarr_array.StoredArray, "write", write)
    with monkeypatch.context() as patch:
        broken = mock.Mock(side_effect=ConvcliError("no answer"))
        patch.setattr("convcli.arrays.stores.outputs.find_done", broken)
        assert run_command("run", *args, "--resume").status == 1
    run = run_command("run", *args, "--resume", "--format", "json")
    assert run.status == 0, run.err
    assert '"before": 1' in run.out


def test_a_server_is_asked_for_many_chunks_at_a_time_whatever_is_opened_later(bucket: str) -> None:
    make(f"{bucket}/x.zarr", integers(30, 30), (8, 8))
    run = run_command("run", f"{bucket}/x.zarr", "-k", "ones:3x3", "-o", "y.zarr")
    assert run.status == 0, run.err
    assert zarr.config.get("async.concurrency") == 32
