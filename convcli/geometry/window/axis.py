"""A layer's window over an input, one spatial axis at a time.

The letters are the field's: input size ``n``, filter size ``f``, stride ``s``, dilation ``d``,
padding ``pb`` before and ``pe`` after, output padding ``op``, and the effective filter
``e = d(f - 1) + 1``.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from convcli.errors import DoesNotFit, UsageError
from convcli.geometry.window.size import (
    check_numbers,
    check_range,
    effective_filter,
    misfit,
    output_size,
    resolve_padding,
    transposed_misfit,
)

T = TypeVar("T")

Kind = Literal["conv", "convt", "maxpool", "avgpool"]
KIND_NAMES: dict[Kind, str] = {
    "conv": "convolution",
    "convt": "transposed convolution",
    "maxpool": "max pooling",
    "avgpool": "average pooling",
}
POOL_KINDS = ("maxpool", "avgpool")
PaddingWord = Literal["valid", "same", "same-lower", "full", "causal"]
PADDING_WORDS: tuple[PaddingWord, ...] = ("valid", "same", "same-lower", "full", "causal")

# One value for each axis, or a single one for all; padding is (before, after), or a word.
Sizes = tuple[int, ...]
Padding = PaddingWord | tuple[tuple[int, int], ...]

AXIS_NAMES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class Axis(NamedTuple):
    """One spatial axis of a layer over an input: padding and output size are resolved."""

    kind: Kind
    n: int
    f: int
    out: int
    s: int = 1
    d: int = 1
    pb: int = 0
    pe: int = 0
    op: int = 0
    ceil: bool = False

    @property
    def e(self) -> int:
        """Effective filter: how many input pixels one window spans."""
        return effective_filter(self.f, self.d)

    @property
    def padded(self) -> int:
        """Input size with its padding (the input of a transposed layer has none)."""
        return self.n if self.kind == "convt" else self.n + self.pb + self.pe


class Window(NamedTuple):
    """A layer's window, before it is applied to an input."""

    f: Sizes
    s: Sizes = (1,)
    p: Padding = ((0, 0),)
    d: Sizes = (1,)
    op: Sizes = (0,)
    kind: Kind = "conv"
    ceil: bool = False

    @property
    def axes(self) -> int:
        """The largest number of axes that one of its values names."""
        pads = 1 if isinstance(self.p, str) else len(self.p)
        return max(len(self.f), len(self.s), len(self.d), len(self.op), pads)

    def on(self, n: Sequence[int]) -> tuple[Axis, ...]:
        """Apply the window to an input.

        Parameters
        ----------
        n : sequence of int
            Input sizes, one for each spatial axis.

        Returns
        -------
        tuple of Axis
            One for each of `n`.

        Raises
        ------
        UsageError
            A number is out of range for every input.
        DoesNotFit
            The output would have no pixel.
        """
        dims = len(n)
        f, s, d = spread("-f", self.f, dims), spread("-s", self.s, dims), spread("-d", self.d, dims)
        op = spread("--output-padding", self.op, dims)
        p = (self.p,) * dims if isinstance(self.p, str) else spread("-p", self.p, dims)
        args = list(zip(n, f, s, p, d, op, strict=True))
        return on_each_axis(self._on_axis, args)

    def _on_axis(
        self, n: int, f: int, s: int, p: PaddingWord | tuple[int, int], d: int, op: int
    ) -> Axis:
        return fit(n, f, s, p, d, op, self.kind, self.ceil)


def on_each_axis(function: Callable[..., T], args: Sequence[tuple[Any, ...]]) -> tuple[T, ...]:
    """Call a function with the arguments of each axis; an error starts with the axis's name.

    Where all axes are equal the function is called once, and an error names no axis.
    """
    if args.count(args[0]) == len(args):
        return (function(*args[0]),) * len(args)
    results = []
    for name, each in zip(AXIS_NAMES[len(args)], args, strict=True):
        try:
            results.append(function(*each))
        except (DoesNotFit, UsageError) as error:
            raise type(error)(f"{name}: {error}") from None
    return tuple(results)


def spread(option: str, values: tuple[T, ...], dims: int) -> tuple[T, ...]:
    """Return one value for each of `dims` axes: a single value stands for all."""
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        given = "x".join(
            ":".join(map(str, dict.fromkeys(v))) if isinstance(v, tuple) else str(v) for v in values
        )
        every = given.split("x")[:dims]
        example = "x".join(every + every[-1:] * (dims - len(every)))
        rule = (
            f"{option} {given} has {len(values)} values for {dims} ax{'is' if dims == 1 else 'es'}"
        )
        remedy = "give 1 value" if dims == 1 else f"give 1 value for all, or {dims}"
        raise UsageError(f"{rule}; {remedy}, such as {example}")
    return values


def fit(
    n: int,
    f: int,
    s: int = 1,
    p: PaddingWord | tuple[int, int] = (0, 0),
    d: int = 1,
    op: int = 0,
    kind: Kind = "conv",
    ceil: bool = False,
) -> Axis:
    """Apply a window to one axis: resolve the padding, compute the output size, check both.

    Parameters
    ----------
    n, f, s, d, op : int
        Input size, filter size, stride, dilation and output padding, in pixels.
    p : tuple of int, or word
        Padding before and after the input, or one of `PADDING_WORDS`.
    kind : str
        ``conv``, ``convt`` (transposed), ``maxpool`` or ``avgpool``.
    ceil : bool
        Round a pooling size up, as PyTorch's ``ceil_mode``.

    Returns
    -------
    Axis

    Raises
    ------
    UsageError
        A number is out of range for every input.
    DoesNotFit
        The output would have no pixel, or a pooling window would read padding only.

    Examples
    --------
    >>> fit(8, 3, s=2, p=(1, 1)).out
    4
    """
    axis = fit_any_window(n, f, s, p, d, op, kind, ceil)
    if kind in POOL_KINDS:
        from convcli.geometry.window.pooling import check_windows  # noqa: PLC0415  for pools only

        check_windows(axis)
    return axis


def fit_any_window(
    n: int,
    f: int,
    s: int,
    p: PaddingWord | tuple[int, int],
    d: int,
    op: int,
    kind: Kind,
    ceil: bool,
) -> Axis:
    """Do the same as `fit`, but allow pooling windows that read padding only."""
    check_numbers(n, f, s, d, op, kind, ceil)
    e = effective_filter(f, d)
    pb, pe = resolve_padding(p, n, e, s, op, kind)
    if isinstance(p, str) and min(pb, pe) < 0:
        raise DoesNotFit(
            f"padding {p} cannot make the output n·s = {n}·{s}: filter {e} is smaller than "
            f"stride {s}; use --output-padding {s - e}"
        )
    check_range("padding", "-p", min(pb, pe), 0)
    out = output_size(n, e, s, pb, pe, op, kind, ceil)
    if kind == "convt" and out < 1:
        raise DoesNotFit(transposed_misfit(n, e, s, pb, pe, op))
    if out < 1:
        raise DoesNotFit(misfit(n, f, d, pb, pe, kind in POOL_KINDS))
    return Axis(kind, n, f, out, s, d, pb, pe, op, ceil)
