"""Random filters and layers: the distribution of PyTorch's own, and which options go together."""

from math import prod, sqrt
from typing import Any

import numpy as np
import pytest
import torch

from convcli.arrays.named.generators import random_layer
from convcli.run.resolve.weights import layer_shape
from tests.conftest import npy_bytes, run_command


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("f", "c_in", "c_out", "groups"), [((3, 3), 16, 64, 1), ((5,), 8, 32, 4)])
def test_a_random_layer_has_the_distribution_of_pytorchs(
    f: tuple[int, ...], c_in: int, c_out: int, groups: int, transposed: bool
) -> None:
    name = f"Conv{'Transpose' if transposed else ''}{len(f)}d"
    theirs = getattr(torch.nn, name)(c_in, c_out, f, groups=groups)
    shape = layer_shape(f, c_in, c_out, groups, transposed)
    assert shape == tuple(theirs.weight.shape)
    rng = np.random.default_rng(0)
    drawn = [random_layer("3", shape, c_out, rng) for _ in range(40)]
    layers = [getattr(torch.nn, name)(c_in, c_out, f, groups=groups) for _ in range(40)]
    for k, tensors in enumerate(
        ([layer.weight for layer in layers], [layer.bias for layer in layers])
    ):
        ours = np.concatenate([each[k].ravel() for each in drawn])
        pytorchs = np.concatenate([each.detach().numpy().ravel() for each in tensors])
        bound = 1 / sqrt(prod(shape[1:]))
        assert ours.dtype == np.float32
        for values in (ours, pytorchs):  # uniform: variance bound²/3, and nearly the bound is there
            assert np.abs(values).max() <= bound * (1 + 1e-6)
            assert np.abs(values).max() > 0.98 * bound
            assert values.var() == pytest.approx(bound**2 / 3, rel=0.1)
            assert abs(values.mean()) < 4 * bound / sqrt(3 * values.size)


def _run(*args: str) -> Any:
    return run_command("run", *args, "--seed", "3").array


def test_a_random_layer_is_applied_with_its_bias() -> None:
    x = np.zeros((3, 8, 8), np.float32)
    done = run_command("run", "-", "-f", "3", "-c", "3:64", stdin=npy_bytes(x))
    assert done.array.shape == (64, 6, 6)
    assert np.abs(done.array).max() > 0.1  # the bias alone
    without = run_command("run", "-", "-f", "3", "-c", "64", "--no-bias", stdin=npy_bytes(x))
    assert not without.array.any()
    given = run_command("run", "-", "-f", "3", "-c", "2", "--bias", "[5,7]", stdin=npy_bytes(x))
    assert given.array[:, 0, 0].tolist() == [5, 7]


def test_the_same_seed_gives_the_same_layer_on_every_engine() -> None:
    args = ("rand:3x8x8", "-f", "3", "-c", "3:6", "-g", "3", "-p", "1")
    assert np.allclose(_run(*args), _run(*args, "--engine", "torch"), atol=1e-6)
    assert _run(*args, "--transposed").shape == (6, 8, 8)


def test_a_bias_may_be_a_row() -> None:
    args = ("arange:4x4", "-k", "[[[[1]]],[[[2]]]]", "--bias")
    row, flat = (run_command("run", *args, bias).data for bias in ("[[3,4]]", "[3,4]"))
    assert row == flat
    assert run_command("run", *args, "[[3],[4]]").data == flat
    assert "shape 2x2" in run_command("run", *args, "[[1,2],[3,4]]").err


def test_one_filter_serves_all_inputs(in_tmp: Any) -> None:
    np.save("a.npy", np.ones((3, 5, 5)))
    done = run_command("run", "a.npy", "a.npy", "-f", "3", "-c", "2", "-o", "-")
    assert done.status == 0
    assert done.data[: len(done.data) // 2] == done.data[len(done.data) // 2 :]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            "rand:6x6 -f 3 -c 3:4",
            "needs 3 input channels, and the input 6x6 (HW) has 1; use -c 1:4",
        ),
        (
            "rand:3x6x6 -f 3 -c 3:5 -g 3",
            "output channels 5 must be a multiple of groups 3; use -g 1",
        ),
        ("rand:3x6x6 -k box -c 3:5", "-k box has channels of its own"),
        ("rand:6x6 -f 3 --no-bias", "--no-bias is for a random layer"),
        ("rand:6x6 -f 3 -c 2 --no-bias --bias 1", "cannot be combined with --no-bias"),
        ("rand:6x6 -f 3 -c 0", "output channels 0 must be 1 or more; use -c 1:1"),
        ("rand:6x6 -f 3 -c 1,2", "is a sweep"),
        ("rand:3x6x6 -f 3 -c 1:4", "needs 1 input channel, and the input 3x6x6 (CHW) has 3"),
        ("rand:6x6 -f 3 --bias [1,2]", "has shape 2, and the output 1 channel; give one number"),
        ("rand:6x6 -f 3 -g 2", "the input has 1 channel; omit -g"),
        ("rand:6x6 -f 0", "filter size 0 must be 1 or more; use -f 1"),
        (
            "rand:3x6x6 -f 4x3x3x3",
            "has 4 axes, and there can be 1, 2 or 3; drop the channels: -f 3x3 -c 3:4",
        ),
        ("rand:6x6 -f 3x3x3", "needs 3 to 5"),
    ],
)
def test_what_does_not_go_together_is_one_line(args: str, message: str) -> None:
    done = run_command("run", *args.split())
    assert done.status in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1
