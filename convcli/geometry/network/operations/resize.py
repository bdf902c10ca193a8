"""Resizing of images: nearest, linear and cubic, by the rules of PyTorch and ONNX."""

from collections.abc import Sequence
from math import gcd
from struct import pack, unpack
from typing import TYPE_CHECKING, Literal, NamedTuple

from convcli.errors import DoesNotFit
from convcli.geometry.network.index_map import IndexMap, Samples
from convcli.geometry.network.operation import Applied
from convcli.geometry.network.operations.indexing import read
from convcli.geometry.network.tensor import Tensor, as_image

if TYPE_CHECKING:
    from fractions import Fraction

Mode = Literal["nearest", "linear", "cubic"]
Coordinates = Literal[
    "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners",
    "tf_half_pixel_for_nn",
]  # fmt: skip
Rounding = Literal["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]


class Resized(NamedTuple):
    """An image with other sizes along some axes, named as ONNX names the ways to do so.

    `sizes` has for each axis its output size, or `scales` also by what its places are multiplied,
    as a fraction: how a product with a fraction is rounded to a size differs between libraries.
    """

    sizes: tuple[tuple[int, int], ...] = ()  # axis, size
    scales: tuple[tuple[int, int, int, int], ...] = ()  # axis, size, numerator, denominator
    mode: Mode = "nearest"
    coordinates: Coordinates = "asymmetric"
    rounding: Rounding = "floor"

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x = as_image(*inputs)
        maps: dict[int, IndexMap] = {}
        for axis, out in self.sizes:
            maps[axis] = self._map(x.size(axis), out, out, x.size(axis))
        for axis, out, up, down in self.scales:
            maps[axis] = self._map(x.size(axis), out, up, down)
        return Applied((read(x, maps),))

    def _map(self, n: int, out: int, up: int, down: int) -> Samples:
        """Return what outputs read of `n` pixels: output ``o`` is at ``(a·o + b)/q``."""
        if out < 1:
            raise DoesNotFit(f"resizing {n} by {up}/{down} leaves no pixel; use a larger scale")
        if out == 1 and self.coordinates in ("align_corners", "pytorch_half_pixel"):
            a, b, q = 0, 0, 1
        elif self.coordinates == "align_corners":
            a, b, q = n - 1, 0, out - 1
        elif self.coordinates == "asymmetric":
            a, b, q = down, 0, up
        elif self.coordinates == "tf_half_pixel_for_nn":
            a, b, q = 2 * down, down, 2 * up
        else:  # (o + 1/2)/scale - 1/2
            a, b, q = 2 * down, down - up, 2 * up
            if self.coordinates == "half_pixel_symmetric":  # the middles of both images meet
                b += n * up - out * down
        common = gcd(a, b, q)
        a, b, q = a // common, b // common, q // common
        if self.mode == "nearest":
            a, b, q = 2 * a, 2 * b, 2 * q  # so that q/2 is a whole number
            if self.rounding == "ceil":
                b += q - 1
            elif self.rounding == "round_prefer_ceil":
                b += q // 2
            elif self.rounding == "round_prefer_floor":
                b += q // 2 - 1
            return Samples(out, a, b, b, q)
        return Samples(out, a, b, b + q - 1, q, more=1 if self.mode == "cubic" else 0)


def scaled_size(n: int, up: int, down: int) -> int:
    """Multiply a size by a fraction as PyTorch does: the product in float64, rounded down.

    >>> scaled_size(100, 23, 10)   # 229.99999999999997
    229
    """
    return n * (up // down) if up % down == 0 else int(n * (up / down))


def simple_ratio(scale: "float | Fraction") -> "Fraction":
    """Find the simple fraction that was rounded to a scale, in float64 or float32.

    >>> simple_ratio(0.3333333333333333)
    Fraction(1, 3)
    """
    from fractions import Fraction  # noqa: PLC0415  for few layers

    ratio = Fraction(scale).limit_denominator(10_000)
    near = float(ratio)
    is_near = float(scale) in (near, unpack("f", pack("f", near))[0])
    return ratio if is_near else Fraction(scale)
