"""Layers with channels: parameters and arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import run_command
from tests.networks import steps_of


@given(st.integers(1, 3), st.integers(1, 3), st.booleans(), st.integers(1, 2))
def test_macs_are_a_count_of_products(c_in: int, each: int, bias: bool, g: int) -> None:
    line = f"conv f=2x3 s=2x1 c={each * g} g={g} bias={int(bias)}"
    (step,) = steps_of([line], (7, 6), c_in * g)
    places = 3 * 4
    products = places * (each * g) * c_in * 2 * 3
    assert step.macs == products
    assert step.flops == 2 * products + (places * each * g if bias else 0)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 1))
def test_macs_of_a_transposed_layer_are_a_count_of_products(
    c_in: int, c_out: int, stride: int, crop: int
) -> None:
    """Each input pixel is multiplied by every tap, for each output channel."""
    line = f"convt f=3x2 s={stride} p={crop} c={c_out}"
    (step,) = steps_of([line], (7, 6), c_in)
    products = 7 * 6 * c_in * c_out * 3 * 2
    assert step.macs == products
    assert step.flops == 2 * products + step.out[0] * step.out[1] * c_out


@pytest.mark.parametrize("layer", ["-f 3", "-f 2 --pool", "-l conv|f=3"])
@pytest.mark.parametrize("channels", ["0", "-1"])
def test_input_channels_below_1_are_refused(layer: str, channels: str) -> None:
    words = [word.replace("|", " ") for word in layer.split()]
    done = run_command("shape", "-n", "8", *words, "-c", channels)
    assert (done.status, done.out) == (2, "")
    assert f"input channels {channels} must be 1 or more; use -c 1 or more" in done.err
