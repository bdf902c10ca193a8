"""How the axes of arrays are read: a letter for each of N (batch), C (channels), D, H and W."""

from collections.abc import Sequence

from convcli.arrays.dtypes import Array, at, shape_text
from convcli.errors import DoesNotFit, UsageError

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def canonical(x: Array, layout: str, spatial: str) -> Array:
    """View an array as (batch, channels, spatial...); an axis that is missing gets size 1."""
    order = [layout.index(letter) for letter in "NC" + spatial if letter in layout]
    missing = [slice(None) if letter in layout else None for letter in "NC"]
    return x.transpose(order)[at(*missing)]


def restored(y: Array, layout: str, spatial: str) -> Array:
    """View (batch, channels, spatial...) with the axes of a layout, as `canonical` took them."""
    there = [letter for letter in "NC" + spatial if letter in layout]
    missing = tuple(position for position, letter in enumerate("NC") if letter not in layout)
    return y.squeeze(missing).transpose([there.index(letter) for letter in layout])


def check_dims(dims: int | None) -> None:
    """Refuse a number of spatial axes that is not 1, 2 or 3."""
    if dims is not None and dims not in SPATIAL:
        raise UsageError(f"--dims {dims} must be 1, 2 or 3; use --dims 2")


def read_axes(
    x_shape: Sequence[int], filter_shape: Sequence[int], layout: str | None, dims: int | None
) -> tuple[str, int, bool]:
    """Read the axes of input and filter by their number, never by their sizes.

    Returns
    -------
    tuple
        A letter for each input axis, the number of spatial axes, and whether the filter is a
        layer's weight.
    """
    x_axes, f_axes = len(x_shape), len(filter_shape)
    asked = dims
    if layout is not None:
        layout = _check_layout(layout, x_axes)
        dims = len(layout.replace("N", "").replace("C", ""))
    elif dims is None:
        # A filter of three axes is spatial; over an input of two it can only be a 1-D weight.
        dims = f_axes if f_axes <= 2 or (f_axes == 3 and x_axes > 2) else f_axes - 2
    if not 1 <= dims <= 3 or f_axes not in (dims, dims + 2):
        some = 1 <= dims <= 3
        kinds = f"{dims} (spatial) or {dims + 2} (out, in/groups, spatial)" if some else "1 to 5"
        remedy = "name the axes with --layout or --dims" if some else "use another filter"
        if some and asked is not None:
            remedy = f"leave out --dims {asked}"
        elif some and layout is not None:
            remedy = f"use another filter, or another --layout than {layout}"
        raise DoesNotFit(
            f"the filter has {_axes(f_axes)} ({shape_text(filter_shape)}), which must be {kinds}; "
            f"{remedy}"
        )
    if not dims <= x_axes <= dims + 2:
        spatial = f"{dims} spatial {'axis' if dims == 1 else 'axes'}"
        remedy = f"use an input with {'fewer' if x_axes > dims else 'more'} axes"
        if x_axes - 2 in SPATIAL:
            remedy = f"use a filter with {x_axes - 2} spatial axes, or fewer input axes"
        elif x_axes in SPATIAL:
            remedy = f"use a filter with {_axes(x_axes)} (box and gaussian: --dims {x_axes})"
        raise DoesNotFit(
            f"the input has {_axes(x_axes)} ({shape_text(x_shape)}), and a filter with {spatial} "
            f"needs {dims} to {dims + 2}; {remedy}"
        )
    letters = layout or ("NC" + SPATIAL[dims])[-x_axes:]
    return letters, dims, f_axes == dims + 2


def may_be_1d_weight(x_shape: Sequence[int], filter_shape: Sequence[int]) -> bool:
    """Whether three axes that are read as spatial may be (N, C, L), and (out, in, L)."""
    return len(x_shape) == len(filter_shape) == 3 and x_shape[1] == filter_shape[1] > 1


def _check_layout(layout: str, x_axes: int) -> str:
    letters = layout.upper().replace("L", "W")
    spatial = "".join(sorted(letters.replace("N", "").replace("C", "")))
    if len(set(letters)) != len(letters) or spatial not in SPATIAL.values():
        raise UsageError(
            f"--layout {layout!r} is not a layout: the letters W, HW or DHW, with N and C if there "
            f"are such axes, each once; use one such as HW, CHW, HWC or NHWC"
        )
    if len(letters) != x_axes:
        raise UsageError(
            f"--layout {layout!r} names {_axes(len(letters))}, and the input has {x_axes}; "
            f"use one letter for each axis, such as --layout {'NCDHW'[-x_axes:]}"
        )
    return letters


def with_channel_axis(layout: str) -> str:
    """Add the channel axis of a layer's output to a layout: first, or second after a batch."""
    return "NC" + layout[1:] if layout[0] == "N" else "C" + layout


def _axes(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"
