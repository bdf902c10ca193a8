"""Pooling: windows that read padding only are refused, and no others."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import DoesNotFit
from convcli.geometry.window.axis import fit, fit_any_window
from tests.conftest import run_command


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    """The numbers of a pooling layer whose filter fits, with paddings about as large as it."""
    f, d = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    sides = st.integers(0, d * (f - 1) + 2)
    n, p = draw(st.integers(1, 9)), (draw(sides), draw(sides))
    assume(n + sum(p) >= d * (f - 1) + 1)
    return {"n": n, "f": f, "s": draw(st.integers(1, 6)), "p": p, "d": d, "op": 0,
            "kind": "maxpool", "ceil": draw(st.booleans())}  # fmt: skip


@given(pools())
def test_a_window_that_reads_padding_only_is_refused(numbers: dict[str, Any]) -> None:
    axis = fit_any_window(**numbers)
    starts = range(-axis.pb, -axis.pb + axis.out * axis.s, axis.s)
    taps = [range(start, start + axis.e, axis.d) for start in starts]
    if all(any(pixel in range(axis.n) for pixel in window) for window in taps):
        assert fit(**numbers) == axis
        return
    with pytest.raises(DoesNotFit, match="reads padding only") as caught:
        fit(**numbers)
    remedy = str(caught.value).rpartition("use ")[2].removesuffix(" or less").split()
    if remedy[0] == "-d":
        numbers["d"], remedy = int(remedy[1]), remedy[2:]
    assert remedy[0] == "-p"
    fit(**numbers | {"p": (int(remedy[1]), int(remedy[1]))})


def test_windows_that_step_over_the_input_are_found_at_any_size() -> None:
    pads = (10**16, 9 * 10**16)
    with pytest.raises(DoesNotFit, match="steps over it and reads padding only; use -d 1 -p 500"):
        fit(10**8, 10**8, 3 * 10**8 + 7, pads, 10**9 + 1, kind="maxpool")


@pytest.mark.parametrize(
    ("args", "out"),
    [
        ("-n 28 -f 3 -s 1 -p 2 --pool", "30x30\n"),
        ("-n 28 -f 3 -s 1 -p 0..2 --pool", "26x26\n28x28\n30x30\n"),
        ("-n 5 -f 2 -s 2 -p 1 --pool --ceil", "3x3\n"),
    ],
)
def test_padding_up_to_the_filter_is_accepted(args: str, out: str) -> None:
    done = run_command("shape", *args.split())
    assert (done.status, done.out, done.err) == (0, out, "")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ("-n 1 -f 2 -d 4 -p 2 --pool", "dilation 4 must be 1 or less for input 1, or a pooling "
         "window steps over it and reads padding only; use -d 1 -p 1\n"),
        ("-n 8 -f 3 -p 3 --pool", "padding 3 must be smaller than the pooling filter, which spans "
         "3, or the first window reads padding only; use -p 2 or less\n"),
        ("-n 8 -f 3 -s 1 -p 0:3 --pool", "or the last window reads padding only"),
        ("-n 8 -f 1 -s 1 -p 1 --pool", "or the first window reads padding only; use -p 0\n"),
    ],
)  # fmt: skip
def test_a_refusal_says_which_window_and_what_to_do(args: str, line: str) -> None:
    done = run_command("shape", *args.split())
    assert (done.status, done.out) == (1, "")
    assert line in done.err
