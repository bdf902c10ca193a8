"""The arithmetic of one axis in plain integers: its output size, its padding words, its rules.

Formulas are those of Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*
(2016), and for pooling in ceil mode that of PyTorch. The letters are those of `axis`.
"""

from typing import TYPE_CHECKING

from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.geometry.window.axis import Kind, PaddingWord


def effective_filter(f: int, d: int) -> int:
    """Pixels that a filter of size `f` spans at dilation `d`: ``d(f - 1) + 1``."""
    return d * (f - 1) + 1


def output_size(n: int, e: int, s: int, pb: int, pe: int, op: int, kind: "Kind", ceil: bool) -> int:
    """Compute the output size; below 1 where the filter does not fit."""
    if kind == "convt":
        return (n - 1) * s - pb - pe + e + op
    room = n + pb + pe - e
    if not ceil:
        return room // s + 1
    out = -(-room // s) + 1
    # In ceil mode the last window may extend past the end, but may not start outside the input.
    return out - 1 if (out - 1) * s >= n + pb else out


def resolve_padding(
    p: "PaddingWord | tuple[int, int]", n: int, e: int, s: int, op: int, kind: "Kind"
) -> tuple[int, int]:
    """Compute padding (before, after) from a word of TensorFlow's, ONNX's or Keras's.

    ``same`` makes the output ``ceil(n/s)``, and for a transposed layer ``n·s``, which takes a
    negative padding where the filter is smaller than the stride. An odd total has its extra pixel
    at the end, or at the start with ``same-lower``. ``causal`` is all at the start, so that no
    output reads what comes after it.
    """
    if not isinstance(p, str):
        return p
    if p == "valid":
        return 0, 0
    if p == "full":
        return e - 1, e - 1
    if p == "causal":
        if kind == "convt":
            raise UsageError(
                f"padding causal has no transposed form; use -p 0:{max(e + op - s, 0)} to crop "
                f"the end"
            )
        return e - 1, 0
    total = e + op - s if kind == "convt" else max((-(-n // s) - 1) * s + e - n, 0)
    small, large = total // 2, total - total // 2
    return (small, large) if p == "same" else (large, small)


def check_numbers(n: int, f: int, s: int, d: int, op: int, kind: "Kind", ceil: bool) -> None:
    """Raise `UsageError` for a number that is out of range for every input and padding."""
    check_range("input size", "-n", n, 1)
    check_range("filter size", "-f", f, 1)
    check_range("stride", "-s", s, 1)
    check_range("dilation", "-d", d, 1)
    if kind == "convt":
        check_range("output padding", "--output-padding", op, 0)
        most = max(s, d) - 1
        if op > most:
            raise UsageError(
                f"output padding {op} must be smaller than the larger of stride {s} and dilation "
                f"{d}; use --output-padding {most}{' or less' if most else ''}"
            )
    elif op:
        raise UsageError(
            f"output padding {op} is only valid for transposed layers; leave out --output-padding"
        )
    if ceil and kind in ("conv", "convt"):
        raise UsageError("ceil mode is only valid for pooling layers; leave out --ceil")


def check_range(what: str, option: str, value: int, least: int) -> None:
    """Raise `UsageError` for a value below the least that makes sense."""
    if value < least:
        raise UsageError(f"{what} {value} must be {least} or more; use {option} {least} or more")


def misfit(n: int, f: int, d: int, pb: int, pe: int, pooling: bool) -> str:
    """Say why a filter does not fit, and the padding with which it does."""
    e = effective_filter(f, d)
    spans = f"filter {f}" + (f" with dilation {d} spans {e} and" if d > 1 else "")
    padding, total = (pb, f"2·{pb}") if pb == pe else (f"{pb}:{pe}", f"{pb} + {pe}")
    remedy = f"-p {-(-(e - n) // 2)} or more"
    if pooling and d > n:  # more padding would let windows step over the input
        remedy = f"-d 1 -p {f // 2}"
    return (
        f"{spans} does not fit input {n} with padding {padding}: {n} + {total} < {e}; use {remedy}"
    )


def transposed_misfit(n: int, e: int, s: int, pb: int, pe: int, op: int) -> str:
    """Say why nothing is left of a transposed output, and the most that may be cropped."""
    whole = (n - 1) * s + e + op
    most = (whole - 1) // 2
    return (
        f"padding {pb} + {pe} crops all of the transposed output of {whole}: "
        f"({n} - 1)·{s} + {e} + {op} - {pb} - {pe} = {whole - pb - pe} < 1; "
        f"use -p {most}{' or less' if most else ''}"
    )
