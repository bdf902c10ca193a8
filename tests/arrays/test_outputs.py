"""Outputs: where they go, what is kept of an old file, and what nothing may overwrite."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcli.arrays.files import atomic
from convcli.arrays.files.atomic import _NewFile
from tests.conftest import npy_bytes, run_command, shell

_SCALE = ("-k", "[[2]]")


@pytest.fixture
def x(in_tmp: Path) -> bytes:
    """Write x.npy, and return what it holds."""
    data = npy_bytes(np.arange(9).reshape(3, 3))
    Path("x.npy").write_bytes(data)
    return data


def test_an_image_holds_one_output(in_tmp: Path) -> None:
    done = run_command("run", *_SCALE, "-o", "y.png", stdin=npy_bytes(np.eye(3), np.eye(3)))
    assert done.status == 1
    assert "an image holds one output" in done.err
    assert os.listdir() == []


def test_an_existing_folder_needs_no_slash(x: bytes) -> None:
    os.mkdir("out")
    assert run_command("run", "x.npy", *_SCALE, "-o", "out", stdin=b"").status == 0
    assert np.load("out/x.npy")[2, 2] == 16


def test_members_do_not_lead_out_of_the_folder(in_tmp: Path) -> None:
    members: dict[str, Any] = {"../../../x": np.eye(3)}
    np.savez("t.npz", **members)
    done = run_command("run", "t.npz::../../../x", *_SCALE, "-o", "q/w/", stdin=b"")
    assert done.status == 0, done.err
    assert os.listdir("q/w") == ["t-..-..-..-x.npy"]


def test_a_folder_of_outputs_does_not_overwrite_inputs(x: bytes) -> None:
    done = run_command("run", "x.npy", *_SCALE, "-o", ".", stdin=b"")
    assert done.status == 2
    assert "would overwrite the input 'x.npy'" in done.err
    assert Path("x.npy").read_bytes() == x


@pytest.mark.parametrize(
    "script",
    [
        "convcli run x.npy -k '[[2]]' >> x.npy",
        "convcli run -k '[[2]]' < x.npy >> x.npy",
        "convcli run x.npy -k '[[2]]' -o /dev/stdout >> x.npy",
        "convcli run x.npy -k '[[2]]' -o /dev/fd/3 3>> x.npy",
    ],
)
def test_an_input_that_would_grow_is_refused(script: str, x: bytes) -> None:
    done = shell(script)
    assert done.returncode == 1
    assert b"is also the input, which would grow as it is read" in done.stderr
    assert Path("x.npy").read_bytes() == x


@pytest.mark.parametrize("name", ["/dev/fd/3", "/proc/self/fd/3"])
def test_descriptors_opened_for_append_keep_what_they_hold(name: str, x: bytes) -> None:
    done = shell(f"printf old > y; convcli run x.npy -k '[[1]]' -o {name} 3>> y")
    assert done.returncode == 0, done.stderr
    assert Path("y").read_bytes() == b"old" + x


def test_hard_links_stay_and_setuid_goes(x: bytes) -> None:
    Path("y.npy").write_text("old")
    os.link("y.npy", "z.npy")
    assert run_command("run", "x.npy", "-k", "[[1]]", "-o", "y.npy", stdin=b"").status == 0
    assert Path("z.npy").read_bytes() == x
    Path("s.npy").write_text("old")
    Path("s.npy").chmod(0o4750)
    assert run_command("run", "x.npy", "-k", "[[1]]", "-o", "s.npy", stdin=b"").status == 0
    assert stat.S_IMODE(os.stat("s.npy").st_mode) == 0o750


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files")
def test_the_owner_stays(x: bytes) -> None:
    Path("y.npy").write_text("old")
    os.chown("y.npy", 12345, 12346)
    assert run_command("run", "x.npy", "-k", "[[1]]", "-o", "y.npy", stdin=b"").status == 0
    found = os.stat("y.npy")
    assert (found.st_uid, found.st_gid) == (12345, 12346)


@pytest.mark.parametrize("unnamed", [True, False])
def test_what_a_killed_run_left_is_removed(
    unnamed: bool, x: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not unnamed:
        monkeypatch.setattr(_NewFile, "_open_unnamed", lambda _self: None)
    Path(".y.npy.convcli.part").write_text("left over")
    Path("y.npy").write_text("old")
    assert run_command("run", "x.npy", "-k", "[[1]]", "-o", "y.npy", stdin=b"").status == 0
    assert Path("y.npy").read_bytes() == x
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="elsewhere the next run removes it")
def test_a_killed_run_leaves_nothing(x: bytes) -> None:
    script = (
        "import os, signal; from convcli.arrays.files.atomic import replaced\n"
        "with replaced('y.npy') as stream:\n"
        "    stream.write(b'x'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert shell(f'python3 -c "{script}"').returncode in (137, -9)
    assert os.listdir() == ["x.npy"]


def test_a_file_that_is_being_written_is_not_removed(
    x: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_NewFile, "_open_unnamed", lambda _self: None)
    other = _NewFile("y.npy", taken=False)
    assert run_command("run", "x.npy", "-k", "[[1]]", "-o", "y.npy", stdin=b"").status == 0
    assert os.path.exists(".y.npy.convcli.part")
    other.discard()
    assert sorted(os.listdir()) == ["x.npy", "y.npy"]


def test_a_name_that_is_too_long_fails_before_the_work(x: bytes) -> None:
    name = "y" * 300
    done = run_command("run", "nope.npy", *_SCALE, "-o", name, stdin=b"")
    assert "File name too long" in done.err
    assert name in done.err


def test_a_deleted_working_directory_names_the_output(in_tmp: Path) -> None:
    done = shell("mkdir gone; cd gone; rmdir ../gone; convcli run ones:3x3 -k box -o y.npy")
    assert done.returncode == 1
    assert b"'y.npy': No such file or directory" in done.stderr


def test_a_file_that_cannot_be_replaced_fails_before_the_work(x: bytes) -> None:
    Path("y.npy").write_text("old")
    if shell("chattr +i y.npy").returncode:
        pytest.skip("only root makes files immutable, and not on every file system")
    try:
        done = run_command("run", "nope.npy", *_SCALE, "-o", "y.npy", stdin=b"")
        assert done.err.startswith("convcli: error: 'y.npy': Operation not permitted")
    finally:
        shell("chattr -i y.npy")


def test_a_file_mounted_on_its_own_is_written_in_place(x: bytes) -> None:
    """As a container mounts a single file: it cannot be renamed over."""
    Path("y.npy").write_text("an old file that is longer than what comes" * 9)
    Path("mounted").write_text("old")
    script = (
        "mount --bind mounted y.npy && echo mounted && convcli run x.npy -k '[[1]]' -q -o y.npy"
    )
    done = shell(f'export -f convcli; unshare -m bash -c "{script}"')
    if done.stdout != b"mounted\n":
        pytest.skip("mounting takes rights that this user does not have")
    assert done.returncode == 0, done.stderr
    assert Path("mounted").read_bytes() == x


def test_a_slash_after_a_file_is_a_mistake(x: bytes) -> None:
    done = run_command("run", "x.npy", *_SCALE, "-o", "x.npy/", stdin=b"")
    assert (done.status, done.err) == (
        2, "convcli: error: -o x.npy/ is a file, not a directory; leave the / out\n",
    )  # fmt: skip


def test_a_missing_directory_is_refused_before_the_work(in_tmp: Path) -> None:
    done = run_command("run", "no.npy", "-k", "box", "-o", "a b/y.npy")
    assert done.status == 1
    command = done.err.partition("; make it: ")[2]
    assert command == "mkdir -p 'a b'\n"
    assert shell(command).returncode == 0
    assert run_command("run", "rand:8x8", "-k", "box", "-o", "a b/y.npy").status == 0


@pytest.mark.parametrize("name", ["y.csv", "y.png"])
def test_axes_that_a_format_does_not_hold_are_refused_before_the_work(
    name: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convcli.run.each_input.Pipeline.run", lambda *_: pytest.fail("convolved"))
    done = run_command("run", "rand:5x8x8", "-k", "box", "--time", "2", "-o", name)
    assert done.status == 1
    assert done.err.endswith("write it as .npy\n") or "--layout" in done.err


def test_a_file_that_another_run_takes_for_left_over_gets_another_name(
    x: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run has it locked, and will remove it."""
    monkeypatch.setattr(atomic, "_has_unnamed_files", lambda: False)
    locked = iter([False])
    monkeypatch.setattr(atomic, "flock", lambda _descriptor: next(locked, True))
    with atomic.replaced("y.npy") as stream:
        stream.write(b"new")
        os.unlink(".y.npy.convcli.part")
    assert Path("y.npy").read_bytes() == b"new"
