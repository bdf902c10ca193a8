"""Colours of heat maps."""

_COLD, _WARM = (38, 54, 110), (244, 196, 66)


def heat(share: float) -> str:
    """Style a cell from cold (0) to warm (1); the text on it stays readable on either."""
    # The terminal's own black and white may be any grey.
    ink = "rgb(0,0,0)" if share > 0.4 else "rgb(255,255,255)"
    return f"{ink} on {rgb(share)}"


def rgb(share: float) -> str:
    """Mix a colour from cold (0) to warm (1)."""
    r, g, b = (round(c + (w - c) * share) for c, w in zip(_COLD, _WARM, strict=True))
    return f"rgb({r},{g},{b})"
