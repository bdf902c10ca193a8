"""Real processes: what is imported, pipes, files, and how they fail."""

import contextlib
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convcli.errors import install_command
from tests.conftest import npy_bytes, run_without, shell


@pytest.mark.parametrize("fmt", ["plain", "json", "csv"])
def test_shape_in_a_pipe_imports_no_large_library(fmt: str) -> None:
    done = run_without("numpy,torch,rich", *"shape -n 8 -f 3 --format".split(), fmt)
    assert done.returncode == 0, done.stderr.decode()


def test_run_on_the_cpu_imports_no_torch() -> None:
    done = run_without("torch", *"run rand:8x8 -k rand:3x3 --device cpu".split())
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("args", ["--format json", "--format json --explain", "-o /dev/null"])
def test_run_in_a_pipe_imports_no_rich(args: str) -> None:
    done = run_without("rich", *"run rand:8x8 -k rand:3x3".split(), *args.split())
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("rich", "shape -n 8 -f 3 --format table"),
        ("rich", "run rand:8x8 -k rand:3x3 --format table"),
        ("numpy", "run rand:8x8 -k rand:3x3"),
        ("torch", "run rand:8x8 -k rand:3x3 --engine torch"),
    ],
)
def test_the_import_tests_can_fail(module: str, args: str) -> None:
    done = run_without(module, *args.split())
    assert done.returncode == 1
    assert f"imported: ['{module}']" in done.stderr.decode()


def test_pipe_in_pipe_out(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(9).reshape(3, 3))
    done = shell("cat x.npy | convcli run -k '[[0,1],[2,3]]' > y.npy", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert np.load(tmp_path / "y.npy").tolist() == [[19, 25], [37, 43]]


def test_a_pipe_of_two() -> None:
    done = shell("convcli run arange:5x5 -k box:2 | convcli run -k box:2 -o - | wc -c")
    assert int(done.stdout) == 128 + 9 * 8


@pytest.mark.parametrize("command", ["run rand:2000x2000 -k box", "shape -n 1..1000000 -f 1"])
def test_a_closed_pipe_ends_it_silently(command: str) -> None:
    done = shell(f"convcli {command} | head -c 20 > /dev/null; echo ${{PIPESTATUS[0]}}")
    assert done.stdout == b"141\n"
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("script", "status", "message"),
    [
        ("convcli run nope.npy -k box", 1, "'nope.npy': No such file or directory"),
        ("convcli run . -k box", 1, "'.': Is a directory"),
        ("convcli run cut.npy -k box", 1, "truncated"),
        ("cat cut.npy | convcli run -k box", 1, "truncated"),
        ("convcli run pickle.npy -k box", 1, "pickled Python objects"),
        ("cat pickle.npy | convcli run -k box", 1, "pickled Python objects"),
        ("convcli run text.npy -k box", 1, "starts with b'hello"),
        ("convcli run words.npy -k box", 1, "holds <U5 values, and numbers are needed"),
        ("convcli run </dev/null -k box", 1, "standard input is empty"),
        ("convcli run x.npy -k sobelx", 1, "did you mean sobel-x"),
        ("convcli run x.npy -k '[[1,2],[3]]'", 2, "rows of equal length"),
        ("convcli run x.npy -k gaussian:3:0", 2, "sigma '0' must be a number above 0"),
        ("convcli run x.npy -k box:0", 2, "size '0' must be from 1"),
        ("convcli run x.npy", 2, "there is no filter; add one such as -k sobel-x"),
        ("convcli run x.npy -k box -f 3", 2, "-f 3 is for a random filter"),
        ("convcli run x.npy -k box:9", 1, "filter 9 does not fit input 3"),
        (
            "convcli run rand:3x8x8 -k rand:2x1x2x2",
            1,
            "needs 1 input channel, and the input has 3",
        ),
        ("convcli run rand:8x8x3 -k box -g 2", 2, "-g 2: a spatial filter is applied to each"),
        ("convcli run x.npy -k box --layout HWC", 2, "names 3 axes, and the input has 2"),
        ("convcli run x.npy -k box --layout HH", 2, "is not a layout"),
        ("convcli run x.npy -k box --engine numpy --device cuda", 2, "runs on cpu only"),
        ("convcli run x.npy -k box --device cuda:77", 1, "is not available; available: cpu"),
        ("convcli run x.npy -k box --device gpu", 2, "is an unknown device; use one of cpu"),
        ("convcli run x.npy -k box --device meta", 2, "holds no numbers"),
        (
            "convcli run x.npy -k box -o no/such/place.npy",
            1,
            "there is no directory 'no/such'; make it: mkdir -p no/such",
        ),
        ("convcli run rand:99999999x99999999 -k box", 1, "more than the memory"),
        ("convcli run huge.npy -k box", 1, "says it holds"),
        ("cat huge.npy | convcli run -k box", 1, "more than the memory"),
        ("convcli run x.npy -k box --format csv", 2, "--format 'csv' is not a format"),
    ],
)
def test_mistakes_get_one_line(tmp_path: Path, script: str, status: int, message: str) -> None:
    (tmp_path / "x.npy").write_bytes(npy_bytes(np.arange(9.0).reshape(3, 3)))
    (tmp_path / "cut.npy").write_bytes(npy_bytes(np.arange(9.0).reshape(3, 3))[:-5])
    np.save(tmp_path / "pickle.npy", np.array([[print, 1]], object))
    np.save(tmp_path / "words.npy", np.array([["hello"]]))
    (tmp_path / "text.npy").write_text("hello, world")
    huge = npy_bytes(np.zeros((3, 3)))[:128].replace(b"(3, 3), }", b"(3000000, 3000000), }")
    (tmp_path / "huge.npy").write_bytes(huge.replace(b"}" + b" " * 12, b"}", 1)[:127] + b"\n")
    done = shell(script, tmp_path)
    err = done.stderr.decode()
    assert done.returncode == status, err
    assert done.stdout == b""
    assert err.startswith("convcli: error: ")
    assert err.count("\n") == 1
    assert message in err


