"""Receptive fields against gradients in float64."""

import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.errors import ConvcliError
from convcli.geometry.network.graph import NodeStep
from convcli.geometry.network.index_map import Windows
from convcli.geometry.network.receptive_field import INPUT, Phases
from tests.conftest import run_command
from tests.networks import steps_of

Span = tuple[int, int]


def _follow(lines: list[str], n: int) -> list[NodeStep]:
    return steps_of(lines, (n,))


def _reach(steps: list[NodeStep]) -> Phases:
    reach = steps[-1].outputs[0].tracks[0].reach
    assert isinstance(reach, Phases)
    return reach


def _module(step: NodeStep) -> torch.nn.Module:
    """Build the layer with weights of 1 (a pool as a convolution, which reads the same)."""
    (a,) = step.axes
    options: dict[str, Any] = {"stride": a.s, "dilation": a.d, "bias": False}
    layer: torch.nn.Module
    if a.kind == "convt":
        layer = torch.nn.ConvTranspose1d(1, 1, a.f, output_padding=a.op, **options)
        pads = (-a.pb, -a.pe)
        whole = [layer, torch.nn.ZeroPad1d(pads)]
    else:
        layer = torch.nn.Conv1d(1, 1, a.f, **options)
        whole = [torch.nn.ZeroPad1d((a.pb, a.pe)), layer]
    torch.nn.init.ones_(layer.weight)
    return torch.nn.Sequential(*whole).double()


def _gradient_spans(steps: list[NodeStep]) -> list[Span | None]:
    """First and last input pixel with a gradient, for each output."""
    n = steps[0].axes[0].n
    net = torch.nn.Sequential(*map(_module, steps))
    x = torch.ones(1, 1, n, dtype=torch.double, requires_grad=True)
    y = net(x)[0, 0]
    spans: list[Span | None] = []
    for output in y:
        if not output.requires_grad:
            spans.append(None)
            continue
        (gradient,) = torch.autograd.grad(output, x, retain_graph=True)
        pixels = gradient[0, 0].nonzero()[:, 0].tolist()
        spans.append((pixels[0], pixels[-1]) if pixels else None)
    return spans


def _assert_exact(lines: list[str], n: int) -> int:
    """Compare every output whose pixels lie inside the input; return how many there are."""
    steps = _follow(lines, n)
    reach = _reach(steps)
    compared = 0
    for output, span in enumerate(_gradient_spans(steps)):
        expected = reach.at(output)
        if _is_inside(steps, output):
            assert span == expected, (lines, output)
            compared += 1
        elif span is not None:
            assert expected is not None
            assert expected[0] <= span[0] <= span[1] <= expected[1]
    field = steps[-1].fields[0]
    assert field.exact
    assert field.r == max((b - a + 1 for a, b in filter(None, reach.spans)), default=0)
    return compared


def _is_inside(steps: list[NodeStep], output: int) -> bool:
    """Whether no border cuts what an output depends on, at any layer."""
    low = high = output
    for step in reversed(steps):
        (a,) = step.axes
        if a.kind == "convt":
            low, high = (low + a.pb - a.e + 1) // a.s, -(-(high + a.pb) // a.s)
        else:
            low, high = low * a.s - a.pb, high * a.s - a.pb + a.e - 1
        if low < 0 or high >= a.n:
            return False
    return True


@st.composite
def lines_of_layers(draw: st.DrawFn) -> list[str]:
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("conv", "convt", "maxpool")))
        f, s, d = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
        line = f"{kind} f={f} s={s} d={d}"
        e = d * (f - 1) + 1
        if kind == "maxpool":
            line += f" p={draw(st.integers(0, f // 2))}"
        elif kind == "conv":
            line += f" p={draw(st.integers(0, 3))}:{draw(st.integers(0, 3))}"
        else:
            line += f" p={draw(st.integers(0, min(3, e)))} op={draw(st.integers(0, max(s, d) - 1))}"
        lines.append(line)
    return lines


@given(lines_of_layers())
def test_every_output_depends_on_the_pixels_that_have_a_gradient(lines: list[str]) -> None:
    try:
        _follow(lines, 48)
    except ConvcliError:
        assume(False)
    _assert_exact(lines, 48)


