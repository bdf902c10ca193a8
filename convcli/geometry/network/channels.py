"""Rules of channels and groups."""

from math import gcd

from convcli.errors import UsageError


def check_input(stated: int | None, c_in: int | None, c_out: int | None = None) -> int | None:
    """Return the channels that come in, which must be those stated, where both are known.

    `c_out` are the output channels of a layer that states them as well, for the remedy.
    """
    if None not in (stated, c_in) and stated != c_in:
        pair = f"{c_in}" if c_out is None else f"{c_in}:{c_out}"
        raise UsageError(
            f"input channels {stated} must equal the {c_in} channels that come in; use -c {pair}"
        )
    return stated if c_in is None else c_in


def check_groups(g: int, c_in: int | None = None, c_out: int | None = None) -> None:
    """Raise `UsageError` where groups are fewer than 1, or do not divide channels known."""
    if g < 1:
        raise UsageError(f"groups {g} must be 1 or more; use -g 1")
    for which, channels in (("input", c_in), ("output", c_out)):
        if channels is not None and channels % g:
            most = gcd(g, c_in or 0, c_out or 0)
            raise UsageError(
                f"{which} channels {channels} must be a multiple of groups {g}; "
                f"use -g {most}, or other channels"
            )
