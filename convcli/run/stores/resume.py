"""What an output is made from, as a later run compares it: input, filter, form and options."""

import hashlib
import json

import numpy as np

from convcli.arrays.stores.form import Form
from convcli.arrays.stores.outputs import Record
from convcli.options import command_line
from convcli.run.options import RunRequest
from convcli.run.resolve.operation import Operation
from convcli.run.stores.task import Boxes

# Options that change no byte of the output, or none that matters: where and how fast it is made.
_FREE = (
    "inputs", "kernel", "bias", "f", "channels", "seed", "in_channels", "out_channels", "no_bias",
    "output", "chunks", "resume", "overwrite", "memory", "threads", "workers", "scheduler",
    "device", "format", "quiet", "verbose", "explain", "verify", "color",
)  # fmt: skip


def record_of(request: RunRequest, source: Boxes, operation: Operation, form: Form) -> Record:
    """Record what an output is made from; the options as words, all else as digests."""
    other = request._replace(**{name: request._field_defaults[name] for name in _FREE})
    arrays = [operation.filter, operation.second, operation.bias]
    return {
        "input": _digest(source.identity, operation.layout),
        "filter": _digest(*(each for each in arrays if each is not None)),
        "options": " ".join(command_line(other)),
        "form": _digest([form.shape, str(form.dtype), form.chunks, form.shards, form.version]),
    }


def _digest(*parts: object) -> str:
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            whole.update(f"{part.shape} {part.dtype}".encode())
            whole.update(part.tobytes())
        else:
            whole.update(json.dumps(part, default=str).encode())
    return whole.hexdigest()[:16]
