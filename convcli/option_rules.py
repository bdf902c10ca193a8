"""Rules of options that both commands have: which cannot be combined, and what one stands for."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from convcli.errors import UsageError

Typed = str | int | bool | None  # an option as it was typed; None or False where it was not
Request = TypeVar("Request", bound=NamedTuple)


def refuse(
    options: Mapping[str, Typed], other: str, remedy: str = "leave out one of the two"
) -> None:
    """Raise `UsageError` for the first of the options that was typed.

    Parameters
    ----------
    options : mapping
        Options and their values.
    other : str
        What they cannot be combined with.
    remedy : str
        What to do instead.
    """
    for option, value in options.items():
        if value is not None and value is not False:
            typed = option if value is True else f"{option} {value}"
            raise UsageError(f"{typed} cannot be combined with {other}; {remedy}")


def with_channels(request: Request, needed: str) -> Request:
    """Give a request the channels of ``--in-channels`` and ``--out-channels``.

    `needed` is the one that must be given with the other, ``in`` or ``out``.
    """
    own: Any = request
    if own.in_channels is None and own.out_channels is None:
        return request
    from convcli.geometry.text.channel_axes import join_channels  # noqa: PLC0415  seldom typed

    channels = join_channels(own.in_channels, own.out_channels, own.channels, needed)
    with_c: Request = own._replace(channels=channels, in_channels=None, out_channels=None)
    return with_c
