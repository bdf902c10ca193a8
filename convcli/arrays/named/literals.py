"""Arrays written on the command line: nested lists, and single numbers."""

import math
import re

import numpy as np

from convcli.arrays.dtypes import Array
from convcli.arrays.memory import MOST_AXES
from convcli.errors import UsageError, shortened

BEYOND = "beyond the largest float64, 1.8e308"
_DIGITS = 1000  # more are no number that a type could hold


def is_list(text: str) -> bool:
    """Whether this is meant as a list."""
    return text.lstrip().startswith("[")


def parse_list(option: str, text: str) -> Array:
    """Read nested lists of numbers such as ``[[0,1],[2,3]]``.

    Returns
    -------
    ndarray
        int64 if every number is an integer, else float64.
    """
    import json  # noqa: PLC0415  not needed for filters with a name

    wrong = UsageError(
        f"{option} {shortened(text)} is not an array: rows of equal length with numbers; "
        f"write [[0,1],[2,3]]"
    )
    too_large = UsageError(
        f"{option} {shortened(text)} has numbers beyond int64; write them as floats, such as 1e19"
    )
    if len(text) - len(text.lstrip("[ ")) > MOST_AXES:
        raise UsageError(f"{option} has lists within lists deeper than {MOST_AXES}; write fewer")
    # Python writes numbers without digits that JSON needs: 1. and .5
    spelled = re.sub(r"(?<!\d)\.(?=\d)", "0.", re.sub(r"(?<=\d)\.(?!\d)", ".0", text))
    for short, full in (("inf", "Infinity"), ("nan", "NaN")):  # as Python writes them
        spelled = re.sub(rf"\b{short}\b", full, spelled, flags=re.IGNORECASE)
    beyond = False

    def parse_float(number: str) -> float:
        nonlocal beyond
        beyond = beyond or math.isinf(float(number))
        return float(number)

    try:
        array = np.array(json.loads(spelled, parse_int=_parse_int, parse_float=parse_float))
    except OverflowError:
        raise too_large from None
    except (ValueError, RecursionError):
        raise wrong from None
    if array.dtype.kind in "uO" and array.size:
        raise too_large
    if array.dtype.kind not in "if" or array.size == 0:
        raise wrong
    if beyond:
        raise UsageError(f"{option} {shortened(text)} has numbers {BEYOND}; write less, or inf")
    return array


def parse_scalar(option: str, text: str) -> Array | None:
    """Read a number, an integer as int64; None if this is not a number."""
    try:
        number = float(text)
    except ValueError:
        return None
    if math.isinf(number) and "inf" not in text.lower():
        raise UsageError(f"{option} {shortened(text)} is {BEYOND}; write less, or inf")
    if not text.strip().lstrip("+-").isdecimal():
        return np.array(number)
    try:
        integer = _parse_int(text)
    except OverflowError:
        integer = 2**63
    if abs(integer) < 2**63:
        return np.array(integer)
    raise UsageError(f"{option} {text} does not fit int64; write it as a float: {number:g}")


def _parse_int(text: str) -> int:
    if len(text) > _DIGITS:  # Python refuses to convert what is far longer
        raise OverflowError(text)
    return int(text)
