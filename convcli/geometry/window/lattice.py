"""Counts of lattice points, in the steps of Euclid's algorithm, for numbers of any size."""


def floor_sum(count: int, m: int, a: int, b: int) -> int:
    """Sum ``(a·i + b) // m`` over i from 0 to ``count - 1``.

    Whole multiples of m are summed at once. What is left are the lattice points below a line of
    slope under 1, which are counted by columns: the same sum with a and m exchanged.

    >>> floor_sum(4, 3, 2, 1)   # 0 + 1 + 1 + 2
    4
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (a // m) + count * (b // m)
        a, b = a % m, b % m
        count, b = divmod(a * count + b, m)
        m, a = a, m
    return total


def count_pairs(windows: int, taps: int, s: int, d: int, limit: int) -> int:
    """Count the pairs of i below `windows` and t below `taps` with ``i·s + t·d <= limit``.

    Here with 5 windows, 3 taps, s=2, d=3, limit=8, one column for each i: 3 + 3 + 2 + 1 + 1 = 10::

        t=2   * *
        t=1   * * *
        t=0   * * * * *
    """
    if limit < 0 or windows <= 0 or taps <= 0:
        return 0
    columns = min(windows, limit // s + 1)
    full = min(max((limit - (taps - 1) * d) // s + 1, 0), columns)
    # The others from the right: their heights rise by s/d.
    others = columns - full
    return full * taps + others + floor_sum(others, d, s, limit - (columns - 1) * s)
