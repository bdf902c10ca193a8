"""The layer that a run carried out, as `shape` describes layers: its costs and its explanation."""

from collections.abc import Sequence

from convcli.geometry.network.layer import Layer, Step, apply
from convcli.geometry.window.axis import POOL_KINDS, Axis, PaddingWord, Window


def as_step(
    axes: Sequence[Axis],
    c_in: int | None,
    c_out: int | None,
    groups: int,
    bias: bool,
    word: PaddingWord | None = None,
) -> Step:
    """Describe a layer with its input.

    Parameters
    ----------
    axes : sequence of Axis
    c_in, c_out : int or None
        Channels of input and output; None where there is no axis for them.
    groups : int
        As many as there are channels where one filter is applied to each.
    bias : bool
    word : str, optional
        What the padding was given by.
    """
    kind = axes[0].kind
    window = Window(
        f=tuple(a.f for a in axes),
        s=tuple(a.s for a in axes),
        p=word or tuple((a.pb, a.pe) for a in axes),
        d=tuple(a.d for a in axes),
        op=tuple(a.op for a in axes),
        kind=kind,
        ceil=axes[0].ceil,
    )
    layer = Layer(window, c_out, 1 if kind in POOL_KINDS else groups, bias)
    return apply(layer, tuple(a.n for a in axes), c_in)
