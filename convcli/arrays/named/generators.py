"""Arrays that need no file: ``rand:8x8``, ``arange:4x4`` and the like."""

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.memory import check_room
from convcli.errors import UsageError
from convcli.geometry.text import notation

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("rand", "randn", "arange", "ones", "zeros")


def is_generator(spec: str) -> bool:
    """Whether this names a generator, with a size or without."""
    kind, colon, _ = spec.partition(":")
    return bool(colon) and kind in KINDS


def generate(spec: str, random: "Callable[[], np.random.Generator]") -> Array:
    """Make an array from a generator: ``rand`` ``randn`` ``ones`` ``zeros`` as in PyTorch.

    Parameters
    ----------
    spec : str
        ``KIND:SIZES``.
    random : callable
        Returns the source of random numbers; called only if some are needed.
    """
    kind, _, text = spec.partition(":")
    if not text:
        raise UsageError(f"{spec!r} has no size; write one such as {kind}:8x8")
    shape = notation.parse_only(f"{spec!r}: size", text, most_axes=None)
    if min(shape) < 1:
        raise UsageError(f"{spec!r}: size {min(shape)} must be 1 or more; write {kind}:8x8")
    check_room(repr(spec), shape)
    if kind == "arange":
        return np.arange(prod(shape)).reshape(shape)
    if kind == "rand":
        return random().random(shape, np.float32)
    if kind == "randn":
        return random().standard_normal(shape, np.float32)
    return np.full(shape, float(kind == "ones"), np.float32)


def random_weights(text: str, sizes: tuple[int, ...], random: "np.random.Generator") -> Array:
    """Draw one filter: the weights of a fresh ``nn.Conv2d(1, 1, ...)``."""
    check_room(f"-f {text}", sizes)
    return _within(prod(sizes) ** -0.5, sizes, random)


def random_layer(
    text: str, shape: tuple[int, ...], c_out: int, random: "np.random.Generator"
) -> tuple[Array, Array]:
    """Draw weights and bias with the distribution of a fresh layer of PyTorch.

    Both are uniform within ``±1/sqrt(fan in)``, which is what ``kaiming_uniform_(a=sqrt(5))``
    comes to. PyTorch computes the fan in from all axes but the first, also of a transposed layer,
    whose first axis holds the input channels.

    Parameters
    ----------
    text : str
        The size as typed, for an error.
    shape : tuple of int
        Of the weight.
    c_out : int
        Output channels.
    random : Generator
    """
    check_room(f"the layer of -f {text}", shape)
    bound = prod(shape[1:]) ** -0.5
    return _within(bound, shape, random), _within(bound, (c_out,), random)


def _within(bound: float, shape: tuple[int, ...], random: "np.random.Generator") -> Array:
    return random.uniform(-bound, bound, shape).astype(np.float32)
