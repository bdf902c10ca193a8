"""The colour of each role on light and on dark paper, and ramps for numbers.

Blue and orange are Okabe and Ito's, which the colour-blind tell apart. The ramp of amounts is
cividis, even in lightness for everybody; that of signed numbers runs from blue to orange.
"""

from convcli.pictures.scene import Paint, Rgb, Shade

ROLES = {  # light, dark
    "paper": ("#fbfaf7", "#17181b"),
    "ink": ("#1c1c1e", "#edece8"),
    "soft": ("#57554f", "#b3b0a8"),
    "line": ("#8d8a82", "#77767a"),
    "cell": ("#ffffff", "#26282d"),
    "input": ("#b5d6ea", "#1f5478"),
    "input-edge": ("#0072b2", "#3f8fc4"),
    "padding": ("#f1efe9", "#212328"),
    "window": ("#f0a000", "#f0a000"),
    "window-pale": ("#fbe2b0", "#6b5220"),
    "window-edge": ("#8a5a00", "#ffd37a"),
    "on-window": ("#1c1c1e", "#17181b"),
    "output": ("#b9e0d0", "#1d5a45"),
    "output-edge": ("#00795a", "#35b58c"),
    "unread": ("#a33b00", "#ffab6b"),
    "dark-ink": ("#16171a", "#16171a"),  # on a light shade
    "light-ink": ("#ffffff", "#ffffff"),  # on a dark shade
}
_CIVIDIS = (
    *((0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115)),
    *((138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56)),
)
_SIGNED = ((0, 90, 150), (120, 178, 214), (245, 244, 240), (243, 184, 92), (190, 92, 0))


def rgb(paint: Paint, dark: bool = False) -> Rgb:
    """Return the colour of a role, a shade or a pixel."""
    if isinstance(paint, Rgb):
        return paint
    if isinstance(paint, Shade):
        return _along(_SIGNED if paint.signed else _CIVIDIS, paint.share)
    text = ROLES[paint][dark]
    return Rgb(int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def hexadecimal(colour: Rgb) -> str:
    """Write a colour as in HTML, ``#0072b2``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_on(paint: Paint) -> str:
    """Choose the role of a text that can be read on a colour."""
    if isinstance(paint, str):
        return "on-window" if paint == "window" else "ink"
    red, green, blue = [_linear(part / 255) for part in rgb(paint)]
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "dark-ink" if luminance > 0.2 else "light-ink"


def _along(stops: tuple[tuple[int, int, int], ...], share: float) -> Rgb:
    place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    below = min(int(place), len(stops) - 2)
    part = place - below
    pairs = zip(stops[below], stops[below + 1], strict=True)
    return Rgb(*(round(a + (b - a) * part) for a, b in pairs))


def _linear(part: float) -> float:
    """Undo the gamma of sRGB."""
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
