"""What names a store, what is read from one, and what is said of one that is damaged."""

import asyncio
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec
from zarr.core.sync import sync
from zarr.storage import LocalStore

from convcli.arrays.stores import StoreName, is_store, parse
from tests.conftest import run_command, shell
from tests.run.stores import image_of, integers, load, make, make_image


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("x.zarr", "x.zarr", ""),
        ("x.zarr/", "x.zarr", ""),
        ("a/x.ZARR::b", "a/x.ZARR", "b"),
        ("x.zarr::/b/c/", "x.zarr", "b/c"),
        ("x.zarr/b/c", "x.zarr", "b/c"),
        ("x.zarr/b::c", "x.zarr", "b/c"),
        ("s3://bucket/x.zarr/0", "s3://bucket/x.zarr", "0"),
        ("s3://bucket/x::0", "s3://bucket/x", "0"),
        ("file:///tmp/x.zarr", "/tmp/x.zarr", ""),
    ],
)
def test_names_of_stores(text: str, url: str, path: str) -> None:
    assert is_store(text)
    assert parse(text) == StoreName(url, path)


@pytest.mark.parametrize("text", ["x.npy", "x.npz::a", "zarr", "x.zarrs", "rand:8x8", "[[1]]", "-"])
def test_other_names(text: str) -> None:
    assert not is_store(text)


def test_a_directory_is_known_by_what_it_holds(in_tmp: Path) -> None:
    x = integers(9, 9)
    make("plain", x, (4, 4))
    make("group", x, (4, 4), name="a/b", zarr_format=2)
    for spec in ("plain", "group::a/b", "group/a/b"):
        run = run_command("run", spec, "-k", "[[1]]", "-o", "y.npy")
        assert run.status == 0, run.err
        np.testing.assert_array_equal(np.load("y.npy"), x)


@pytest.mark.parametrize("version", [2, 3])
def test_missing_chunks_are_fill_values(in_tmp: Path, version: int) -> None:
    array = zarr.create_array(
        "x.zarr",
        shape=(9, 9),
        chunks=(4, 4),
        dtype="i2",
        fill_value=7,
        zarr_format=version,  # type: ignore[arg-type]
    )
    array[:4, :4] = 1
    run_command("run", "x.zarr", "-k", "[[1]]", "-o", "y.npy")
    expected = np.full((9, 9), 7)
    expected[:4, :4] = 1
    np.testing.assert_array_equal(np.load("y.npy"), expected)


@pytest.mark.parametrize("dtype", [">f4", ">i2", "<u8", "?", "<f2", "<c16"])
@pytest.mark.parametrize("version", [2, 3])
def test_types_of_numbers(in_tmp: Path, dtype: str, version: int) -> None:
    x = integers(9, 9, dtype="int16").__abs__().astype(dtype)
    make("x.zarr", x, (4, 4), zarr_format=version)
    np.save("x.npy", x)
    for spec, output in (("x.zarr", "y.zarr"), ("x.npy", "y.npy")):
        run = run_command("run", spec, "-k", "[[1,2],[3,4]]", "-o", output)
        assert run.status == 0, run.err
    np.testing.assert_array_equal(load("y.zarr"), np.load("y.npy"))


def test_a_filter_from_a_store(in_tmp: Path) -> None:
    make("w.zarr", np.ones((3, 3)), (2, 2), name="a")
    run = run_command("run", "arange:5x5", "-k", "w.zarr::a", "--output-format", "csv")
    assert run.out.startswith("54.0,")


CODECS: dict[str, dict[str, Any]] = {
    "none": {"compressors": None},
    "zstd": {},
    "gzip": {"compressors": GzipCodec()},
    "blosc": {"compressors": BloscCodec()},
    "crc": {"compressors": Crc32cCodec()},
    "format 2": {"zarr_format": 2},
    "shards": {"shards": (20, 20)},
}


@pytest.mark.parametrize("how", CODECS.values(), ids=CODECS)
def test_a_damaged_chunk_is_named(in_tmp: Path, how: dict[str, Any]) -> None:
    make("x.zarr", integers(30, 30), (10, 10), **how)
    files = sorted(path for path in Path("x.zarr").rglob("*") if path.name[0].isdigit())
    damaged = [path for path in files if path.is_file()][1]
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    where = "chunk [0:10, 20:30]" if "shards" in how else "chunk [0:10, 10:20]"
    for output in ("y.zarr", "y.npy"):
        run = run_command("run", "x.zarr", "-k", "box:3", "-o", output)
        assert run.status == 1
        assert run.err.startswith(f"convcli: error: 'x.zarr': {where} cannot be read (")
        assert run.err.endswith("); copy the store again\n")
        assert run.err.count("\n") == 1
        assert [path.name for path in in_tmp.iterdir()] == ["x.zarr"]


def test_members_are_listed(in_tmp: Path) -> None:
    make("x.zarr", integers(9, 9), (4, 4), name="g/a")
    run = run_command("run", "--list-kernels", "-k", "x.zarr", "--format", "plain")
    assert run.out.split("\t")[0] == "g/a"
    run = run_command("run", "--list-kernels", "-k", "x.zarr::g/a")
    assert run.status == 0
    run = run_command("run", "--list-kernels", "-k", "no.zarr")
    assert run.status == 1


