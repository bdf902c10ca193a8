"""The arrays of a file that holds several: what they are, and which one is meant."""

from typing import NamedTuple

from convcli.errors import ConvcliError, UsageError


class Member(NamedTuple):
    """An array in a file, without its numbers; `dtype` is in the words of the format."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def choose(path: str, member: str | None, names: list[str], what: str = "arrays") -> str:
    """Find the member that was named, or the only one.

    Parameters
    ----------
    path : str
    member : str, optional
        As typed after ``::``.
    names : list of str
        All that the file holds.
    what : str
        What they are.
    """
    if not names:
        raise ConvcliError(f"{path!r} has no {what}; use a file that has")
    if member is None and len(names) == 1:
        return names[0]
    if member in names:
        return member
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    if member is None:
        raise UsageError(
            f"{path!r} holds {len(names)} {what} ({listed}); name one, such as {path}::{names[0]}"
        )
    import difflib  # noqa: PLC0415  only needed for errors

    inside = [name for name in names if name.startswith(f"{member}.")]
    inside.sort(key=lambda name: not name.endswith(".weight"))
    close = inside or difflib.get_close_matches(member, names, n=1)
    raise ConvcliError(
        f"{path!r} has no member {member!r} (it holds {listed}); "
        f"write such as {path}::{close[0] if close else names[0]}"
    )
