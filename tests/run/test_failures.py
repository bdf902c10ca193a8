"""One input of several that cannot be convolved."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import run_command, shell


@pytest.fixture
def inputs(in_tmp: Path) -> list[str]:
    """Five inputs: the middle ones are not an array, too small, and not there."""
    for name in ("a", "e"):
        np.save(f"{name}.npy", np.ones((6, 6)))
    Path("b.npy").write_bytes(b"none")
    np.save("c.npy", np.ones((2, 2)))
    return ["a.npy", "b.npy", "c.npy", "d.npy", "e.npy"]


def test_the_others_are_convolved_where_each_has_an_output(inputs: list[str]) -> None:
    done = run_command("run", *inputs, "-k", "box:3", "-o", "out/")
    assert (done.status, done.out) == (1, "4x4\n4x4\n")
    errors = done.err.splitlines()
    assert len(errors) == 3
    for name, line in zip(inputs[1:4], errors, strict=True):
        assert line.startswith("convcli: error: ")
        assert name in line
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.npy", "e.npy"]


def test_an_array_is_right_after_one_that_failed_between_its_blocks(in_tmp: Path) -> None:
    x = np.random.default_rng(0).random((64, 64))
    np.save("a.npy", x)
    data = Path("a.npy").read_bytes()
    Path("b.npy").write_bytes(data[: len(data) // 2])  # ends in the middle
    args = ("-k", "[[1,2],[3,4]]", "--memory", "8k", "-o", "out/")
    assert run_command("run", "b.npy", "a.npy", *args).status == 1
    expected = x[:-1, :-1] + 2 * x[:-1, 1:] + 3 * x[1:, :-1] + 4 * x[1:, 1:]
    assert np.allclose(np.load("out/a.npy"), expected)
    assert [path.name for path in Path("out").iterdir()] == ["a.npy"]


def test_one_stream_ends_with_the_first_error(inputs: list[str]) -> None:
    done = run_command("run", *inputs, "-k", "box:3")
    assert (done.status, done.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("options", [["-k", "boxx:3"], ["-k", "box:3", "-p", "x"]])
def test_wrong_usage_is_said_once(inputs: list[str], options: list[str]) -> None:
    done = run_command("run", *inputs, *options, "-o", "out/")
    assert (done.status > 0, done.err.count("\n")) == (True, 1)


def test_an_input_that_is_not_one_array_or_cannot_be_written(in_tmp: Path) -> None:
    np.savez("two.npz", x=np.ones(3), y=np.ones(3))
    for name in "abcd":
        np.save(f"{name}.npy", np.full((6, 6), ord(name)))
    Path("out/c.npy").mkdir(parents=True)
    names = ["a.npy", "two.npz", "[[1,2", "a.npy::x", "b.npy", "c.npy", "d.npy"]
    done = run_command("run", *names, "-k", "[[1]]", "-o", "out/", "-q")
    assert (done.status, done.err.count("\n")) == (1, 4)
    assert [np.load(f"out/{name}.npy")[0, 0] for name in "abd"] == [97, 98, 100]


@pytest.mark.parametrize("together", [True, False])
def test_a_disk_that_takes_no_more_ends_the_run(in_tmp: Path, together: bool) -> None:
    for name in "abcd":
        np.save(f"{name}.npy", np.ones((64, 64)))
    verify = "" if together else "--verify"
    # A limit on files of 1 KB, which is reported as a full disk is.
    done = shell(f"ulimit -f 1; convcli run [a-d].npy -k '[[1]]' -o out/ -q {verify}")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"make room" in done.stderr