def test_without_torch_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    path = f"{tmp_path}:{Path(__file__).parent.parent}"
    done = shell("convcli run rand:8x8 -k box --device cuda", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "convcli: error: PyTorch is not installed, which every device but cpu and --engine torch "
        f"need; {install_command('torch')}, or use --device cpu\n"
    )


def test_an_output_takes_its_place_only_when_complete(tmp_path: Path) -> None:
    (tmp_path / "y.npy").write_text("old")
    failed = shell("convcli run rand:3x3 -k box:9 -o y.npy", tmp_path)
    assert failed.returncode == 1
    assert (tmp_path / "y.npy").read_text() == "old"
    done = shell("convcli run arange:3x3 -k box:3 -o y.npy", tmp_path)
    assert done.stdout == b"1x1\n"
    assert np.load(tmp_path / "y.npy").item() == pytest.approx(4)
    assert os.listdir(tmp_path) == ["y.npy"]


def test_the_output_may_be_the_input(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(9).reshape(3, 3))
    assert shell("convcli run x.npy -k '[[2]]' -o x.npy", tmp_path).returncode == 0
    assert np.load(tmp_path / "x.npy").tolist() == [[0, 2, 4], [6, 8, 10], [12, 14, 16]]


def _on_terminal(*args: str) -> tuple[int, str]:
    """Run a command on a terminal of 80x50 characters."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"COLUMNS": "80", "LINES": "50", "TERM": "xterm-256color"}
        os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
        os.execv(sys.executable, [sys.executable, "-m", "convcli", *args])
    text = b""
    try:
        while chunk := os.read(terminal, 65536):
            text += chunk
    except OSError:  # how a terminal says that the other side has left
        pass
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), text.decode()


def test_a_sweep_holds_no_row() -> None:
    """Memory does not grow with the rows, whichever option is swept."""
    script = (
        "import resource, subprocess, sys\n"
        "for option, last in (('-n', 2), ('-n', 60000), ('-f', 60000)):\n"
        "    args = {'-n': '60000', '-f': '1', option: f'1..{last}'}\n"
        "    words = [word for pair in args.items() for word in pair]\n"
        "    subprocess.run([sys.executable, '-m', 'convcli', 'shape', *words], stdout=-3)\n"
        "    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = shell(f'"{sys.executable}" -c "{script}"')
    small, *large = map(int, done.stdout.split())
    assert max(large) < small + 2048  # kilobytes; 60000 rows held would take ten times that


def test_json_goes_through_jq() -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    done = shell("convcli shape -n 8,9 -f 3 --format json | jq -c .output")
    assert done.stdout == b"[6,6]\n[7,7]\n"


def test_a_terminal_gets_a_table_and_no_bytes() -> None:
    status, text = _on_terminal("run", "arange:3x3", "-k", "[[0,1],[2,3]]", "-p", "1")
    assert status == 0
    assert "NUMPY" not in text
    for fact in (
        "input",
        "cross-correlation",
        "3 + 2·1 - 2 + 1 = 4",
        "on cpu by numpy",
        "37",
        "43",
    ):
        assert fact in text


def test_bytes_asked_for_on_a_terminal_are_refused() -> None:
    status, text = _on_terminal("run", "rand:8x8", "-k", "box", "-o", "-")
    assert status == 2
    assert "would send bytes to a terminal" in text


def test_a_terminal_without_input_says_so() -> None:
    status, text = _on_terminal("run", "-k", "box")
    assert status == 2
    assert "there is no input; name a .npy file or rand:8x8, or pipe one in" in text


def _holds_a_file_in(folder: Path, pid: int) -> bool:
    """Whether a process has opened a file in a folder, though it may have no name there."""
    names = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            names.append(os.readlink(descriptor))
    return any(name.startswith(f"{folder}/") for name in names)


def _start(
    command: str, cwd: Path | None = None, before: tuple[str, ...] = ()
) -> "subprocess.Popen[bytes]":
    """Start a command with pipes on all of its streams."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "convcli", *command.split()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )


