"""The windows of ONNX convolutions and pooling: sizes and padding from a node's attributes."""

from convcli.errors import ConvcliError
from convcli.geometry.window.axis import Kind, Padding, Sizes, Window, spread
from convcli.geometry.window.size import effective_filter
from convcli.models.layer import shortest
from convcli.models.operators.attributes import Attributes

_WORDS: dict[str, Padding] = {"SAME_UPPER": "same", "SAME_LOWER": "same-lower"}


def window_of(attrs: Attributes, f: Sizes, kind: Kind) -> Window:
    """Read a window without its padding; `f` are the sizes of the weight or of the pool."""
    return Window(
        f=shortest(f or attrs.integers("kernel_shape")) or (1,),
        s=shortest(attrs.integers("strides")) or (1,),
        d=shortest(attrs.integers("dilations")) or (1,),
        op=shortest(attrs.integers("output_padding")) or (0,),
        kind=kind,
    )


def padded(window: Window, attrs: Attributes, called: str, n: Sizes) -> Window | None:
    """Add the padding; None where it depends on input sizes `n`, and these are not known.

    Raises
    ------
    ConvcliError
        It is damaged.
    """
    word = attrs.text("auto_pad", "NOTSET")
    if "output_shape" in attrs and window.kind == "convt":
        return _padded_to(attrs, window, n)
    if word in _WORDS:
        return window._replace(p=_WORDS[word])
    pads = attrs.integers("pads") if word == "NOTSET" else ()
    if len(pads) % 2:
        raise ConvcliError(
            f"{called}: pads has {len(pads)} numbers, and each axis needs two; "
            f"export the model again"
        )
    half = len(pads) // 2
    p = shortest(tuple(zip(pads[:half], pads[half:], strict=True))) or ((0, 0),)
    return window._replace(p=p)


def _padded_to(attrs: Attributes, window: Window, n: Sizes) -> Window | None:
    """Crop a transposed output to the sizes that the file gives; the odd pixel where ONNX says.

    What a larger output has beyond the last window is output padding.
    """
    outs = attrs.integers("output_shape")
    if not n or not all(n) or len(outs) < len(n):
        return None
    upper = attrs.text("auto_pad", "NOTSET") == "SAME_UPPER"
    each = [spread("", values, len(n)) for values in (window.f, window.s, window.d, window.op)]
    pads, more = [], []
    for size, out, f, s, d, op in zip(n, outs[-len(n) :], *each, strict=True):
        total = (size - 1) * s + effective_filter(f, d) + op - out
        more.append(op + max(-total, 0))
        small, large = max(total, 0) // 2, (max(total, 0) + 1) // 2
        pads.append((small, large) if upper else (large, small))
    return window._replace(p=shortest(tuple(pads)), op=shortest(tuple(more)))
