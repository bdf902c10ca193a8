"""The facts of a run for programs: a line of JSON, under stable names."""

import json
import math
from typing import Any, TextIO

from convcli.explain.figures import EXPLAINED
from convcli.geometry.network.layer import Step
from convcli.geometry.window.axis import POOL_KINDS
from convcli.geometry.window.record_keys import WINDOW
from convcli.run.report.layer import as_step
from convcli.run.results import Facts, Result, Verdict, operation_name


def write(result: Result, stream: TextIO, explain: bool = False) -> None:
    """Write the facts of one array as a line of JSON; `explain` adds what ``--explain`` does."""
    keys = record(result)
    if explain:
        step = step_of(result)
        keys |= {key: figure(step) for key, figure in EXPLAINED.items()}
    stream.write(json.dumps(keys, allow_nan=False) + "\n")


def record(result: Result) -> dict[str, Any]:
    """Give the facts under stable names; those of the window are the same as in `shape`."""
    verdict, timing = result.verdict, result.timing
    return {
        "kind": result.kind,
        "operation": operation_name(result),
        **{key: [figure(axis) for axis in result.axes] for key, figure in WINDOW.items()},
        "channels_in": _channels(result.input),
        "channels_out": _channels(result.output),
        "groups": result.groups,
        "bias": bool(result.bias),
        "pad_mode": result.pad_mode,
        "flip": result.flip,
        **_array_record("input", result.input),
        "filter_name": None if result.kind in POOL_KINDS else result.filter.name,
        "filter_shape": list(result.filter.shape),
        "filter_dtype": result.filter.dtype or None,
        **_array_record("output", result.output),
        "mapping": result.mapping and result.mapping.text,
        "seed": result.seed,
        "device": result.device,
        "engine": result.engine,
        "methods": list(result.methods),
        "estimated_ns": result.costs,
        "seconds": result.seconds,
        "min": _number(result.low),
        "mean": _number(result.mean),
        "max": _number(result.high),
        "verify": None if verdict is None else _verdict_record(verdict),
        "time": None if timing is None else timing._asdict(),
        **({} if result.blocks is None else {"blocks": result.blocks._asdict()}),
        **({"cluster": result.cluster} if result.cluster else {}),
    }


def _verdict_record(verdict: Verdict) -> dict[str, Any]:
    numbers = {"error": _number(verdict.error), "tolerance": _number(verdict.tolerance)}
    return verdict._asdict() | numbers | {"passed": verdict.passed}


def _number(value: float) -> float | None:
    """Give a number as JSON has it, which has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _array_record(which: str, array: Facts) -> dict[str, Any]:
    return {
        f"{which}_name": array.name or None,
        f"{which}_shape": list(array.shape),
        f"{which}_layout": array.layout,
        f"{which}_dtype": array.dtype,
    }


def step_of(result: Result) -> Step:
    """Describe a run as a layer, which `explain` explains."""
    c_in = c_out = None
    if "C" in result.output.layout:
        c_in, c_out = _channels(result.input), _channels(result.output)
    groups = (c_out or 1) if result.each_channel else result.groups
    return as_step(result.axes, c_in, c_out, groups, bool(result.bias), result.padding_word)


def _channels(array: Facts) -> int:
    return array.shape[array.layout.index("C")] if "C" in array.layout else 1
