"""Sums and counts against loops."""

from hypothesis import example, given
from hypothesis import strategies as st

from convcli.geometry.window.lattice import count_pairs, floor_sum

few = st.integers(0, 20)
step = st.integers(1, 30)


@given(few, step, st.integers(0, 60), st.integers(0, 60))
@example(4, 3, 2, 1)
def test_a_sum_of_floors_is_a_sum(count: int, m: int, a: int, b: int) -> None:
    assert floor_sum(count, m, a, b) == sum((a * i + b) // m for i in range(count))


@given(few, few, step, step, st.integers(-9, 600))
@example(5, 3, 2, 3, 8)
def test_pairs_are_counted(windows: int, taps: int, s: int, d: int, most: int) -> None:
    pairs = [(i, t) for i in range(windows) for t in range(taps) if i * s + t * d <= most]
    assert count_pairs(windows, taps, s, d, most) == len(pairs)
