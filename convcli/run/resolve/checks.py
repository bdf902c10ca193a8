"""Which options of `run` cannot be combined, where it takes more than one of them to say so."""

from convcli.arrays.dtypes import DType
from convcli.arrays.sinks import Target
from convcli.errors import UsageError, counted
from convcli.geometry.window.axis import Window
from convcli.geometry.window.pad_modes import parse_pad_mode
from convcli.option_rules import refuse
from convcli.run.options import RunRequest
from convcli.streams import Streams, note


def check_store_options(request: RunRequest, into_store: bool) -> None:
    """Refuse what goes only into a store, and what does not go into one."""
    only = {
        "--chunks": request.chunks,
        "--resume": request.resume,
        "--overwrite": request.overwrite,
        "--workers": request.workers is not None,
        "--scheduler": request.scheduler is not None,
    }
    if not into_store:
        for option in (name for name, given in only.items() if given):
            raise UsageError(
                f"{option} is for outputs in chunked stores; add -o y.zarr, or leave it out"
            )
        return
    if request.scheduler is not None:
        refuse({"--workers": request.workers}, "--scheduler")
    refuse(
        {
            "--plot": request.plot,
            "--animate": request.animate,
            "--time": request.time,
            "--output-format": request.output_format,
            "--scale": None if request.scale == "clip" else request.scale,
        },
        f"-o {request.output}, a chunked store",
        "leave it out, or write -o y.npy",
    )
    count = len(request.inputs or ())
    if count > 1:
        raise UsageError(
            f"-o {request.output} is one store for {count} inputs; run them separately"
        )


def check_animation(request: RunRequest, streams: Streams) -> None:
    """Refuse to animate where nobody looks, or more than one input."""
    from convcli.terminal.keyboard import require_terminal  # noqa: PLC0415  seldom needed

    require_terminal(streams)
    if len(request.inputs or ()) > 1:
        raise UsageError(
            f"--animate shows one input, and {len(request.inputs or ())} are named; name one"
        )


def note_unused_pad_mode(request: RunRequest, window: Window, streams: Streams) -> None:
    """Say that a pad mode changes nothing without padding."""
    p = window.p
    unpadded = p == "valid" if isinstance(p, str) else not any(map(any, p))
    if unpadded and window.kind == "conv" and parse_pad_mode(request.pad_mode) != "zeros":
        note(streams, f"--pad-mode {request.pad_mode} has no effect without padding; add -p same")


def check_pixels(request: RunRequest, target: Target, channels: int, dtype: DType) -> None:
    """Refuse a type that was asked for and that the pixels of an image do not have."""
    if not target.is_image or request.dtype is None:
        return
    from convcli.arrays.formats.pixels import types_of  # noqa: PLC0415  seldom needed

    types = types_of(target.ending, channels)
    if dtype not in types:
        what = counted(channels, "channel")
        raise UsageError(
            f"--dtype {request.dtype} is not a pixel type of a {target.ending} with {what} "
            f"({', '.join(map(str, types))}); omit it, or write -o y.npy"
        )
    if dtype.kind == "f" and request.scale is not None:
        raise UsageError(
            f"--scale {request.scale} is for pixels of 8 or 16 bits; omit it, or omit "
            f"--dtype {request.dtype}"
        )


def check_scale(request: RunRequest, target: Target, of_picture: bool) -> None:
    """Refuse a scale of what holds numbers as they are; integers may be clipped to their type.

    `of_picture`: ``-o`` names a picture of the operation, not the output.
    """
    scale = request.scale
    if scale is None:
        return
    from convcli.arrays.formats.pixels import SCALES  # noqa: PLC0415  seldom needed

    if scale not in SCALES:
        raise UsageError(f"--scale {scale!r} is not a scale; write one of {', '.join(SCALES)}")
    if target.is_image or (scale == "clip" and request.dtype is not None):
        return
    if of_picture:
        raise UsageError(
            f"--scale {scale} is for images, and -o names a picture of the convolution; omit "
            f"--scale, or add --output-format png"
        )
    also = "; add --dtype uint8 to clip numbers" if scale == "clip" else ""
    raise UsageError(f"--scale {scale} is for images; omit it, or write -o y.png{also}")
