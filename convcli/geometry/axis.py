"""Sizes and padding: one axis at a time, in plain integers.

The letters are the field's: input size ``n``, filter size ``f``, stride ``s``, dilation ``d``,
padding ``pb`` before and ``pe`` after, output padding ``op``, and the effective filter
``e = d(f - 1) + 1``. Formulas are those of Dumoulin and Visin, *A guide to convolution
arithmetic for deep learning* (2016), and for pooling in ceil mode that of PyTorch.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from convcli.errors import DoesNotFit, UsageError

T = TypeVar("T")

Kind = Literal["conv", "convt", "maxpool", "avgpool"]
PaddingWord = Literal["valid", "same", "same-lower", "full"]
PADDING_WORDS: tuple[PaddingWord, ...] = ("valid", "same", "same-lower", "full")

AXIS_NAMES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class Axis(NamedTuple):
    """One spatial axis of a layer laid over an input: every number settled."""

    kind: Kind
    n: int
    f: int
    s: int
    d: int
    pb: int
    pe: int
    op: int
    ceil: bool
    out: int

    @property
    def e(self) -> int:
        """Effective filter: how many input pixels one window spans."""
        return effective_filter(self.f, self.d)

    @property
    def padded(self) -> int:
        """Input size with its padding (for a transposed layer the input has none)."""
        return self.n if self.kind == "convt" else self.n + self.pb + self.pe


class Window(NamedTuple):
    """A layer's window, before it meets an input; each tuple holds one value for each axis.

    A tuple of one value stands for every axis. Padding is a word, or (begin, end) pairs.
    """

    f: tuple[int, ...]
    s: tuple[int, ...] = (1,)
    p: PaddingWord | tuple[tuple[int, int], ...] = ((0, 0),)
    d: tuple[int, ...] = (1,)
    op: tuple[int, ...] = (0,)
    kind: Kind = "conv"
    ceil: bool = False

    @property
    def axes(self) -> int:
        """How many axes its values name at most."""
        pads = 1 if isinstance(self.p, str) else len(self.p)
        return max(len(self.f), len(self.s), len(self.d), len(self.op), pads)

    def on(self, n: Sequence[int]) -> tuple[Axis, ...]:
        """Lay the window over an input.

        Parameters
        ----------
        n : sequence of int
            Input sizes, one for each spatial axis.

        Returns
        -------
        tuple of Axis
            One for each of `n`, with padding and output size settled.

        Raises
        ------
        UsageError
            A number is out of its range whatever the input.
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
    """Call a function with the arguments of each axis; an error names the one it is of.

    Where all axes are alike it is called once, and an error is of all of them.
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
    """Give one value for each of `dims` axes: a single value stands for all."""
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        given = "x".join(":".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in values)
        axes, remedy = ("axis", "1 value") if dims == 1 else ("axes", f"1 value for all, or {dims}")
        raise UsageError(
            f"{option} {given} has {len(values)} values for {dims} {axes}; give {remedy}"
        )
    return values


def effective_filter(f: int, d: int) -> int:
    """Pixels that a filter of size `f` spans at dilation `d`: ``d(f - 1) + 1``."""
    return d * (f - 1) + 1


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
    """Lay a window over one axis: resolve the padding, compute the output size, check both.

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
        A number is out of its range whatever the input.
    DoesNotFit
        The output would have no pixel.

    Examples
    --------
    >>> fit(8, 3, s=2, p=(1, 1)).out
    4
    """
    _check_range("input size", "-n", n, 1)
    _check_range("filter size", "-f", f, 1)
    _check_range("stride", "-s", s, 1)
    _check_range("dilation", "-d", d, 1)
    e = effective_filter(f, d)
    pooling = kind in ("maxpool", "avgpool")
    if kind == "convt":
        _check_output_padding(op, s, d)
    elif op:
        raise UsageError(f"output padding {op} belongs to a transposed layer alone; leave it out")
    if ceil and not pooling:
        raise UsageError("ceil mode belongs to a pooling layer alone; leave it out")
    pb, pe = _resolve_word(p, n, e, s, op, kind) if isinstance(p, str) else p
    _check_range("padding", "-p", min(pb, pe), 0)
    if pooling and max(pb, pe) > e // 2:
        raise UsageError(
            f"padding {max(pb, pe)} is more than half of the pooling filter {e}, so that a window "
            f"could hold nothing but padding; use -p {e // 2} or less"
        )
    if kind == "convt":
        out = (n - 1) * s - pb - pe + e + op
        if out < 1:
            raise DoesNotFit(_transposed_misfit(n, e, s, pb, pe, op, out))
        return Axis(kind, n, f, s, d, pb, pe, op, ceil, out)
    room = n + pb + pe - e
    # Ceil mode lets the last window overhang the end, but not start outside the input.
    out = -(-room // s) + 1 if ceil else room // s + 1
    if ceil and (out - 1) * s >= n + pb:
        out -= 1
    if (room < 0 and not ceil) or out < 1:
        raise DoesNotFit(_misfit(n, f, d, e, pb, pe))
    return Axis(kind, n, f, s, d, pb, pe, op, ceil, out)


def _resolve_word(p: PaddingWord, n: int, e: int, s: int, op: int, kind: Kind) -> tuple[int, int]:
    """Turn a padding word into (before, after); the words are those of TensorFlow and ONNX.

    ``same`` makes the output ``ceil(n/s)``, and of a transposed layer ``n·s``; an odd total
    leaves its extra pixel at the end, or at the start with ``same-lower``.
    """
    if p == "valid":
        return 0, 0
    if p == "full":
        return e - 1, e - 1
    if kind == "convt":
        total = (n - 1) * s + e + op - n * s
        if total < 0:
            raise DoesNotFit(
                f"padding {p} cannot make the output n·s = {n}·{s}: filter {e} is smaller than "
                f"stride {s}; use --output-padding {s - e}"
            )
    else:
        total = max((-(-n // s) - 1) * s + e - n, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if p == "same" else (large, small)


def _check_range(what: str, option: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{what} {value} must be {least} or more; use {option} {least} or more")


def _check_output_padding(op: int, s: int, d: int) -> None:
    _check_range("output padding", "--output-padding", op, 0)
    if op >= max(s, d):
        raise UsageError(
            f"output padding {op} must be smaller than the larger of stride {s} and dilation {d}; "
            f"use --output-padding {max(s, d) - 1}{' or less' if max(s, d) > 1 else ''}"
        )


def _misfit(n: int, f: int, d: int, e: int, pb: int, pe: int) -> str:
    spans = f"filter {f}" + (f" with dilation {d} spans {e} and" if d > 1 else "")
    padding, total = (pb, f"2·{pb}") if pb == pe else (f"{pb}:{pe}", f"{pb} + {pe}")
    enough = -(-(e - n) // 2)
    return (
        f"{spans} does not fit input {n} with padding {padding}: "
        f"{n} + {total} < {e}; use -p {enough} or more"
    )


def _transposed_misfit(n: int, e: int, s: int, pb: int, pe: int, op: int, out: int) -> str:
    whole = (n - 1) * s + e + op
    return (
        f"padding {pb} + {pe} crops all of the transposed output of {whole}: "
        f"({n} - 1)·{s} + {e} + {op} - {pb} - {pe} = {out} < 1; use -p {(whole - 1) // 2} or less"
    )
