"""Sizes with axes that are not spatial, such as ``3x224x224``: which are channels, and errors."""

from collections.abc import Sequence
from typing import NamedTuple

from convcli.errors import UsageError, shortened
from convcli.geometry.text.notation import parse_number
from convcli.geometry.window.axis import AXIS_NAMES

_USUAL = (1, 3, 4)  # channels: grey, colour, colour with transparency
_MUCH = 10  # an image is that many times larger than it has channels


class Channels(NamedTuple):
    """One reading of sizes: a number of channels, and the spatial axes."""

    channels: int
    space: tuple[int, ...]


def read_as_channels(sizes: Sequence[int], c_in: int | None = None) -> Channels | None:
    """Read the first axis, or the last, as channels where that is likely what is meant.

    Parameters
    ----------
    sizes : sequence of int
    c_in : int, optional
        The input channels, if they are known. An axis of that size is likely to be them. Otherwise
        one of 1, 3 or 4 beside axes ten times larger is.

    Returns
    -------
    Channels, or None
        None where all axes can be space.
    """
    for channels, space in ((sizes[0], tuple(sizes[1:])), (sizes[-1], tuple(sizes[:-1]))):
        few = channels in _USUAL and min(space) >= _MUCH * channels
        if c_in is None:
            likely = few
        else:  # an axis of size 1 can still be a batch
            likely = (channels == c_in and channels not in space) or (few and channels == 1)
        if likely:
            return Channels(channels, space)
    return None


def join_channels(c_in: str | None, c_out: str | None, given: str | None, needed: str) -> str:
    """Write PyTorch's ``--in-channels 3 --out-channels 64`` as ``-c`` does: ``3:64``.

    Parameters
    ----------
    c_in, c_out : str or None
        As they were typed; one of them at least.
    given : str or None
        What ``-c`` says.
    needed : str
        Which of them must be given, ``in`` or ``out``; it may be given without the other.

    Raises
    ------
    UsageError
    """
    typed = {"in": c_in, "out": c_out}
    if given is not None:
        raise UsageError(
            f"-c {given} cannot be combined with --in-channels and --out-channels; leave out -c"
        )
    if typed[needed] is None:
        other = "out" if needed == "in" else "in"
        raise UsageError(
            f"--{other}-channels {typed[other]} needs the {needed}put channels; add "
            f"--{needed}-channels, such as --{needed}-channels {typed[other]}"
        )
    counts = [
        str(parse_number(f"--{side}-channels", count)) for side, count in typed.items() if count
    ]
    return ":".join(counts)


def depthwise_groups(c_in: int | None, c_out: int | None) -> str:
    """Say which number of groups makes a layer depthwise."""
    rule = "-g depthwise is as many groups as input channels"
    if c_in is None:
        return f"{rule}; write both, such as -c 32 -g 32"
    if c_out is not None and c_out % c_in:
        return (
            f"{rule}, and output channels are a multiple of them; write -c {c_in}:{c_in} -g {c_in}"
        )
    return f"{rule}; write -g {c_in}"


def too_many_axes(option: str, text: str, sizes: Sequence[int]) -> str:
    """Say which axes are no space, and write the rest."""
    rule = f"{option} {shortened(text)} has {len(sizes)} axes, and there can be 1, 2 or 3"
    if option == "-n" and len(sizes) in (4, 5):
        found = read_as_channels(sizes[1:]) or Channels(sizes[1], tuple(sizes[2:]))
        if len(found.space) in AXIS_NAMES:
            return f"{rule}; drop batch and channels: -n {_text(found.space)} -c {found.channels}"
    if option == "-f" and len(sizes) in (4, 5):
        return (
            f"{rule}; drop the channels: -f {_text(sizes[2:])} -c {sizes[1]}:{sizes[0]}, "
            f"as PyTorch orders them"
        )
    return f"{rule}; give the spatial axes only, such as {_text(sizes[-2:])}"


def _text(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