def test_bytes_stream_before_the_input_ends() -> None:
    """The start of the output is there while the rest of the input is still to come."""
    data = npy_bytes(np.ones((400, 64), np.float32))
    with _start("run -k box:3 --memory 4K") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(data[: len(data) // 2])
        process.stdin.flush()
        early = process.stdout.read(4096)
        assert early.startswith(b"\x93NUMPY")
        process.stdin.write(data[len(data) // 2 :])
        process.stdin.close()
        whole = early + process.stdout.read()
    assert process.returncode == 0
    assert len(whole) == 128 + 398 * 62 * 4


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_the_old_file_and_no_partial_file(
    sent: signal.Signals, status: int, tmp_path: Path
) -> None:
    (tmp_path / "y.npy").write_text("old")
    with _start("run - -k box:3 --memory 1K -o y.npy", tmp_path) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(npy_bytes(np.ones((999, 99)))[:-8])
        process.stdin.flush()
        while not _holds_a_file_in(tmp_path, process.pid):
            assert process.poll() is None
        process.send_signal(sent)
        assert process.wait() == status
        assert process.stderr.read() == b""
    assert (tmp_path / "y.npy").read_text() == "old"
    assert os.listdir(tmp_path) == ["y.npy"]


@pytest.mark.parametrize("side", [9, 99])  # which a buffer holds, or not
def test_a_full_disk_is_told_by_the_name_of_the_output(side: int) -> None:
    done = shell(f"convcli run rand:{side}x{side} -k box -o /dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        b"convcli: error: '/dev/full': No space left on device; make room, or write elsewhere\n"
    )


def test_a_report_that_cannot_be_written_is_not_laid_to_the_output(in_tmp: Path) -> None:
    done = shell("convcli run rand:9x9 -k box --format json -o y.npy >/dev/full")
    assert done.returncode == 1
    assert done.stderr == (
        b"convcli: error: standard output: No space left on device; make room, or write elsewhere\n"
    )
    assert os.listdir(in_tmp) == []


def test_dev_stdout_is_appended_to_as_standard_output_is(in_tmp: Path) -> None:
    for output in ("-", "/dev/stdout", "/dev/fd/1"):
        assert shell(f"convcli run ones:3x3 -k '[[1]]' -o {output} >> both.npy").returncode == 0
    with open("both.npy", "rb") as both:
        for _ in range(3):
            np.testing.assert_array_equal(np.load(both), np.ones((3, 3)))


def test_nohup_is_respected(tmp_path: Path) -> None:
    with _start("run - -k box:3 --memory 1K -o y.npy", tmp_path, before=("nohup",)) as process:
        assert process.stdin is not None
        data = npy_bytes(np.ones((999, 99)))
        process.stdin.write(data[:-8])
        process.stdin.flush()
        while not _holds_a_file_in(tmp_path, process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        process.stdin.write(data[-8:])
        process.stdin.close()
        assert process.wait() == 0
    assert np.load(tmp_path / "y.npy").shape == (997, 97)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits another process's files")
def test_too_little_room_is_told_before_the_input_has_come(tmp_path: Path) -> None:
    data = npy_bytes(np.ones((400, 100), np.float32))
    with _start("run - -k box:3 --memory 1K -o y.npy", tmp_path) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
        process.stdin.write(data[:8000])  # what that makes would fit
        process.stdin.flush()
        assert process.wait(60) == 1
        assert process.stderr.read() == (
            b"convcli: error: 'y.npy': File too large; make room, or write elsewhere\n"
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "script",
    [
        "convcli run ones:3x3 -k '[[1]]' >&-",
        "convcli run ones:3x3 -k '[[1]]' -o - >&-",
        "convcli run ones:3x3 -k '[[1]]' -o y.npy >&-",
        "convcli shape -n 8 -f 3 >&-",
        "convcli -h >&-",
    ],
)
def test_what_a_closed_output_does_not_take_is_an_error(script: str, in_tmp: Path) -> None:
    done = shell(script)
    assert done.returncode == 1
    assert done.stderr == (
        b"convcli: error: standard output is closed: Bad file descriptor; send it somewhere, or to "
        b"/dev/null\n"
    )
    assert os.path.exists("y.npy") == ("y.npy" in script)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("convcli run ones:3x3 -k '[[1]]' -q -o y.npy >&-", 0),
        ("convcli run -k '[[1]]' <&-", 1),
        ("convcli shape -n 8 -f 3 2>&-", 0),
        ("convcli run nope.npy -k box 2>&-", 1),
    ],
)
def test_other_closed_streams_are_no_fault_of_the_program(
    script: str, status: int, in_tmp: Path
) -> None:
    done = shell(script)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


def test_outputs_may_be_named_pipes_and_descriptors(tmp_path: Path) -> None:
    for output in ("/dev/stdout", "/dev/fd/1", ">(cat)"):
        done = shell(f"convcli run ones:3x3 -k '[[1]]' -q -o {output} | cat; wait", tmp_path)
        assert done.stdout.startswith(b"\x93NUMPY"), done.stderr
    assert os.listdir(tmp_path) == []


def test_a_failed_verification_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "y.npy").write_text("old")
    script = (
        "import sys\n"
        "from convcli.cli import main\n"
        "from convcli.engines.numpy_engine import NumpyEngine\n"
        "NumpyEngine.convolve_slab = lambda self, plan, slab, corr, out, *zeros: out.fill(9)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    words = "run rand:9x9 -k box --verify -o y.npy"
    done = shell(f"{sys.executable} -c '{script}' {words}", tmp_path)
    assert done.returncode == 1
    assert b"--verify found an output off by" in done.stderr
    assert os.listdir(tmp_path) == ["y.npy"]
    assert (tmp_path / "y.npy").read_text() == "old"


def test_what_could_not_be_done_makes_no_folder(tmp_path: Path) -> None:
    assert shell("convcli run ones:3x3 -k nosuch -o new/", tmp_path).returncode == 1
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=64k tmpfs {tmp_path}"
    if shell(mount).returncode:
        pytest.skip("mounting a small tmpfs needs permissions that this user lacks")
    try:
        (tmp_path / "y.npy").write_text("old")
        done = shell("convcli run rand:999x999 -k box -o y.npy", tmp_path)
        assert done.returncode == 1
        assert b"'y.npy': No space left on device" in done.stderr
        assert (tmp_path / "y.npy").read_text() == "old"
        assert os.listdir(tmp_path) == ["y.npy"]
    finally:
        shell(f"umount {tmp_path}")


def test_an_output_keeps_the_permissions_of_the_old_file_and_follows_links(tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_text("old")
    (tmp_path / "real.npy").chmod(0o640)
    (tmp_path / "link.npy").symlink_to("real.npy")
    assert shell("convcli run ones:3x3 -k box -o link.npy", tmp_path).returncode == 0
    assert (tmp_path / "link.npy").is_symlink()
    assert np.load(tmp_path / "real.npy").item() == pytest.approx(1)
    assert (tmp_path / "real.npy").stat().st_mode & 0o777 == 0o640


def test_the_report_goes_where_the_data_do_not(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 4)))
    quiet = shell("convcli run x.npy -k box -q -o y.npy", tmp_path)
    plain = shell("convcli run x.npy -k box -o y.npy", tmp_path)
    data = shell("convcli run x.npy -k box --format json -o -", tmp_path)
    assert (quiet.stdout, quiet.stderr) == (b"", b"")
    assert (plain.stdout, plain.stderr) == (b"2x2\n", b"")
    assert data.stdout.startswith(b"\x93NUMPY")
    assert json.loads(data.stderr)["output_shape"] == [2, 2]
    status, text = _on_terminal("run", str(tmp_path / "x.npy"), "-k", "box", "-o", "/dev/null")
    assert status == 0
    assert "written to" in text


def test_latin_terminals_get_what_they_can_show() -> None:
    done = shell("convcli shape -n 8 -f 3 -p 1 --format table", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"8 + 2*1 - 3 + 1 = 8" in done.stdout
    drawn = shell("convcli shape -n 5 -f 3 -p 1 --explain", PYTHONIOENCODING="ascii").stdout
    assert b"o input, * is padding; # the first window, @ where it reads padding" in drawn
    assert b"  > @ # # o o o * \n" in drawn
    plot = "convcli run arange:8x8 -k box --plot --color {} -o /dev/null"
    for color in ("never", "always"):
        picture = shell(plot.format(color), PYTHONIOENCODING="ascii").stdout
        assert b"##########%%%%%%" in picture
        assert b"?" not in picture
    error = shell("convcli shape -n 2 -f 3", PYTHONIOENCODING="ascii")
    assert error.returncode == 1
    assert b"Traceback" not in error.stderr
