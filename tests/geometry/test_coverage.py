"""Which pixels are read, and how often: against a count."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.geometry.window.axis import Axis, fit
from convcli.geometry.window.coverage import coverage, extent, most, reads, unread, unread_end


@st.composite
def axes(draw: st.DrawFn, kind: Any = "conv") -> Axis:
    """Any axis that fits."""
    pads = st.tuples(st.integers(0, 4), st.integers(0, 4))
    words = st.sampled_from(("valid", "same", "same-lower", "full"))
    try:
        return fit(
            draw(st.integers(1, 20)),
            draw(st.integers(1, 6)),
            draw(st.integers(1, 7)),
            draw(st.one_of(pads, words)),
            draw(st.integers(1, 4)),
            draw(st.integers(0, 3)) if kind == "convt" else 0,
            kind,
        )
    except ConvcliError:
        assume(False)
        raise AssertionError from None


def _count(axis: Axis) -> list[int]:
    counts = [0] * axis.n
    for window in range(axis.out):
        for tap in range(axis.f):
            x = window * axis.s + tap * axis.d - axis.pb
            if 0 <= x < axis.n:
                counts[x] += 1
    return counts


@given(axes())
def test_coverage_is_a_count_of_windows(axis: Axis) -> None:
    assert coverage(axis) == _count(axis)


@given(axes("convt"))
def test_transposed_coverage_is_a_count_of_writes(axis: Axis) -> None:
    counts = [0] * axis.out
    for i in range(axis.n):
        for tap in range(axis.f):
            o = i * axis.s + tap * axis.d - axis.pb
            if 0 <= o < axis.out:
                counts[o] += 1
    assert coverage(axis) == counts


@given(st.one_of(axes(), axes("convt")))
def test_unread_pixels_are_those_with_no_coverage(axis: Axis) -> None:
    counts = coverage(axis)
    assert unread(axis) == counts.count(0)
    end = 0
    while end < len(counts) and counts[-1 - end] == 0:
        end += 1
    assert unread_end(axis) == end


@given(st.one_of(axes(), axes("convt")))
def test_the_most_read_pixel_is_the_largest_count(axis: Axis) -> None:
    counts = coverage(axis)
    assert most(axis) == max(counts)
    assert extent(axis) == len(counts)
    assert coverage(axis, (len(counts) - 1, 0)) == [counts[-1], counts[0]]


def test_huge_layers_are_counted_in_a_few_steps() -> None:
    wide = fit(5, 10**17 - 1, p="full")
    assert coverage(wide) == [10**17 - 1] * 5
    assert (most(wide), unread(wide), unread_end(wide)) == (10**17 - 1, 0, 0)
    long = fit(10**17, 3)
    assert coverage(long, (0, 10**16)) == [1, 3]
    assert most(long) == 3
    upsampling = fit(8, 10**9, s=10**9, kind="convt")
    assert (most(upsampling), unread(upsampling)) == (1, 0)
    assert (reads(upsampling, 0), reads(upsampling, 10**9)) == (range(1), range(1, 2))
    coprime = fit(10**17, 10**8 + 1, 10**8 + 7, d=10**8 + 39)
    assert most(coprime) == 1  # windows meet at 10^8 + 7 taps from each other
    assert unread(coprime) == 10**17 - coprime.out * coprime.f
    dilated = fit(10**17, 10**9, d=2)
    assert (most(dilated), unread(dilated)) == (10**9, 0)


def test_unread_is_found_without_visiting_each_pixel() -> None:
    axis = fit(10**15, 3, 10)
    assert unread(axis) == 10**15 - 3 * axis.out
    assert unread_end(axis) == 7


def test_without_padding_a_corner_is_read_once_and_the_middle_f_times() -> None:
    counts = coverage(fit(8, 3))
    assert (counts[0], counts[4], counts[-1]) == (1, 3, 1)


@given(st.one_of(axes(), axes("convt")), st.integers(0, 8))
def test_reads_are_the_inputs_of_an_output(axis: Axis, output: int) -> None:
    if axis.kind == "conv":
        pixels = [output * axis.s + tap * axis.d - axis.pb for tap in range(axis.f)]
    else:
        pixels = [i for i in range(-60, 60) for tap in range(axis.f)
                  if i * axis.s + tap * axis.d - axis.pb == output]  # fmt: skip
    assert list(reads(axis, output)) == pixels
