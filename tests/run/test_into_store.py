"""Outputs in chunked stores equal those of the same run in memory, chunk by chunk."""

import json
import pickle
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import GzipCodec
from zarr.storage import LocalStore

from convcli.arrays.stores.inputs import dimension_names
from convcli.geometry.window.axis import Window
from convcli.geometry.window.pad_modes import PAD_MODES
from convcli.run.compute.blocks import Block
from convcli.run.compute.executors import Future
from convcli.run.compute.totals import Totals
from convcli.run.resolve.operation import resolve
from convcli.run.stores import command as into_store
from convcli.run.stores.blocks import Axes, plan_chunk_blocks
from convcli.run.stores.sources import InMemoryBoxes
from convcli.run.stores.task import Task, do_block
from tests.cases import Case, layers, spatial_filters
from tests.conftest import npy_bytes, run_command
from tests.run.helpers import resolve_case
from tests.run.stores import image_of, integers, load, make, make_image


def arguments(case: Case) -> list[str]:
    """Write a case as options; its filter is in w.npy."""
    words = ["-k", "w.npy", "-s", "x".join(map(str, case.s)), "-d", "x".join(map(str, case.d))]
    words += ["-p", "x".join(f"{begin}:{end}" for begin, end in case.p)]
    if case.g is not None:
        words += ["-g", str(case.g)]
    if case.transposed:
        words += ["--transposed", "--output-padding", "x".join(map(str, case.op))]
    return words


@st.composite
def stored(draw: st.DrawFn) -> tuple[Case, dict[str, Any], list[str]]:
    """Draw a case, how its input is stored, and some options."""
    kinds = [spatial_filters(), layers(), layers(transposed=True)]
    case = draw(st.one_of(kinds))
    dtype = draw(st.sampled_from(["float32", "float64", "uint8", "int16", "complex64"]))
    case = case.astype("float32" if dtype == "complex64" else dtype)
    version = draw(st.sampled_from([2, 3]))
    chunks = tuple(draw(st.integers(1, n + 1)) for n in case.x.shape)
    how: dict[str, Any] = {"zarr_format": version, "chunks": chunks}
    if version == 3 and draw(st.booleans()):
        how["shards"] = tuple(chunk * draw(st.integers(1, 2)) for chunk in chunks)
    how["compressors"] = draw(st.sampled_from([None, "auto"]))
    options = ["--memory", draw(st.sampled_from(["1", "400", "2K", "32M"]))]
    if not case.transposed:
        options += ["--pad-mode", draw(st.sampled_from(list(PAD_MODES)))]
    if draw(st.booleans()):
        sizes = [draw(st.integers(1, 5)) for _ in range(case.dims)]
        options += ["--chunks", "x".join(map(str, sizes))]
    return case, how, options


@given(stored())
def test_output_equals_the_run_in_memory(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Case, dict[str, Any], list[str]]
) -> None:
    case, how, options = drawn
    folder = tmp_path_factory.mktemp("s")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.save("x.npy", case.x)
        np.save("w.npy", case.w)
        make("x.zarr", case.x, **how)
        layout = ["--dims", str(case.dims)]
        words = [*arguments(case), *layout, *options]
        plain = [word for pair in _pairs(words) if pair[0] != "--chunks" for word in pair]
        done = run_command("run", "x.npy", *plain, "-o", "y.npy", "-q")
        found = run_command("run", "x.zarr", *words, "-o", "y.zarr", "-q")
        assert found.status == done.status, (done.err, found.err)
        if done.status == 0:
            expected, actual = np.load("y.npy"), load("y.zarr")
            assert actual.dtype == expected.dtype
            np.testing.assert_array_equal(actual, expected)
            assert run_command("run", "x.zarr", *plain, "-o", "z.npy", "-q").status == 0
            np.testing.assert_array_equal(np.load("z.npy"), expected)
            assert run_command("run", "x.npy", *words, "-o", "z.zarr", "-q").status == 0
            np.testing.assert_array_equal(load("z.zarr"), expected)
        assert not [name for name in folder.iterdir() if "partial" in name.name]
    shutil.rmtree(folder)


