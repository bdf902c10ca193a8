"""The note where an axis of the input is likely to be its channels."""

import shlex

import pytest

from tests.conftest import run_command


@pytest.mark.parametrize(
    ("args", "other"),
    [
        ("-n 3x224x224 -c 3:64 -f 7 -p 3", "shape -n 224x224 -f 7 -p 3 -c 3:64"),
        ("-n 224x224x3 -f 3", "shape -n 224x224 -f 3 -c 3"),
        ("-n 64x56x56 -f 3 -c 64", "shape -n 56x56 -f 3 -c 64"),
        ("-n 1x28x28 -f 1 -c 3", "shape -n 28x28 -f 1 -c 3"),
        ("-n 3x64x64,3x32x32 -f 3", "shape -n 64x64,32x32 -f 3 -c 3"),
        ("-n 4x64x64 -l 'conv f=3 c=8'", "shape -n 64x64 -c 4 -l 'conv f=3 c=8'"),
    ],
)
def test_a_note_gives_the_command_for_the_other_reading(args: str, other: str) -> None:
    done = run_command("shape", *shlex.split(args))
    assert done.status == 0
    assert done.err.count("convcli: note: ") == done.err.count("\n") == 1
    assert done.err.endswith(f": convcli {other}\n")
    again = run_command(*shlex.split(other))
    assert (again.status, again.err) == (0, "")


@pytest.mark.parametrize(
    "args",
    [
        "-n 3x224x224 -f 3 --dims 3",
        "-n 3x224x224 -f 3x3x3",
        "-n 3x224x224 -f 3 -s 1x2x2",
        "-n 3x224x224 -l 'conv f=1x3x3'",
        "-n 3x224x224 -l 'conv3d f=3'",
        "-n 16x112x112 -f 3",
        "-n 16x112x112 -f 3 -c 3",
        "-n 64x64x64 -f 3 -c 64",
        "-n 3x8x8 -f 3",
        "-n 224x224 -f 3 -c 224",
    ],
)
def test_no_note_where_all_axes_can_be_space(args: str) -> None:
    done = run_command("shape", *shlex.split(args))
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    ("args", "other", "out"),
    [
        (
            "-n 3x224x224 -l 'nn.Conv2d(3, 64, 7)'",
            "shape -n 224x224 -c 3 -l 'nn.Conv2d(3, 64, 7)'",
            "218x218",
        ),
        (
            "-n 64x56x56 -l 'conv2d f=3 c=64:8'",
            "shape -n 56x56 -c 64 -l 'conv2d f=3 c=64:8'",
            "54x54",
        ),
    ],
)
def test_a_layer_that_states_two_axes_leaves_one_reading(args: str, other: str, out: str) -> None:
    done = run_command("shape", *shlex.split(args))
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert done.err.endswith(f", write convcli {other}\n")
    again = run_command(*shlex.split(other))
    assert (again.status, again.out, again.err) == (0, f"{out}\n", "")
