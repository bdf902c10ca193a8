"""``--solve``: read the question, and answer it on each axis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast, get_args

from convcli.errors import UsageError
from convcli.geometry.inverse import Answer, Unknown, solve
from convcli.geometry.text import notation
from convcli.geometry.window.axis import POOL_KINDS, PaddingWord, Sizes, on_each_axis, spread
from convcli.option_rules import refuse
from convcli.shape.usage import first_layer, kind_of, need

if TYPE_CHECKING:
    from convcli.shape.options import ShapeRequest


def answers(request: "ShapeRequest") -> tuple[Unknown, Sizes, Sequence[Sequence[Answer]]]:
    """Solve for one number on each axis.

    Returns
    -------
    tuple
        The unknown, the wanted output sizes, and for each axis the answers of `inverse.solve`.
    """
    if request.solve is None or request.out is None:
        raise UsageError("--solve and --out go together; write --solve n --out 112")
    if request.solve not in get_args(Unknown):
        raise UsageError(f"--solve {request.solve!r} is not one of n, f, p, s; write --solve n")
    unknown = cast(Unknown, request.solve)
    refuse(
        {
            "-l": first_layer(request),
            "--layers": request.layers_file,
            "NETWORK": request.network,
            "-c": request.channels,
            "-g": request.groups,
            "--no-bias": request.no_bias,
            "--explain": request.explain,
            "--fields": request.fields,
            "--all": request.every_node,
        },
        f"--solve {unknown}",
    )
    given = {"n": request.n, "f": request.f, "p": request.p, "s": request.s}
    refuse({f"-{unknown}": given[unknown]}, f"--solve {unknown}")
    kind = kind_of(request)
    texts = {
        "n": "1" if unknown == "n" else need("-n", request.n),
        "f": "1" if unknown == "f" else need("-f", request.f),
        "d": request.d or "1",
        "op": request.output_padding or "0",
    }
    if request.s is not None or kind not in POOL_KINDS:
        texts["s"] = request.s or "1"
    names = {"op": "--output-padding"}
    values = {
        key: notation.parse_only(names.get(key, f"-{key}"), text) for key, text in texts.items()
    }
    out = notation.parse_only("--out", request.out)
    p = notation.parse_only_padding("-p", request.p or "0")
    named = [out, *values.values()] + ([] if isinstance(p, str) else [p])
    dims = notation.resolve_dims(map(len, named), request.dims)
    out = spread("--out", out, dims)
    columns: dict[str, tuple[int | None, ...]] = {
        key: spread(names.get(key, f"-{key}"), value, dims) for key, value in values.items()
    }
    if "s" not in columns:
        columns["s"] = (None,) * dims  # the filter size
    pads = (p,) * dims if isinstance(p, str) else spread("-p", p, dims)

    def on_axis(size: int, pad: PaddingWord | tuple[int, int], *numbers: int) -> tuple[Answer, ...]:
        return solve(
            unknown,
            size,
            p=pad,
            kind=kind,
            ceil=request.ceil,
            **dict(zip(columns, numbers, strict=True)),
        )

    return unknown, out, on_each_axis(on_axis, list(zip(out, pads, *columns.values(), strict=True)))
