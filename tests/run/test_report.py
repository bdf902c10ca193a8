"""What `run` shows: facts, values, heat maps, progress."""

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from convcli.run.report.values import values_table
from convcli.terminal import progress
from tests.conftest import Stream, npy_bytes, run_command


def test_the_report_names_operation_axes_and_border(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    plain = run_command("run", "rand:3x8x8", "-k", "box", "-p", "1", tty=True).out
    assert "cross-correlation (as in PyTorch: the filter is not flipped)" in plain
    assert "CHW (channels, height, width); the filter is applied to each" in plain
    assert "1 of zeros" in plain
    flipped = run_command(
        "run", "rand:8x8", "-k", "box", "--flip", "-p", "1", "--pad-mode", "reflect", tty=True
    ).out
    assert "convolution (the filter is flipped)" in flipped
    assert "reflect: d c b | a b c d | c b a" in flipped
    assert "SciPy's mirror" in flipped
    transposed = run_command(
        "run", "rand:8x8", "-k", "box", "--transposed", "-s", "2", "-p", "1", tty=True
    ).out
    assert "transposed cross-correlation" in transposed
    assert "cropped from the output" in transposed
    assert "(8 - 1)·2 - 2·1 + 3 = 15" in transposed


@pytest.mark.parametrize("width", [80, 120])
def test_no_report_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, in_tmp: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    for args in (
        "rand:8x8 -k rand:3x3",
        "arange:300x400 -k box -p 3 --pad-mode symmetric --plot --verify --time 1",
        "rand:2x3x40x50 -k rand:4x3x3x3 --bias [1,2,3,4] -d 2",
        "rand:4x4x4x4 -k rand:3x3x3 -o y.npy",
        "rand:40x40 rand:8x8 -k box:3 -o a-directory-with-a-rather-long-name/below/it/",
    ):
        out = run_command("run", *args.split(), tty=True).out
        assert max(map(len, out.splitlines())) <= width


def test_few_values_are_shown_and_of_many_both_ends() -> None:
    few = run_command("run", "arange:3x3", "-k", "[[0,1],[2,3]]", "-p", "1", tty=True).out
    assert [n for n in ("0", "3", "8", "19", "25", "37", "43", "16") if f" {n} " not in few] == []
    many = run_command("run", "arange:100x100", "-k", "[[1]]", tty=True).out
    for corner in (0, 99, 9900, 9999):
        assert f" {corner} " in many
    assert "…" in many
    assert " 5050 " not in many


def test_minimum_mean_and_maximum_are_those_of_the_whole_output() -> None:
    x = np.random.default_rng(0).normal(size=(50, 40))
    record = _record(x, "--memory", "1K")
    assert record["min"] == pytest.approx(x.min())
    assert record["mean"] == pytest.approx(x.mean())
    assert record["max"] == pytest.approx(x.max())
    x[3, 3] = np.nan
    assert _record(x)["max"] is None
    z = x[:2, :2] * (3 + 4j)
    assert _record(z)["max"] == pytest.approx(np.abs(z).max())


def test_a_report_names_the_window_as_shape_does() -> None:
    """One layer, told by both commands: equal keys have equal values."""
    window = "-p 0:1x1 -s 2x1 -d 1x2".split()
    run = ("run", "rand:3x9x8", "-k", "rand:4x3x3x2", *window, "-o", "/dev/null")
    shape = ("shape", "-n", "9x8", "-f", "3x2", *window, "-c", "3:4", "--no-bias")
    ran, shaped = (json.loads(run_command(*c, "--format", "json").out) for c in (run, shape))
    common = ran.keys() & shaped.keys()
    assert common >= {"kind", "input", "filter", "stride", "padding", "dilation", "output"}
    assert common >= {"output_padding", "channels_in", "channels_out", "groups", "bias"}
    assert {key: ran[key] for key in common} == {key: shaped[key] for key in common}
    assert len({key.lower() for key in ran}) == len(ran)


def _record(x: Any, *args: str) -> Any:
    done = run_command(
        "run", "-", "-k", "[[1]]", "-o", "/dev/null", "--format", "json", *args,
        stdin=npy_bytes(x),
    )  # fmt: skip
    return json.loads(done.out)


@pytest.mark.parametrize("tty", [True, False])
def test_progress_is_drawn_only_on_a_terminal(tty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 10)  # every look at it is ten seconds later
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    stream = Stream(tty=tty)
    with progress.Progress(stream, 2) as bar:
        bar.advance(0.5)
        bar.pause()
        bar.advance(0.5)
    assert ("convolving" in stream.bytes.getvalue().decode()) == tty


def test_short_work_draws_no_progress() -> None:
    stream = Stream(tty=True)
    with progress.Progress(stream, 1) as bar:
        bar.advance(1)
    assert stream.bytes.getvalue() == b""


def test_no_number_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    z = rng.normal(size=(9, 30)) + 1j * rng.normal(size=(9, 30))
    done = run_command("run", "-", "-k", "[[1]]", "-o", "/dev/null", stdin=npy_bytes(z), tty=True)
    assert done.status == 0
    shown = values_table(z, 80)
    console = Console(width=80, file=Stream(), color_system=None)
    console.print(shown)
    text = console.file.bytes.getvalue().decode()  # type: ignore[attr-defined]
    first = next(line for line in text.splitlines() if "│" in line)
    cells = [cell.strip() for cell in first.strip("│").split("│")]
    assert complex(cells[0]) == pytest.approx(z[0, 0], rel=1e-3)
    assert complex(cells[-1]) == pytest.approx(z[0, -1], rel=1e-3)
    assert "…" in cells


def test_names_cannot_drive_the_terminal(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    np.save("a\x1b[31m.npy", np.ones((3, 3)))
    for more in ((), ("rand:3x3",)):
        args = ("a\x1b[31m.npy", *more, "-k", "[[1]]", "-o", "out/", "--format", "table")
        done = run_command("run", *args, stdin=b"")
        assert done.status == 0
        assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("run", "shape"),
    [
        ("rand:8x6 -k box:3 -p 1 -s 2", "-n 8x6 -f 3 -p 1 -s 2 --no-bias"),
        ("rand:3x8x8 -f 3 -c 3:4", "-n 8 -f 3 -c 3:4"),
        ("rand:3x8x8 -f 3 -c 3:6 -g 3 --no-bias", "-n 8 -f 3 -c 3:6 -g 3 --no-bias"),
        ("rand:8 -f 4 -c 2 -p same", "-n 8 --dims 1 -f 4 -c 1:2 -p same"),
        ("rand:3x8x8 -k box:3", "-n 8 -f 3 -c 3:3 -g 3 --no-bias"),
        ("rand:9 --pool avg -f 2 --ceil", "-n 9 -f 2 --pool avg --ceil --dims 1"),
        ("rand:2x5x5 -f 3 -c 2:1 --transposed -s 2", "-n 5 -f 3 -c 2:1 --transposed -s 2"),
    ],
)
def test_run_explains_a_layer_as_shape_does(run: str, shape: str) -> None:
    told = run_command("run", *run.split(), "--explain", "-o", "/dev/null").out
    explained = run_command("shape", *shape.split(), "--explain").out
    assert told.endswith(explained)
    args = ("--explain", "-o", "/dev/null", "--format", "json")
    record = json.loads(run_command("run", *run.split(), *args).out)
    as_shape = json.loads(run_command("shape", *shape.split(), "--explain", "--format", "json").out)
    keys = ("formula", "coverage", "pytorch", "keras", "onnx", "kind", "output")
    assert [record[key] for key in keys] == [as_shape[key] for key in keys]


def test_what_frameworks_do_otherwise_is_said() -> None:
    args = ("run", "rand:8x8", "-k", "box", "--explain", "-o", "/dev/null")
    assert "These three" not in run_command(*args, "-p", "1").out
    assert "here padding is reflect" in run_command(*args, "-p", "1", "--pad-mode", "reflect").out
    assert "here it is flipped" in run_command(*args, "--flip").out
    refused = run_command(*args, "--format", "plain")
    assert (refused.status, refused.err.count("\n")) == (2, 1)


def test_only_v_reports_what_is_for_developers() -> None:
    plain, verbose = (
        run_command("run", "rand:8x8", "-k", "box", *more, tty=True).out for more in ((), ("-v",))
    )
    for fact in ("axes", "method", "estimated"):
        assert fact not in plain
        assert fact in verbose
    assert "on cpu by numpy" in plain
    assert "axes" in run_command("run", "rand:3x8x8", "-k", "box", tty=True).out
    hidden = run_command("run", "rand:8x8", "-k", "box", "-q", "-v")
    assert "-q hides what -v shows" in hidden.err


def test_no_bar_is_drawn_any_more_once_the_work_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits to count a tile while the bar is taken away draws no new one."""
    monkeypatch.setattr(progress, "_SOON", 0)
    stream = Stream(tty=True)
    with progress.Progress(stream, 2) as bar:
        bar.advance(0.5)
        assert bar._bar is not None
        late = threading.Thread(target=bar.advance, args=(0.5,))
        lock = bar._lock

        class LetIn:
            def __enter__(self) -> None:
                lock.acquire()

            def __exit__(self, *_error: object) -> None:
                lock.release()
                if threading.current_thread() is not late and not late.ident:
                    late.start()
                    late.join()

        monkeypatch.setattr(bar, "_lock", LetIn())
    assert late.ident
    assert bar._bar is None