@pytest.mark.parametrize(
    ("layers", "r", "P"),
    [
        ("convt f=1 s=2; conv f=2 d=3", 1, 0),
        ("convt f=3 s=2 d=3 p=3; maxpool f=4 s=2 d=2", 4, 0),
        ("convt f=4 s=2 p=1; conv f=3", 3, 1),
        ("conv f=3 s=2; convt f=2 s=2; conv f=3", 5, 0),
    ],
)
def test_receptive_fields_after_a_transposed_layer(layers: str, r: int, P: int) -> None:
    lines = layers.split("; ")
    assert _assert_exact(lines, 40) > 10
    field = _follow(lines, 40)[-1].fields[0]
    spans = [span for span in _gradient_spans(_follow(lines, 40))[10:-10] if span]
    assert field.r == r == max(last - first + 1 for first, last in spans)
    assert field.P == P


@given(lines_of_layers())
def test_outputs_of_a_period_follow_each_other_by_the_advance(lines: list[str]) -> None:
    try:
        reach = _reach(_follow(lines, 48))
    except ConvcliError:
        assume(False)
    starts = [reach.at(k * reach.period) for k in range(3)]
    for one, next_ in pairwise(starts):
        if one is not None and next_ is not None:
            assert next_[0] - one[0] == next_[1] - one[1] == reach.advance


@given(lines_of_layers())
def test_a_bound_is_no_smaller_than_the_exact_field(lines: list[str]) -> None:
    try:
        steps = _follow(lines, 48)
    except ConvcliError:
        assume(False)
    bound = INPUT.bound()
    for step in steps:
        bound = bound.extend(Windows(step.axes[0]))
    field = bound.field(1)
    assert not field.exact
    exact = steps[-1].fields[0]
    assert field.j == exact.j
    assert field.r >= exact.r
    assert field.P >= exact.P or exact.r == 0


def test_fields_of_deep_and_of_wide_stacks_cost_little() -> None:
    plain = _follow(["conv f=3 s=1 p=1 repeat=10000"], 100000)
    assert [step.fields[0] for step in plain][-1] == (20001, 1, 10000, True)
    doubling = _follow(["convt f=4 s=2 p=1 repeat=59"], 4)
    fields = [step.fields[0] for step in doubling]
    assert fields[11] == (3, Fraction(1, 4096), 1, True)
    assert fields[-1] == (3, Fraction(1, 2**59), 1, False)
    mixed = _follow(["convt f=4 s=2 p=1 repeat=12", "conv f=3 p=1 repeat=9000"], 4)
    fields = [step.fields[0] for step in mixed]
    exact = [field.exact for field in fields]
    assert exact == sorted(exact, reverse=True)
    assert 12 < exact.count(True) < 40  # else 36 million phases
    assert fields[-1].r >= fields[11].r + 2
    (wide,) = _follow(["convt f=300000000 s=100000000"], 8)
    assert wide.fields[0] == (3, Fraction(1, 10**8), 2, False)


def test_a_bound_is_shown_as_one() -> None:
    args = ("shape", "-n", "8", "-l", "convt f=300000000 s=100000000")
    table = run_command(*args, "--format", "table").out
    assert "≤3" in table
    assert "≤2" in table
    assert "≤ an upper bound" in table
    assert '"field_exact": false' in run_command(*args, "--format", "json").out
    assert "≤" not in run_command("shape", *"-n 8 --format table -l".split(), "conv f=3").out


def test_a_jump_keeps_its_digits_in_csv() -> None:
    layers = ("-l", "conv f=1 s=12345671", "-l", "convt f=1 s=10")
    header, *rows = run_command(
        "shape", "-n", "99999999", *layers, "--format", "csv"
    ).out.splitlines()
    column = header.split(",").index("jump_height")
    assert [row.split(",")[column] for row in rows] == ["12345671", "1234567.1"]


@given(st.sampled_from(["adaptiveavgpool", "upsample"]), st.integers(2, 24), st.data())
def test_the_largest_field_is_that_of_an_output_there_is(
    kind: str, n: int, data: st.DataObject
) -> None:
    """Where sizes are no multiples, fewer outputs follow than would differ in what they read."""
    out = data.draw(st.integers(2, 24))
    f = data.draw(st.integers(1, min(out, 4)))
    last = [-(-(i + 1) * n // out) - 1 if kind[0] == "a" else i * n // out for i in range(out)]
    first = [i * n // out for i in range(out)]
    largest = max(last[i + f - 1] - first[i] + 1 for i in range(out - f + 1))
    run = run_command(
        "shape", "-n", str(n), "--dims", "1", "-c", "1", "--format", "json",
        "-l", f"{kind} out={out}", "-l", f"conv f={f} c=1",
    )  # fmt: skip
    record = json.loads(run.out.splitlines()[1])
    assert (record["receptive_field"], record["field_exact"]) == ([largest], True)