def _pairs(words: list[str]) -> list[list[str]]:
    pairs: list[list[str]] = []
    for word in words:
        if word.startswith("-") and not word[1:2].isdigit():
            pairs.append([])
        pairs[-1].append(word)
    return pairs


@given(
    st.one_of(spatial_filters(), layers(), layers(transposed=True)),
    st.lists(st.integers(1, 5), min_size=5, max_size=5),
    st.sampled_from([1, 300, 3000, 1 << 30]),
)
def test_blocks_are_whole_units_and_cover_the_output_once(
    case: Case, unit: list[int], memory: int
) -> None:
    axes = Axes(resolve_case(case), (), case.x.shape)
    units = tuple(unit[: len(axes.out_shape)])
    blocks = plan_chunk_blocks(axes, units, memory)
    count = np.zeros(axes.out_shape, int)
    for block in blocks:
        count[np.ix_(*block.output)] += 1
        for part, size, n in zip(block.output, units, axes.out_shape, strict=True):
            assert part.start % size == 0
            assert part.stop % size == 0 or part.stop == n
    assert (count == 1).all()
    assert blocks[len(blocks) - 1] == blocks[-1]


@pytest.mark.parametrize(("f", "wide"), [(3, 256), (31, 128)])
def test_a_small_halo_does_not_halve_a_block_of_chunks_that_fit(f: int, wide: int) -> None:
    window = Window((f,), (1,), ((f // 2, f // 2),))
    operation = resolve((512, 512), np.dtype("f4"), np.ones((f, f), "f4"), window)
    two = 2 * 2 * 128 * 128 * 4  # bytes of two chunks of the input, and of the output
    assert plan_chunk_blocks(Axes(operation, (), (512, 512)), (128, 128), two).step == (128, wide)


class Counted(LocalStore):
    """A directory that counts what is written to it."""

    written: ClassVar[Counter[str]] = Counter()

    async def set(self, key: str, value: Any) -> None:
        self.written[key] += 1
        await super().set(key, value)


@pytest.mark.parametrize("shards", [None, (1, 16, 16)])
def test_each_chunk_is_written_once(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, shards: Any
) -> None:
    make("x.zarr", integers(2, 50, 70), (1, 8, 8), shards=shards)
    monkeypatch.setattr("zarr.storage._common.LocalStore", Counted)
    Counted.written.clear()
    args = ["-k", "box:5", "-p", "same", "-s", "2", "-o", "y.zarr", "--memory", "8K", "-q"]
    assert run_command("run", "x.zarr", *args).status == 0
    chunks = {key: count for key, count in Counted.written.items() if "c/" in key}
    array = zarr.open_array("y.zarr")
    unit = array.shards or array.chunks
    assert len(chunks) == np.prod([-(-n // k) for n, k in zip(array.shape, unit, strict=True)])
    assert set(chunks.values()) == {1}


def test_a_store_of_constants_is_written_in_full(in_tmp: Path) -> None:
    run_command("run", "zeros:9x9", "-k", "box:3", "-o", "y.zarr", "--chunks", "3", "-q")
    assert len(list(Path("y.zarr/c").rglob("*"))) == 3 + 9


@pytest.mark.parametrize(
    ("chunks", "shards", "options", "expected", "expected_shards"),
    [
        ((1, 8, 8), None, "-s 1", (1, 8, 8), None),
        ((1, 8, 8), None, "-s 2", (1, 4, 4), None),
        ((2, 8, 8), None, "-s 3x1", (2, 2, 8), None),
        ((1, 2, 2), None, "-s 4", (1, 1, 1), None),
        ((1, 8, 8), (2, 16, 32), "-s 2", (1, 4, 4), (2, 8, 16)),
        ((1, 8, 8), None, "-s 2 --transposed", (1, 16, 16), None),
        ((1, 8, 8), None, "--chunks 5", (1, 5, 5), None),
        ((1, 8, 8), None, "--chunks 5x7", (1, 5, 7), None),
        ((1, 8, 8), None, "--chunks 2x5x7", (2, 5, 7), None),
        ((1, 8, 8), (1, 16, 16), "--chunks 5x7", (1, 5, 7), (1, 10, 14)),
        ((2, 64, 64), None, "", (2, 30, 30), None),
    ],
)
def test_chunks_are_those_of_the_input_by_the_stride(
    in_tmp: Path, chunks: Any, shards: Any, options: str, expected: Any, expected_shards: Any
) -> None:
    make("x.zarr", integers(2, 32, 32), chunks, shards=shards)
    run = run_command("run", "x.zarr", "-k", "box:3", *options.split(), "-o", "y.zarr")
    assert run.status == 0, run.err
    made = zarr.open_array("y.zarr")
    assert (made.chunks, made.shards) == (expected, expected_shards)


@pytest.mark.parametrize("version", [2, 3])
def test_codecs_and_names_of_axes_are_those_of_the_input(in_tmp: Path, version: int) -> None:
    names = ("time", "lat", "lon")
    extra: dict[str, Any] = {"dimension_names": names} if version == 3 else {}
    if version == 2:
        extra["attributes"] = {"_ARRAY_DIMENSIONS": list(names)}
    compressors = GzipCodec(level=3) if version == 3 else None
    x = make(
        "x.zarr",
        integers(3, 8, 8),
        (1, 4, 4),
        zarr_format=version,
        compressors=compressors,
        **extra,
    )
    assert run_command("run", "x.zarr", "-k", "box:3", "-o", "y.zarr").status == 0
    y = zarr.open_array("y.zarr")
    assert y.compressors == x.compressors
    assert y.metadata.zarr_format == version
    assert dimension_names(y) == names


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("options", "scale", "shift"),
    [
        ("-k ones:3x3 -p 1", 1, 0),  # the middle of the first window is the first pixel
        ("-k ones:3x3", 1, 1),
        ("-k ones:4x4 -s 2", 2, 1.5),
        ("-k ones:3x3 -p 1 -s 2 --transposed", 0.5, 0),
        ("--pool max -f 2x2", 2, 0.5),
    ],
)
def test_an_image_keeps_its_axes_and_its_scale(
    in_tmp: Path, version: int, options: str, scale: float, shift: float
) -> None:
    x = integers(2, 3, 2, 24, 20)
    make_image("x.zarr", x, version, [1.5, 1, 2, 0.5, 0.25])
    run = run_command("run", "x.zarr::0", *options.split(), "-o", "y.zarr")
    assert run.status == 0, run.err
    image = image_of("y.zarr")
    assert [axis["name"] for axis in image["axes"]] == list("tczyx")
    assert image["axes"][-1]["unit"] == "micrometer"
    (dataset,) = image["datasets"]
    found = {each["type"]: each[each["type"]] for each in dataset["coordinateTransformations"]}
    assert found["scale"] == [1.5, 1, 2, 0.5 * scale, 0.25 * scale]
    assert found.get("translation", [0] * 5) == [0, 0, 0, 0.5 * shift, 0.25 * shift]
    np.save("planes.npy", x.reshape(-1, 24, 20))
    run_command("run", "planes.npy", *options.split(), "-o", "planes.npy")
    expected = np.load("planes.npy")
    np.testing.assert_array_equal(
        load(f"y.zarr/{dataset['path']}"), expected.reshape(2, 3, 2, *expected.shape[1:])
    )
    run_command("run", "x.zarr::0", *options.split(), "-o", "y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), load(f"y.zarr/{dataset['path']}"))


def test_a_3d_filter_takes_the_depth_of_an_image(in_tmp: Path) -> None:
    x = integers(3, 6, 12, 12)
    make_image("x.zarr", x, 3, [1, 2, 0.5, 0.5])
    run_command("run", "x.zarr::0", "-k", "ones:3x3x3", "-s", "2", "-o", "y.zarr")
    np.save("x.npy", x)
    run_command("run", "x.npy", "-k", "ones:3x3x3", "-s", "2", "-o", "y.npy")
    np.testing.assert_array_equal(load("y.zarr/0"), np.load("y.npy"))


def test_a_layer_adds_an_axis_of_channels_to_an_image(in_tmp: Path) -> None:
    make_image("x.zarr", integers(12, 12), 3, [0.5, 0.5])
    np.save("w.npy", integers(4, 1, 3, 3))
    assert run_command("run", "x.zarr::0", "-k", "w.npy", "-o", "y.zarr").status == 0
    image = image_of("y.zarr")
    assert [axis["name"] for axis in image["axes"]] == ["c", "y", "x"]
    assert zarr.open_array("y.zarr/0").shape == (4, 10, 10)


def test_every_source_goes_into_a_store(in_tmp: Path) -> None:
    x = integers(20, 20)
    np.save("x.npy", x)
    np.save("f.npy", np.asfortranarray(x))
    np.savez("x.npz", a=x)
    np.savetxt("x.csv", x, delimiter=",")
    run_command("run", "x.npy", "-k", "ones:3x3", "-o", "y.npy")
    expected = np.load("y.npy")
    for spec in ("x.npy", "f.npy", "x.npz::a", "x.csv"):
        run = run_command("run", spec, "-k", "ones:3x3", "-o", "y.zarr", "--memory", "500")
        assert run.status == 0, run.err
        np.testing.assert_allclose(load("y.zarr"), expected)
    run = run_command("run", "-", "-k", "ones:3x3", "-o", "y.zarr", stdin=npy_bytes(x))
    assert run.status == 0, run.err
    np.testing.assert_array_equal(load("y.zarr"), expected)


class Pickled:
    """Does blocks as another process would."""

    window = 1

    def submit(self, task: Task, block: Block) -> Future[Totals]:
        """Do a block that was pickled."""
        size = len(pickle.dumps(task))
        assert size < 20_000 or isinstance(task.source, InMemoryBoxes)
        future = Future(do_block, pickle.loads(pickle.dumps((task, block))))
        future.run()
        return future

    def shutdown(self) -> None:
        """Do nothing: nothing has begun."""


def test_blocks_are_done_by_what_is_pickled(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(into_store, "InThreads", Pickled)
    x = integers(3, 90, 110)
    np.save("x.npy", x)
    make("x.zarr", x, (1, 20, 20))
    make_image("i.zarr", x, 3, [1, 1, 1])
    np.savez("x.npz", x)
    run_command("run", "x.npy", "-k", "ones:5x5", "-p", "same", "-o", "y.npy")
    expected = np.load("y.npy")
    for spec in ("x.npy", "x.zarr", "i.zarr::0", "x.npz"):
        args = [spec, "-k", "ones:5x5", "-p", "same", "-o", "y.zarr", "--memory", "20K"]
        run = run_command("run", *args)
        assert run.status == 0, run.err
        found = load("y.zarr/0" if spec == "i.zarr::0" else "y.zarr")
        np.testing.assert_array_equal(found, expected)


def test_a_sweep_decodes_each_chunk_once(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("x.zarr", integers(96, 32), (8, 32))
    read: Counter[str] = Counter()
    get = LocalStore.get

    async def counted(self: Any, key: str, *args: Any, **more: Any) -> Any:
        read[key] += 1
        return await get(self, key, *args, **more)

    monkeypatch.setattr(LocalStore, "get", counted)
    args = ["x.zarr", "-k", "ones:5x5", "-p", "same", "-o", "y.zarr", "--memory", "1"]
    assert run_command("run", *args).status == 0
    chunks = {key: count for key, count in read.items() if key.startswith("c/")}
    assert len(chunks) == 12
    assert set(chunks.values()) == {1}


def test_report_and_json_name_the_blocks(in_tmp: Path) -> None:
    make("x.zarr", integers(20, 20), (5, 5))
    run = run_command(
        "run", "x.zarr", "-k", "box:3", "-o", "y.zarr", "--format", "json", "--memory", "1"
    )
    facts = json.loads(run.out)
    assert facts["blocks"] == {"total": 16, "before": 0}
    assert facts["output_name"] == "y.zarr"
    assert facts["min"] == load("y.zarr").min()


def test_an_array_in_a_group_leaves_the_others(in_tmp: Path) -> None:
    x = integers(9, 9)
    make("x.zarr", x, (4, 4), name="g/a")
    for _ in range(2):  # the second one replaces the first
        run = run_command("run", "x.zarr::g/a", "-k", "box:3", "-o", "x.zarr::g/h/b")
        assert run.status == 0, run.err
    np.testing.assert_array_equal(load("x.zarr/g/a"), x)
    assert load("x.zarr/g/h/b").shape == (7, 7)
    group = zarr.open_group("x.zarr", mode="r")
    assert sorted(name for name, _ in group.members(None)) == ["g", "g/a", "g/h", "g/h/b"]
    assert run_command("run", "x.zarr::g/a", "-k", "box:3", "-o", "n.zarr::p/q").status == 0
    found = zarr.open_group("n.zarr", mode="r").members(None)
    assert sorted(name for name, _ in found) == ["p", "p/q"]


def test_metadata_of_all_members_stay_true(in_tmp: Path) -> None:
    make("x.zarr", integers(9, 9), (4, 4), name="a")
    zarr.consolidate_metadata("x.zarr")
    assert run_command("run", "x.zarr::a", "-k", "box:3", "-o", "x.zarr::b").status == 0
    assert sorted(zarr.open_group("x.zarr", mode="r").array_keys()) == ["a", "b"]


def test_old_output_stays_until_the_new_one_is_whole(in_tmp: Path) -> None:
    make("x.zarr", integers(9, 9), (4, 4))
    np.save("big.npy", np.full((9, 9), 2**62))
    assert run_command("run", "x.zarr", "-k", "box:3", "-o", "y.zarr").status == 0
    before = load("y.zarr")
    run = run_command("run", "big.npy", "-k", "[[1,1],[1,1]]", "-o", "y.zarr")
    assert run.status == 1
    np.testing.assert_array_equal(load("y.zarr"), before)
    assert sorted(path.name for path in in_tmp.iterdir()) == ["big.npy", "x.zarr", "y.zarr"]


MISUSE = [
    ("x.zarr -k box:3 --chunks 4", "--chunks is for outputs in chunked stores; add -o y.zarr"),
    ("x.npy -k box:3 --resume -o y.npy", "--resume is for outputs in chunked stores"),
    ("x.npy -k box:3 --overwrite", "--overwrite is for outputs in chunked stores"),
    ("x.zarr x.npy -k box:3 -o y.zarr", "-o y.zarr is one store for 2 inputs"),
    ("x.zarr -k box:3 -o y.zarr --plot", "--plot cannot be combined with -o y.zarr"),
    ("x.zarr -k box:3 -o y.zarr --time 3", "--time 3 cannot be combined with -o y.zarr"),
    ("x.zarr -k box:3 -o y.zarr --output-format npy", "--output-format npy cannot be combined"),
    ("x.zarr -k box:3 -o y.zarr --scale abs", "--scale abs cannot be combined with -o y.zarr"),
    ("x.zarr -k box:3 -o y.zarr --chunks 4x4x4", "--chunks 4x4x4 has 3 sizes"),
    ("x.zarr -k box:3 -o y.zarr --chunks 0", "--chunks 0"),
    ("x.zarr -k box:3 -o y.zarr --chunks a", "--chunks 'a'"),
    ("x.zarr -k box:3 -o x.zarr", "-o x.zarr is also the input"),
    ("g.zarr::a -k box:3 -o g.zarr", "-o g.zarr is also the input"),
    ("x.zarr -k box:3 -o g.zarr", "-o g.zarr is a group, which would be removed"),
    ("x.zarr -k box:3 -o d.zarr", "-o d.zarr is a directory, but not a Zarr store"),
    ("x.zarr -k box:3 -o f.zarr", "'f.zarr' is a file"),
    ("x.npy -k box:3 -o x.zarr::a", "'x.zarr' is an array, which holds no others"),
    ("x.zarr -k box:3 -o no/y.zarr", "there is no directory 'no'"),
    ("x.zarr -k box:3 -o https://host/y.zarr", "stores on web servers can only be read"),
    ("x.zarr -k box:3 -o nope://host/y.zarr", "nope:// is not a protocol"),
    ("g.zarr -k box:3", "'g.zarr' is a group of 2 arrays (a, b); name one, such as g.zarr::a"),
    ("g.zarr::c -k box:3", "'g.zarr' has no member 'c'"),
    ("x.zarr::c -k box:3", "'x.zarr' is one array, 9x9; leave ::c out"),
    ("n.zarr -k box:3", "there is no Zarr store at 'n.zarr'"),
    ("empty.zarr -k box:3", "'empty.zarr' is a group without arrays"),
    ("dates.zarr -k box:3", "holds datetime64"),
    ("none.zarr -k box:3 -o y.zarr", "the input is empty"),
    ("single.zarr -k box:3 -o y.zarr", "0 axes"),
    ("two.npy -k box:3 -o y.zarr", "'two.npy' holds several arrays"),
]


@pytest.fixture
def stores(in_tmp: Path) -> Path:
    x = integers(9, 9)
    np.save("x.npy", x)
    make("x.zarr", x, (4, 4))
    make("g.zarr", x, (4, 4), name="a")
    make("g.zarr", x, (4, 4), name="b")
    zarr.create_group("empty.zarr")
    make("dates.zarr", np.zeros((3, 3), "datetime64[s]"), (3, 3))
    zarr.create_array("none.zarr", shape=(0, 3), chunks=(1, 1), dtype="f4")
    zarr.create_array("single.zarr", shape=(), chunks=(), dtype="f4")
    Path("two.npy").write_bytes(npy_bytes(x, x))
    Path("f.zarr").touch()
    Path("d.zarr").mkdir()
    Path("d.zarr/mine").touch()
    return in_tmp


@pytest.mark.usefixtures("stores")
@pytest.mark.filterwarnings("ignore:The data type:UserWarning")  # of dates
@pytest.mark.parametrize(("line", "text"), MISUSE)
def test_misuse_is_one_line(line: str, text: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    run = run_command("run", *line.split())
    assert run.status in (1, 2)
    assert text in run.err
    assert run.err.startswith("convcli: error: ")
    assert run.err.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before


def test_two_arrays_in_a_pipe_are_not_one_store(in_tmp: Path) -> None:
    data = npy_bytes(integers(5, 5), integers(5, 5))
    run = run_command("run", "-", "-k", "box:3", "-o", "y.zarr", stdin=data)
    assert run.status == 2
    assert "several arrays" in run.err
    assert not list(in_tmp.iterdir())


def test_a_library_that_is_missing_is_named(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "zarr" else find(name))
    for line in ("rand:8x8 -k box:3 -o y.zarr", "y.zarr -k box:3"):
        run = run_command("run", *line.split())
        assert run.status == 1
        assert "needs zarr>=3.1, which is not installed; " in run.err
        assert "pip install 'zarr>=3.1'" in run.err


@pytest.mark.parametrize(
    "options",
    [
        "-k gaussian:5 -p same",
        "-k gaussian:5 -s 2 --transposed",
        "-k sobel",
        "--pool max -f 2",
        "--pool avg -f 3 -p 1",
        "-k laplacian --pad-mode reflect -p 3",
    ],
)
def test_verify_samples_blocks(in_tmp: Path, monkeypatch: pytest.MonkeyPatch, options: str) -> None:
    from convcli.run.stores import task

    make("x.zarr", integers(2, 30, 30), (1, 7, 7))
    make_image("i.zarr", integers(2, 2, 30, 30), 3, [1, 1, 1, 1])
    for spec in ("x.zarr", "i.zarr::0"):
        args = [spec, *options.split(), "-o", "y.zarr", "--verify", "--memory", "1"]
        run = run_command("run", *args, "--format", "json")
        assert run.status == 0, run.err
        verdict = json.loads(run.out)["verify"]
        assert verdict["passed"]
        assert 20 < verdict["checked"] <= verdict["total"]

    def wrong(self: Any, block: Any, x: Any, out: Any) -> Any:
        y, plans = convolve(self, block, x, out)
        return y + 1, plans

    convolve = task.Task.convolve
    monkeypatch.setattr(task.Task, "convolve", wrong)
    before = load("y.zarr/0")
    run = run_command("run", *args)
    assert run.status == 1
    assert "--verify found an output off by" in run.err
    assert "FAILED" in run.out
    assert "written to" not in run.out
    np.testing.assert_array_equal(load("y.zarr/0"), before)
    assert sorted(path.name for path in in_tmp.iterdir()) == ["i.zarr", "x.zarr", "y.zarr"]
