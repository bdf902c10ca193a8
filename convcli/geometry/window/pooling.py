"""Pooling layers: their kinds by ``--pool``, and that every window reads a pixel of the input."""

from typing import TYPE_CHECKING

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.window.lattice import floor_sum

if TYPE_CHECKING:
    from convcli.geometry.window.axis import Axis, Kind

POOL_WORDS: "dict[str, Kind]" = {"max": "maxpool", "avg": "avgpool"}


def parse_pool(text: str) -> "Kind":
    """Read ``--pool``: the kind of a pooling layer.

    Raises
    ------
    UsageError
    """
    if text not in POOL_WORDS:
        raise UsageError(
            f"--pool {text!r} is not a kind of pooling; write --pool max, or --pool avg"
        )
    return POOL_WORDS[text]


def check_windows(axis: "Axis") -> None:
    """Raise `DoesNotFit` if a window reads padding only: it has no maximum and no mean.

    Window ``i`` starts at pixel ``y = i·s - pb`` and reads ``y, y + d, ..., y + e - 1``. None of
    them is one of the pixels 0 to ``n - 1`` if the window ends before them, starts after them, or
    steps over them, as here with n=2, f=2, d=4::

        . . . x x . . .
          ^       ^
    """
    n, d, e, pb, pe = axis.n, axis.d, axis.e, axis.pb, axis.pe
    remedy = f"-p {e - 1}{' or less' if n >= e > 1 else ''}"
    if can_step_over(axis):
        remedy = f"-d 1 -p {axis.f // 2}"
    if pb >= e:
        raise DoesNotFit(
            f"padding {pb} must be smaller than the pooling filter, which spans {e}, or the first "
            f"window reads padding only; use {remedy}"
        )
    last = (axis.out - 1) * axis.s - pb
    if last >= n:
        raise DoesNotFit(
            f"padding {pe} must be smaller than the pooling filter, which spans {e}, or the last "
            f"window reads padding only; use {remedy}"
        )
    if can_step_over(axis) and _count_stepping_over(axis):
        raise DoesNotFit(
            f"dilation {d} must be {n} or less for input {n}, or a pooling window steps over it "
            f"and reads padding only; use {remedy}"
        )


def can_step_over(axis: "Axis") -> bool:
    """Whether a window could have a tap on either side of the input and none on it."""
    return axis.f > 1 and axis.d > axis.n


def _count_stepping_over(axis: "Axis") -> int:
    """Count the windows whose last tap before the input is followed by one after it.

    A window that starts at ``y < 0`` has its first tap at 0 or later on ``y mod d``. It steps over
    the input if ``y mod d >= n``, which is when ``(y + d - n) // d`` is more than ``y // d``.
    """
    s, d = axis.s, axis.d
    starting_before = min(axis.out, -(-axis.pb // s))
    y = -axis.pb % d
    return floor_sum(starting_before, d, s, y + d - axis.n) - floor_sum(starting_before, d, s, y)
