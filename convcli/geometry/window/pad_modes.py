"""The pad modes: what each puts beyond the border, and what other libraries call it."""

from typing import NamedTuple

from convcli.errors import UsageError


class PadMode(NamedTuple):
    """How the border is filled: a picture for a 4-pixel input, and what others call it."""

    picture: str
    names: tuple[str, ...]
    known_as: str


PAD_MODES = {
    "zeros": PadMode(
        "0 0 0 | a b c d | 0 0 0", ("constant", "grid-constant"), "NumPy's and SciPy's constant"
    ),
    "reflect": PadMode(
        "d c b | a b c d | c b a", ("mirror",), "PyTorch's and NumPy's reflect, SciPy's mirror"
    ),
    "symmetric": PadMode(
        "c b a | a b c d | d c b",
        ("grid-mirror", "scipy-reflect"),
        "NumPy's symmetric, SciPy's reflect and grid-mirror",
    ),
    "replicate": PadMode(
        "a a a | a b c d | d d d", ("edge", "nearest"), "NumPy's edge, SciPy's nearest"
    ),
    "circular": PadMode(
        "b c d | a b c d | a b c", ("wrap", "grid-wrap"), "NumPy's wrap, SciPy's grid-wrap"
    ),
}


def parse_pad_mode(name: str, option: str = "--pad-mode") -> str:
    """Find the pad mode that PyTorch, NumPy or SciPy calls by this name; `option` is for errors.

    ``reflect`` is PyTorch's and NumPy's; SciPy's is ``symmetric``.
    """
    for mode, known in PAD_MODES.items():
        if name.lower() in (mode, *known.names):
            return mode
    names = ", ".join(f"{mode} ({'|'.join(known.names)})" for mode, known in PAD_MODES.items())
    raise UsageError(f"{option} {name!r} is not a pad mode; write {names}")
