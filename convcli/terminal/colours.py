"""Colours of heat maps: one map for amounts, one for signed numbers, one for light."""

_COLD, _WARM = (38, 54, 110), (244, 196, 66)
# Moreland's cool to warm: its middle is seen on light and on dark terminals.
_NEGATIVE, _ZERO, _POSITIVE = (59, 76, 192), (221, 221, 221), (180, 4, 38)


def heat(share: float) -> str:
    """Style a cell from cold (0) to warm (1); the text on it stays readable on either."""
    # The terminal's own black and white may be any grey.
    ink = "rgb(0,0,0)" if share > 0.4 else "rgb(255,255,255)"
    return f"{ink} on {rgb(share)}"


def rgb(share: float) -> str:
    """Mix a colour from cold (0) to warm (1)."""
    return _mix(_COLD, _WARM, share)


def diverging(share: float) -> str:
    """Mix a colour from negative (0) over zero (0.5) to positive (1)."""
    if share < 0.5:
        return _mix(_NEGATIVE, _ZERO, 2 * share)
    return _mix(_ZERO, _POSITIVE, 2 * share - 1)


def light(red: float, green: float, blue: float) -> str:
    """Write the colour of three intensities from 0 to 1."""
    return "rgb({},{},{})".format(*(round(255 * part) for part in (red, green, blue)))


def _mix(first: tuple[int, int, int], second: tuple[int, int, int], share: float) -> str:
    r, g, b = (round(c + (w - c) * share) for c, w in zip(first, second, strict=True))
    return f"rgb({r},{g},{b})"
