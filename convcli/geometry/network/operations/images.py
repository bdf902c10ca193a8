"""Operations on the spatial axes of an image ``(batch, channels, *sizes)``, as texts name them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.network.index_map import Blocks, IndexMap
from convcli.geometry.network.layer import check_dims
from convcli.geometry.network.operation import Applied, Operation
from convcli.geometry.network.operations.indexing import Padded, read
from convcli.geometry.network.operations.resize import Coordinates, Mode, Resized, scaled_size
from convcli.geometry.network.tensor import Tensor, image_axes
from convcli.geometry.window.axis import AXIS_NAMES, Sizes, spread

if TYPE_CHECKING:
    from fractions import Fraction


class OfAxes(NamedTuple):
    """An operation on images of so many axes, as its kind says: ``pad2d``.

    With `or_flat` it is also one on what is not an image any more.
    """

    operation: Operation
    kind: str
    dims: int
    or_flat: bool = False

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        found = len(inputs[0].shape) - 2
        if self.or_flat and found not in (0, self.dims):
            raise UsageError(
                f"{self.kind}{self.dims}d needs {self.dims} spatial axis or none, and its input "
                f"has {found}; write {self.kind}{found}d, in PyTorch's notation BatchNorm{found}d"
            )
        if not self.or_flat:
            check_dims(self.kind, self.dims, len(image_axes(inputs[0])))
        return self.operation.apply(inputs)


class Framed(NamedTuple):
    """A frame around an image, or with a sign of -1 one that is cropped off; see `Padded`."""

    pads: tuple[tuple[int, int], ...]
    sign: int = 1
    mode: str = "zeros"

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        each = spread("-p", self.pads, len(image_axes(x)))
        pads = [(i + 2, self.sign * b, self.sign * e) for i, (b, e) in enumerate(each)]
        for axis, *sides in pads:
            self._check_copied(max(sides), x.size(axis))
        return Padded(tuple(pads), self.mode).apply(inputs)

    def _check_copied(self, side: int, size: int) -> None:
        """Refuse padding that copies more pixels than there are, as PyTorch does."""
        most = {"reflect": size - 1, "circular": size}.get(self.mode, side)
        if side > most:
            raise DoesNotFit(
                f"padding {side} by mode {self.mode} copies more than the {most} pixels that "
                f"an axis of {size} has for it; use -p {most}"
            )


class Cropped(NamedTuple):
    """The middle of an image, of the size `out`, or as large as the second input.

    Of an odd rest the extra pixel is cut off at the end.
    """

    out: Sizes = ()

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        x, *like = inputs
        dims = len(image_axes(x))
        outs = like[0].shape[2:] if like else spread("out", self.out, dims)
        if len(outs) != dims:
            raise DoesNotFit(f"an image of {dims} axes cannot be cropped like one of {len(outs)}")
        maps: dict[int, IndexMap] = {}
        for name, axis, out in zip(AXIS_NAMES[dims], range(2, dims + 2), outs, strict=True):
            size, taken = x.size(axis), out or 1
            if not 1 <= taken <= size:
                raise DoesNotFit(
                    f"{name} {size} cannot be cropped to {taken}; crop to {size} or less"
                )
            maps[axis] = Blocks(taken, start=(size - taken) // 2)
        return Applied((read(x, maps),))


class Upsampled(NamedTuple):
    """An image resized to `sizes`, or by `scales`, as PyTorch's ``Upsample`` does.

    With `recompute` pixels are as far apart as the sizes say, which were rounded, not the scales.
    """

    sizes: Sizes = ()
    scales: "tuple[Fraction, ...]" = ()
    mode: Mode = "nearest"
    align: bool = False
    recompute: bool = False

    def apply(self, inputs: Sequence[Tensor]) -> Applied:
        (x,) = inputs
        dims = len(image_axes(x))
        way: Coordinates = "asymmetric" if self.mode == "nearest" else "half_pixel"
        if self.align:
            way = "align_corners"
        resized = Resized(mode=self.mode, coordinates=way)
        if self.sizes:
            sizes = list(enumerate(spread("out", self.sizes, dims), 2))
            return resized._replace(sizes=tuple(sizes)).apply(inputs)
        scales = [
            (axis, scaled_size(x.size(axis), *scale.as_integer_ratio()), *scale.as_integer_ratio())
            for axis, scale in enumerate(spread("scale", self.scales, dims), 2)
        ]
        if self.recompute:
            sizes = [(axis, size) for axis, size, *_ in scales]
            return resized._replace(sizes=tuple(sizes)).apply(inputs)
        return resized._replace(scales=tuple(scales)).apply(inputs)