def _edited(name: str, key: str, value: Any) -> None:
    path = Path("x.zarr") / name
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def test_metadata_that_cannot_be_used(in_tmp: Path) -> None:
    cases = [
        (2, "compressor", {"id": "nope"}, "install the package of that codec"),
        (3, "data_type", "bfloat16", "cannot be opened"),
        (3, "shape", "no", "cannot be opened"),
    ]
    for version, key, value, text in cases:
        make("x.zarr", integers(9, 9), (4, 4), zarr_format=version, overwrite=True)
        _edited(".zarray" if version == 2 else "zarr.json", key, value)
        run = run_command("run", "x.zarr", "-k", "box:3", "-o", "y.zarr")
        assert run.status == 1
        assert run.err.startswith("convcli: error: 'x.zarr' cannot be ")
        assert text in run.err
        assert run.err.count("\n") == 1


def test_text_is_not_numbers(in_tmp: Path) -> None:
    zarr.create_array("x.zarr", shape=(4,), dtype=str)
    run = run_command("run", "x.zarr", "-k", "[1]")
    assert run.status == 1
    assert "numbers are needed" in run.err


def test_a_file_too_large_names_block_and_store(in_tmp: Path) -> None:
    np.save("x.npy", integers(100, 100))
    line = "convcli run x.npy -k box:3 -o y.zarr --chunks 90"
    done = shell(f"(ulimit -f 1; {line} 2>&1) | cat", in_tmp)
    text = done.stdout.decode()
    assert text.startswith("convcli: error: 'y.zarr': block [0:98, 0:98] cannot be written (File")
    assert text.endswith("make room, and continue with --resume\n")
    assert [path.name for path in in_tmp.iterdir()] == ["x.npy"]


def test_a_store_is_removed_when_no_chunk_is_written_any_more(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a chunk that fails the library goes on with the others of its block."""
    right = LocalStore.set
    failed: list[str] = []

    async def set_slowly(self: Any, key: str, value: Any) -> None:
        if key.endswith("json"):
            await right(self, key, value)
        elif not failed:
            failed.append(key)
            raise OSError(errno.ENOSPC, "No space left on device")
        else:
            await asyncio.sleep(0.2)
            await right(self, key, value)

    monkeypatch.setattr(LocalStore, "set", set_slowly)
    done = run_command("run", "ones:100x100", "-k", "box:3", "-o", "y.zarr", "--chunks", "40")
    assert done.status == 1
    assert failed
    sync(asyncio.sleep(0.5))  # what is written late would make the directory again
    assert list(in_tmp.iterdir()) == []


def test_a_picture_holds_one_image_of_a_store(in_tmp: Path) -> None:
    make_image("x.zarr", integers(2, 3, 1, 20, 20), 3, [1, 1, 1, 1, 1])
    run = run_command("run", "x.zarr::0", "-k", "box:3", "-o", "y.png")
    assert run.status == 1
    assert "'y.png': an image has rows and columns, and the output is 2x3x1x18x18" in run.err
    make_image("one.zarr", integers(1, 1, 1, 20, 20), 3, [1, 1, 1, 1, 1])
    assert run_command("run", "one.zarr::0", "-k", "box:3", "-o", "y.png").status == 0
    run_command("run", "one.zarr::0", "-k", "box:3", "-o", "y.npy")
    plane = np.load("y.npy")[0, 0, 0]
    np.save("plane.npy", plane)
    assert run_command("run", "plane.npy", "-k", "[[1]]", "-o", "z.png").status == 0
    assert Path("y.png").read_bytes() == Path("z.png").read_bytes()


@pytest.mark.parametrize(
    "transforms",
    [
        None,
        ["scale"],
        [{"type": "scale", "scale": ["a", "b"]}],
        [{"type": ["x"]}],
        [{"type": "scale"}],
        7,
    ],
)
def test_transforms_that_are_none_are_left_out(in_tmp: Path, transforms: Any) -> None:
    make_image("x.zarr", integers(20, 20), 3, [0.5, 0.5])
    group = zarr.open_group("x.zarr", mode="r+")
    ome: Any = group.attrs["ome"]
    ome["multiscales"][0]["datasets"][0]["coordinateTransformations"] = transforms
    group.attrs["ome"] = ome
    run = run_command("run", "x.zarr::0", "-k", "ones:3x3", "-o", "y.zarr")
    assert run.status == 0, run.err
    (dataset,) = image_of("y.zarr")["datasets"]
    assert dataset["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 1.0]},
        {"type": "translation", "translation": [1.0, 1.0]},
    ]


@pytest.mark.parametrize("more", [["--verify"], ["--time", "1"], ["--plot"]])
def test_a_report_names_all_axes_whatever_is_asked_for(in_tmp: Path, more: list[str]) -> None:
    make_image("x.zarr", integers(2, 3, 4, 20, 20), 3, [1, 1, 1, 1, 1])
    run = run_command("run", "x.zarr::0", "-k", "box:3", "-o", "y.npy", "-v", *more, tty=True)
    assert run.status == 0, run.err
    assert "NNNHW" in run.out
    assert "2x3x4x18x18" in run.out
    assert "24x18x18" not in run.out
