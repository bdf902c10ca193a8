"""A note where an axis of the input, read as space, is likely to be its channels."""

import re
import shlex
from collections.abc import Callable, Sequence

from convcli.errors import UsageError
from convcli.geometry.text import notation
from convcli.geometry.text.channel_axes import read_as_channels
from convcli.options import command_line
from convcli.shape.options import ShapeRequest


def note_channel_axis(
    request: ShapeRequest,
    channels: Sequence[tuple[int | None, int | None]],
    note: Callable[[str], None],
    stated: int | None = None,
) -> None:
    """Say where an axis of the input is likely to be its channels, and how to write that.

    Parameters
    ----------
    request : ShapeRequest
        Its input has three axes, and nothing else says that all are space.
    channels : sequence
        As `read_channels` returns them.
    note : callable
        Called with the text, once or not at all.
    stated : int, optional
        Number of axes that a layer states, as ``nn.Conv2d`` does.

    Raises
    ------
    UsageError
        A layer states fewer axes, so that there is no other way to read the input.
    """
    if request.n is None or request.dims is not None:
        return
    sizes = [
        tuple(map(int, case.split("x"))) if re.fullmatch(r"[0-9]+x[0-9]+x[0-9]+", case) else None
        for case in re.split(r"[\s,]+", notation.join_spellings(request.n).strip())
    ]
    found = [each and read_as_channels(each, channels[0][0]) for each in sizes]
    if not all(found) or len({each.channels for each in found if each}) > 1:
        return
    count = next(each.channels for each in found if each)
    other = request._replace(
        n=",".join(notation.format_sizes(each.space) for each in found if each),
        channels=request.channels or str(count),
    )
    command = shlex.join(["convcli", "shape", *command_line(other)])
    what = "channels" if channels[0][0] in (None, count) else "images"
    if stated is not None and stated < 3:
        raise UsageError(
            f"-n {request.n} has 3 axes, and a layer is for {stated}; if the {count} counts "
            f"{what}, write {command}"
        )
    note(f"-n {request.n} is read as three spatial axes; if the {count} counts {what}: {command}")
