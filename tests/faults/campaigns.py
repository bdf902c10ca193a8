"""The campaigns by name. A new one is a function of a trial, and an entry here."""

from collections.abc import Callable
from typing import NamedTuple

from tests.faults import commands, disks, inputs, names, oracles, pipes, signals, stores
from tests.faults.trial import Trial

_PROGRAM = (
    "convcli.__main__", "convcli.run.command", "convcli.run.report.tables", "convcli.shape.command",
    "convcli.shape.report", "numpy.random", "PIL.Image", "safetensors.numpy",
)  # fmt: skip


class Campaign(NamedTuple):
    """One case by its trial, and what is imported before children are forked."""

    case: Callable[[Trial], None]
    ahead: tuple[str, ...] = _PROGRAM


CAMPAIGNS = {
    "inputs": Campaign(inputs.case),
    "weights": Campaign(inputs.weights_case, (*_PROGRAM, "torch")),
    "models": Campaign(inputs.models_case, (*_PROGRAM, "onnx")),
    "commands": Campaign(commands.case),
    "layers": Campaign(commands.layers_case),
    "names": Campaign(names.case),
    "disks": Campaign(disks.case),
    "pipes": Campaign(pipes.case),
    "signals": Campaign(signals.case),
    "stores": Campaign(stores.case),
    "sizes": Campaign(oracles.sizes_case, (*_PROGRAM, "torch")),
    "values": Campaign(oracles.values_case, (*_PROGRAM, "torch")),
    "fields": Campaign(oracles.fields_case, (*_PROGRAM, "torch")),
}
