"""``--solve``: read the question, and answer it on each axis."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from convcli.errors import UsageError
from convcli.geometry import notation
from convcli.geometry.axis import POOLS, PaddingWord, Sizes, on_each_axis, spread
from convcli.geometry.inverse import Answer, Unknown, solve
from convcli.shape.usage import need, refuse

if TYPE_CHECKING:
    from convcli.shape.command import Request


def answers(request: "Request") -> tuple[Sizes, Sequence[Answer]]:
    """Solve for one number on each axis.

    Returns
    -------
    tuple
        The wanted output sizes, and for each axis the answer of `inverse.solve`.
    """
    unknown = request.solve
    if unknown is None or request.out is None:
        raise UsageError("--solve and --out go together; write --solve n --out 112")
    if unknown not in get_args(Unknown):
        raise UsageError(f"--solve {unknown!r} is not one of n, f, p, s; write --solve n")
    refuse(
        {
            "-l": request.layers[0] if request.layers else None,
            "--layers": request.layers_file,
            "-c": request.c,
            "-g": request.g,
            "--no-bias": not request.bias,
            "--explain": request.explain,
        },
        f"--solve {unknown}",
    )
    given = {"n": request.n, "f": request.f, "p": request.p, "s": request.s}
    refuse({f"-{unknown}": given[unknown]}, f"--solve {unknown}")
    pooling = request.kind in POOLS
    texts = {
        "n": "1" if unknown == "n" else need("-n", request.n),
        "f": "1" if unknown == "f" else need("-f", request.f),
        "s": request.s or (need("-f", request.f) if pooling and unknown != "s" else "1"),
        "d": request.d or "1",
        "op": request.op or "0",
    }
    values = {name: notation.parse_only(f"-{name}", text) for name, text in texts.items()}
    out = notation.parse_only("--out", request.out)
    p = notation.parse_only_padding("-p", request.p or "0")
    named = [out, *values.values()] + ([] if isinstance(p, str) else [p])
    dims = notation.resolve_dims(map(len, named), request.dims)
    out = spread("--out", out, dims)
    columns = {name: spread(f"-{name}", value, dims) for name, value in values.items()}
    pads = (p,) * dims if isinstance(p, str) else spread("-p", p, dims)

    def on_axis(size: int, pad: PaddingWord | tuple[int, int], *numbers: int) -> Answer:
        return solve(
            unknown,  # type: ignore[arg-type]
            size,
            p=pad,
            kind=request.kind,
            ceil=request.ceil,
            **dict(zip(columns, numbers, strict=True)),
        )

    return out, on_each_axis(on_axis, list(zip(out, pads, *columns.values(), strict=True)))
