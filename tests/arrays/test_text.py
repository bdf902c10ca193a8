"""Numbers as text: what is read, what is refused and where, and that all reads back exactly."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from convcli.arrays.formats import text_files
from tests.conftest import npy_bytes, run_command

ONE = ("-k", "[[1]]")


def _read(text: str | bytes, *args: str) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    done = run_command("run", *(args or ONE), stdin=data)
    assert done.status == 0, done.err
    return done.array


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n4,5,6\n",
        "1, 2, 3\r\n4, 5, 6\r\n",
        "1;2;3\n4;5;6",
        "1\t2\t3\n4\t5\t6\n",
        "1 2   3\n  4 5 6\n",
        "# x y z\n1,2,3\n\n4,5,6 # the last\n",
        '"1","2","3"\n"4","5","6"\n',
        "\ufeff1,2,3\n4,5,6\n",
        "a,b,c\n1,2,3\n4,5,6\n",
    ],
)
def test_separators_headers_and_comments(text: str, in_tmp: Path) -> None:
    expected = [[1, 2, 3], [4, 5, 6]]
    found = _read(text)
    assert found.tolist() == expected
    assert found.dtype == np.int64
    Path("x.csv").write_text(text)
    assert _read(b"", "x.csv", *ONE).tolist() == expected


def test_a_header_is_told(in_tmp: Path) -> None:
    done = run_command("run", *ONE, stdin=b"a,b\n1,2\n")
    assert done.err == "convcli: note: standard input: the first line, 'a,b', is read as a header\n"


def test_beside_semicolons_a_comma_is_a_decimal_point() -> None:
    assert _read("1,5;2\n3;4,25\n").tolist() == [[1.5, 2], [3, 4.25]]


def test_windows_writes_utf_16(in_tmp: Path) -> None:
    assert _read("1,2\n3,4\n".encode("utf-16")).tolist() == [[1, 2], [3, 4]]


def test_a_single_column_has_one_axis() -> None:
    assert _read("1\n2\n3\n", "-k", "[1,1]").tolist() == [3, 5]
    assert _read("1 2 3\n", "-k", "[[1,1]]").tolist() == [[3, 5]]


@pytest.mark.parametrize("piece", [1, 1 << 18])
def test_one_float_makes_all_floats(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "_PIECE", piece)
    found = _read("1,2\n3,4\n5,6e0\n7,8\n")
    assert found.dtype == np.float64
    assert found.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,x\n", "line 2, column 2: 'x' is not a number; write one, or nan"),
        ("1,2\n3,\n", "line 2, column 2 is empty; write a number, or nan"),
        ("1,2\n\n3\n", "line 3: the row has length 1, and the first row 2"),
        ("1 2\n3 4 5\n", "line 2: the row has length 3, and the first row 2"),
        ("1,99999999999999999999\n", "line 1, column 2: '99999999999999999999' does not fit int64"),
        ("1,2\n" + "9" * 5000 + ",1\n", "line 2, column 1: '999999"),
        ("id,2020\n1,2\n", "line 1, column 1: 'id' is not a number"),
        ("a,b\nc,d\n", "line 2, column 1: 'c' is not a number"),
        ("a,b\n", "holds no numbers but 'a,b', a header; write rows such as 1,2,3"),
        ("# nothing\n", "holds no numbers; write rows such as 1,2,3"),
        ("1,1_0\n", "line 1, column 2: '1_0' is not a number"),
        ("1,٣\n", "line 1, column 2: '٣' is not a number"),
        ("1,2j\n", "line 1, column 2: '2j' is not a number"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1 << 18])
def test_mistakes_name_line_and_column(
    piece: int, text: str, message: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "_PIECE", piece)
    Path("x.csv").write_text(text)
    done = run_command("run", "x.csv", *ONE, stdin=b"")
    assert (done.status, done.data) == (1, b"")
    assert message in done.err
    assert done.err.startswith("convcli: error: 'x.csv'")
    assert done.err.count("\n") == 1
    assert len(done.err) < 300


@given(
    x=numpy_st.arrays(
        st.sampled_from([np.int64, np.float64, np.float32, np.float16]),
        numpy_st.array_shapes(min_dims=1, max_dims=2, max_side=5),
    ),
    kind=st.sampled_from(["csv", "tsv", "txt"]),
    memory=st.sampled_from(["1", "32M"]),
)
def test_every_number_reads_back_exactly(x: Any, kind: str, memory: str) -> None:
    one = "[[1]]" if x.ndim == 2 else "[1]"
    if x.dtype.kind == "i":
        x = x // 2  # so that sums are known to fit
    done = run_command(
        "run", "-k", one, "--output-format", kind, "--memory", memory, stdin=npy_bytes(x)
    )
    assert done.status == 0, done.err
    expected = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    found = _read(done.data, "-k", "[1]" if expected.ndim == 1 else "[[1]]")
    assert np.array_equal(found.astype(x.dtype), expected, equal_nan=x.dtype.kind == "f")
    if kind == "csv":  # as another program reads it
        number = int if x.dtype.kind == "i" else float
        rows = [[number(field) for field in row] for row in csv.reader(io.StringIO(done.out))]
        same = np.array(rows).astype(x.dtype).reshape(x.shape)
        assert np.array_equal(same, x, equal_nan=x.dtype.kind == "f")


def test_parts_of_rows_are_joined() -> None:
    """The rows of channels may come in parts."""
    x = np.arange(24.0).reshape(2, 12)
    done = run_command(
        "run", "-k", "[1]", "--layout", "CW", "--memory", "64", "--output-format", "csv",
        stdin=npy_bytes(x),
    )  # fmt: skip
    assert np.array_equal(np.loadtxt(io.StringIO(done.out), delimiter=","), x)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("rand:3x9x8 -k box -o y.csv", "text has rows and columns, and the output 3 axes (3x7x6)"),
        ("x.npy -k [[1]] -o y.txt", "text holds real numbers, and the output is complex128"),
    ],
)
def test_what_text_does_not_hold(args: str, message: str, in_tmp: Path) -> None:
    np.save("x.npy", np.ones((2, 2), complex))
    done = run_command("run", *args.split(), stdin=b"")
    assert done.status == 1
    assert message in done.err
    assert [path.name for path in Path().iterdir()] == ["x.npy"]


def test_text_holds_one_output() -> None:
    done = run_command("run", *ONE, "--output-format", "csv", stdin=npy_bytes([[1]], [[2]]))
    assert done.status == 1
    assert "text holds one output" in done.err


def test_a_failed_run_leaves_the_old_text(in_tmp: Path) -> None:
    Path("y.csv").write_text("old")
    x = npy_bytes(np.ones((50, 10)))[:-100]
    done = run_command("run", "-k", "box:3", "--memory", "1K", "-o", "y.csv", stdin=x)
    assert done.status == 1
    assert Path("y.csv").read_text() == "old"


def test_text_may_go_to_a_terminal(in_tmp: Path) -> None:
    done = run_command("run", "[[1,2]]", *ONE, "--output-format", "csv", "-q", tty=True)
    assert (done.status, done.out) == (0, "1,2\n")
    done = run_command("run", "[[1,2]]", *ONE, "--output-format", "npz", tty=True)
    assert done.status == 2
    assert "--output-format npz would send bytes to a terminal" in done.err


def test_filters_and_biases_may_be_text(in_tmp: Path) -> None:
    Path("w.csv").write_text("0,1\n2,3\n")
    Path("b.txt").write_text("5\n")
    found = _read(npy_bytes(np.arange(9).reshape(3, 3)), "-k", "w.csv", "--bias", "b.txt")
    assert found.tolist() == [[24, 30], [42, 48]]


def test_a_literal_may_be_the_input() -> None:
    done = run_command("run", "[[0,1],[2,3]]", "-k", "[[2]]", stdin=b"")
    assert done.array.tolist() == [[0, 2], [4, 6]]
    done = run_command("run", "[[0,1],[2]]", "-k", "[[2]]", stdin=b"")
    assert done.err.startswith("convcli: error: INPUT '[[0,1],[2]]' is not an array: rows of equal")


@pytest.mark.parametrize("name", ["y.xyz", "y.npy.gz", "y.pt", "y.jsn"])
def test_an_unknown_ending_is_refused_before_the_work(name: str, in_tmp: Path) -> None:
    done = run_command("run", "nosuch.npy", *ONE, "-o", name, stdin=b"")
    assert done.status == 2
    ending = Path(name).suffix
    assert f"-o {name}: {ending} is not a format that is written (formats are npy, npz, csv" in (
        done.err
    )
    done = run_command("run", "[[1]]", *ONE, "-o", name, "--output-format", "npy", stdin=b"")
    assert done.status == 0
    assert np.load(name).tolist() == [[1]]


@pytest.mark.parametrize("name", ["out", ".hidden", "y.NPY", "/dev/null"])
def test_no_ending_is_npy(name: str, in_tmp: Path) -> None:
    assert run_command("run", "[[1]]", *ONE, "-o", name, stdin=b"").status == 0
    if name != "/dev/null":
        assert np.load(name).tolist() == [[1]]


def test_archives_are_written_as_by_numpy(in_tmp: Path) -> None:
    x = np.arange(12.0).reshape(3, 4)
    done = run_command("run", *ONE, "-o", "y.npz", stdin=npy_bytes(x, x + 1))
    assert done.status == 0, done.err
    with np.load("y.npz") as archive:
        assert np.array_equal(archive["arr_0"], x)
        assert np.array_equal(archive["arr_1"], x + 1)
    piped = run_command("run", *ONE, "--output-format", "npz", stdin=npy_bytes(x)).data
    assert np.array_equal(_read(piped, *ONE), x)


def test_a_failed_archive_says_nothing_else(in_tmp: Path) -> None:
    data = npy_bytes(np.ones((50, 10)))[:-100]
    done = run_command("run", "-k", "box:3", "--memory", "1K", "-o", "y.npz", stdin=data)
    assert done.status == 1
    assert list(Path().iterdir()) == []


def test_the_format_of_a_folder(in_tmp: Path) -> None:
    np.save("x.npy", np.ones((2, 2)))
    done = run_command(
        "run", "x.npy", "[[1]]", *ONE, "-o", "out/", "--output-format", "csv", stdin=b""
    )
    assert done.status == 0, done.err
    assert sorted(path.name for path in Path("out").iterdir()) == ["literal.csv", "x.csv"]
    assert Path("out/x.csv").read_text() == "1.0,1.0\n1.0,1.0\n"


def test_json_takes_standard_output_unless_o_names_a_place(in_tmp: Path) -> None:
    import json

    for tty in (True, False):
        done = run_command("run", "rand:4x4", "-k", "box", "--format", "json", stdin=b"", tty=tty)
        record = json.loads(done.out)
        assert record["output_name"] is None
    both = run_command("run", "rand:4x4", "-k", "box", "--format", "json", "-o", "-", stdin=b"")
    assert both.array.shape == (2, 2)
    assert json.loads(both.err)["output_shape"] == [2, 2]
    done = run_command(
        "run", "rand:4x4", "-k", "box", "--format", "json", "--output-format", "csv", stdin=b""
    )
    assert done.status == 2
    assert "the report takes standard output; add -o y.csv" in done.err


def test_the_seed_that_was_drawn_repeats_the_run(in_tmp: Path) -> None:
    import json

    args = ("run", "rand:4x4", "-f", "3", "--format", "json", "-o", "y.npy")
    seed = json.loads(run_command(*args, stdin=b"").out)["seed"]
    first = np.load("y.npy")
    other = json.loads(run_command(*args, stdin=b"").out)["seed"]
    assert seed != other
    again = json.loads(run_command(*args, "--seed", str(seed), stdin=b"").out)["seed"]
    assert again == seed
    assert np.array_equal(np.load("y.npy"), first)
    table = run_command(*args[:-4], "--format", "table", "-o", "y.npy", stdin=b"").out
    assert "seed" in table
    assert "seed" not in run_command("run", "ones:4x4", "-k", "box", tty=True).out
