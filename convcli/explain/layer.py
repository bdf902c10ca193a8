"""All that is said of one layer: its figures, formula, picture, coverage, and it elsewhere."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group

from convcli.explain import drawing, frameworks, words
from convcli.geometry.network.layer import Step
from convcli.geometry.text.notation import format_padding, format_sizes
from convcli.geometry.window.axis import KIND_NAMES, Axis
from convcli.geometry.window.formula import formulas
from convcli.terminal.tables import facts_table


def explain_layer(step: Step, out: Console) -> None:
    """Explain a layer: formula, picture, coverage, and the same layer elsewhere."""
    out.print(case_table(step))
    for line in words.step_by_step(step):
        out.print(line)
    out.print()
    out.print(drawing.windows(step.axes, out.width))
    out.print()
    for line in words.coverage_words(step.axes):
        out.print(line)
    out.print(drawing.coverage_map(step.axes, out.width))
    out.print()
    code = {"PyTorch": frameworks.pytorch, "Keras": frameworks.keras, "ONNX": frameworks.onnx}
    for name, write in code.items():
        out.print(f"{name + ':':9}{write(step)}", soft_wrap=True)  # whole, to be copied


def case_table(step: Step) -> Group:
    """Show every figure of one layer."""
    axes, layer = step.axes, step.layer
    rows = [
        ("input n", format_sizes([a.n for a in axes])),
        ("filter f", format_sizes([a.f for a in axes])),
        ("padding p", _padding(step)),
        ("stride s", format_sizes([a.s for a in axes])),
    ]
    if any(a.d > 1 for a in axes):
        spans = format_sizes([a.e for a in axes])
        rows.append(
            ("dilation d", f"{format_sizes([a.d for a in axes])}, so the filter spans {spans}")
        )
    if layer.window.kind == "convt":
        rows.append(("output padding", format_sizes([a.op for a in axes])))
    rows += [("output", format_sizes(step.out)), ("formula", "\n".join(formulas(axes)))]
    rows.append(("unwritten" if layer.window.kind == "convt" else "unread", words.loss(axes)))
    rows += cost_rows(step)
    return facts_table(rows, f"{KIND_NAMES[layer.window.kind]}, {_axes(axes)}", answer="output")


def cost_rows(step: Step) -> Iterator[tuple[str, str]]:
    """Name channels, parameters and arithmetic, where the channels are known."""
    layer = step.layer
    if step.c_in is None:
        return
    groups = f" in {layer.g} groups" if layer.g > 1 else ""
    yield "channels", f"{step.c_in} in, {step.c_out} out{groups}"
    pooling = layer.window.kind in ("maxpool", "avgpool")
    bias = "" if pooling else (" with bias" if layer.bias else " without bias")
    yield "parameters", f"{step.params:,}{bias}"
    yield "MACs", f"{step.macs:,} multiply-accumulates"
    added = " + bias additions" if layer.has_bias else ""
    yield "FLOPs", f"{step.flops:,} = 2·MACs{added}"


def _padding(step: Step) -> str:
    """Write the padding, and what a word was resolved to."""
    pads = format_padding([(a.pb, a.pe) for a in step.axes])
    p = step.layer.window.p
    return f"{p} = {pads}" if isinstance(p, str) else pads


def _axes(axes: Sequence[Axis]) -> str:
    return f"{len(axes)} axis" if len(axes) == 1 else f"{len(axes)} axes"
