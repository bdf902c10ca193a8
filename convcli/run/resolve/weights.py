"""The filter of a run and its bias: named with -k, drawn for -f and -c, or the window of a pool."""

from typing import NamedTuple

import numpy as np

from convcli.arrays.dtypes import Array, shape_text
from convcli.arrays.memory import check_shape
from convcli.arrays.opener import Gradient, Opener
from convcli.arrays.sources.source import InMemory, Source
from convcli.errors import DoesNotFit, UsageError, counted
from convcli.geometry.network.channels import check_groups
from convcli.geometry.text import notation
from convcli.geometry.window.axis import Sizes, spread
from convcli.geometry.window.pad_modes import parse_pad_mode
from convcli.option_rules import refuse
from convcli.run.options import RunRequest
from convcli.run.resolve.axes import SPATIAL, read_axes


class Weights(NamedTuple):
    """A filter, and its bias; `dims` are its spatial axes where the options say them."""

    filter: InMemory
    bias: Array | None = None
    dims: int | None = None


def filters_of(request: RunRequest, weights: Weights) -> tuple[Array, ...]:
    """Return the filters to show: none of pooling, two of a gradient."""
    if request.pool is not None:
        return ()
    used = weights.filter
    return (used.array, used.second) if isinstance(used, Gradient) else (used.array,)


def check_weights(request: RunRequest) -> None:
    """Refuse options of filter and bias that do not go together.

    Raises
    ------
    UsageError
    """
    if request.pool is not None:
        _check_pool(request)
        return
    if request.groups and request.groups.lower() == "depthwise":
        _refuse_depthwise(request)
    if request.ceil:
        raise UsageError("--ceil is only valid for pooling; add --pool max or --pool avg")
    if request.kernel is None and request.f is None:
        raise UsageError(
            "there is no filter; add one such as -k sobel-x, -f 3 for a random one, or --pool -f 2"
            "; see convcli run --help"
        )
    if request.kernel is not None and request.f is not None:
        raise UsageError(
            f"-f {request.f} is for a random filter, and -k {request.kernel} has a size of its "
            f"own; leave out -f"
        )
    if request.channels is not None and request.kernel is not None:
        raise UsageError(
            f"-c {request.channels} is for a random layer, and -k {request.kernel} has channels of "
            f"its own; leave out -c, or use -f in place of -k"
        )
    if request.no_bias and request.channels is None:
        raise UsageError("--no-bias is for a random layer, given by -f and -c; leave it out")
    if request.no_bias and request.bias is not None:
        raise UsageError(f"--bias {request.bias} cannot be combined with --no-bias; use one")


def _refuse_depthwise(request: RunRequest) -> None:
    if request.channels is None:
        raise UsageError(
            "-g depthwise is as many groups as input channels, and a filter without channel axes "
            "filters each channel anyway; leave out -g"
        )
    from convcli.geometry.text.channel_axes import depthwise_groups  # noqa: PLC0415  for an error

    first, second = notation.parse_channels("-c", request.channels)[0]
    raise UsageError(depthwise_groups(None if second is None else first, second))


def _check_pool(request: RunRequest) -> None:
    from convcli.geometry.window.pooling import parse_pool  # noqa: PLC0415  for pools only

    parse_pool(str(request.pool))
    pad_mode = parse_pad_mode(request.pad_mode)
    refuse(
        {
            "-k": request.kernel,
            "--bias": request.bias,
            "--no-bias": request.no_bias,
            "--flip": request.flip,
            "--transposed": request.transposed,
            "-c": request.channels,
            "-g": request.groups,
            "--output-padding": request.output_padding,
            "--pad-mode": None if pad_mode == "zeros" else request.pad_mode,
        },
        f"--pool {request.pool}, which has no filter and pads as PyTorch does",
        "leave it out",
    )
    if request.f is None:
        raise UsageError(f"--pool {request.pool} needs the size of its windows; add -f 2")


def choose_weights(
    request: RunRequest,
    source: Source,
    opener: Opener,
    kernel: InMemory | None,
    bias: Array | None,
) -> Weights:
    """Choose the filter for one input.

    Parameters
    ----------
    request : RunRequest
    source : Source
    opener : Opener
        Draws random numbers.
    kernel : InMemory or None
        The filter of ``-k``; None where the options ask for another.
    bias : ndarray or None
        The bias of ``--bias``.
    """
    if kernel is not None:
        return Weights(kernel, bias, request.dims)
    f = _sizes(request, source)
    if request.pool is not None:
        check_shape(f"-f {request.f}", f)
        ones = np.broadcast_to(np.ones((), np.float32), f)
        return Weights(InMemory(request.pool, ones), None, len(f))
    if request.channels is None:
        return Weights(opener.random_filter(str(request.f), f), bias, len(f))
    c_in, c_out, groups = _channels(request, source, f)
    layer, drawn = opener.random_layer(
        str(request.f), layer_shape(f, c_in, c_out, groups, request.transposed), c_out
    )
    if bias is None and not request.no_bias:
        bias = drawn
    return Weights(layer, bias, len(f))


def _sizes(request: RunRequest, source: Source) -> Sizes:
    """Read ``-f``; a single size is for two axes, or one if there is only one."""
    if str(request.f)[:1].isalpha():
        raise UsageError(f"-f {request.f} is not a size; a filter with a name is -k {request.f}")
    f = notation.parse_only("-f", str(request.f))
    if min(f) < 1:
        raise UsageError(f"filter size {min(f)} must be 1 or more; use -f 1 or more")
    layout = request.layout or source.layout
    spatial = len(layout.upper().replace("N", "").replace("C", "")) if layout else 0
    dims = spatial or request.dims or (min(len(source.shape), 2) if len(f) == 1 else len(f))
    return spread("-f", f, dims) if dims in SPATIAL else f  # what else is wrong is said later


def _channels(request: RunRequest, source: Source, f: Sizes) -> tuple[int, int, int]:
    """Read ``-c`` and ``-g``: input channels, which the input decides, output channels, groups."""
    found = notation.parse_channels("-c", str(request.channels))
    if len(found) != 1:
        raise UsageError(f"-c {request.channels} is a sweep; write one layer, such as -c 3:64")
    letters, _, _ = read_axes(source.shape, f, request.layout or source.layout, len(f))
    channels = dict(zip(letters, source.shape, strict=True)).get("C", 1)
    first, second = found[0]
    c_in, c_out = (channels, first) if second is None else (first, second)
    groups = notation.parse_number("-g", request.groups or "1")
    if c_out < 1:
        raise UsageError(f"output channels {c_out} must be 1 or more; use -c {channels}:1")
    if c_in != channels:
        raise DoesNotFit(
            f"-c {request.channels} needs {counted(c_in, 'input channel')}, and the input "
            f"{shape_text(source.shape)} ({letters}) has {channels}; use -c {channels}:{c_out}"
        )
    check_groups(groups, c_in, c_out)
    return c_in, c_out, groups


def layer_shape(f: Sizes, c_in: int, c_out: int, groups: int, transposed: bool) -> Sizes:
    """Shape of a layer's weight, as PyTorch lays it out."""
    return (c_in, c_out // groups, *f) if transposed else (c_out, c_in // groups, *f)
