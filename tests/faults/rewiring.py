"""Damage that keeps the files of models well formed: other names, numbers, operators, types."""

import io
import json
import zipfile
from random import Random
from typing import Any

_EDGES = (0, 1, -1, 2, 3, 7, -2, 100, 2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63))


def rewire_onnx(random: Random, data: bytes) -> bytes:
    """Change a few parts of the graph of an ONNX file."""
    import onnx

    model = onnx.ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        _change(random, model.graph)
    made: bytes = model.SerializeToString()
    return made


def _change(random: Random, graph: Any) -> None:  # noqa: PLR0912  one for each way
    from convcli.models.operators.table import FOLLOWED

    node = random.choice(graph.node)
    names = [name for each in graph.node for name in (*each.input, *each.output)]
    lists = [a for a in node.attribute if a.ints]
    numbers = [a for a in node.attribute if a.type == 2]
    what = random.randrange(10)
    if what <= 1 and node.input:
        node.input[random.randrange(len(node.input))] = random.choice((*names, "", "nowhere"))
    elif what == 2:
        node.output[random.randrange(len(node.output))] = random.choice((*names, "", "x"))
    elif what == 3:
        node.op_type = random.choice((*FOLLOWED, "Loop", "NonZero", "LSTM", "GridSample", "?"))
    elif what == 4 and lists:
        values = random.choice(lists).ints
        values[random.randrange(len(values))] = random.choice(_EDGES)
    elif what == 5 and lists:
        values = random.choice(lists).ints
        values.extend([1] * random.randrange(1, 4)) if random.random() < 0.5 else values.pop()
    elif what == 6 and numbers:
        random.choice(numbers).i = random.choice(_EDGES)
    elif what == 7 and graph.initializer:
        tensor = random.choice(graph.initializer)
        if tensor.dims and random.random() < 0.7:
            tensor.dims[random.randrange(len(tensor.dims))] = random.choice(_EDGES)
        else:
            tensor.data_type = random.randrange(25)
    elif what == 8:
        dims = graph.input[0].type.tensor_type.shape.dim
        dims[random.randrange(len(dims))].dim_value = random.choice(_EDGES)
    elif random.random() < 0.5:
        graph.node.remove(node)
        graph.node.insert(random.randrange(len(graph.node) + 1), node)
    else:
        graph.node.append(node)
    if not graph.node:
        graph.node.append(node)


def rewire_pt2(random: Random, data: bytes) -> bytes:
    """Change a few values in the JSON of an export."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        members = {info.filename: old.read(info) for info in old.infolist()}
        name = random.choice([name for name in members if name.endswith(".json")])
        content = json.loads(members[name])
        for _ in range(random.choice((1, 1, 2, 5))):
            _change_json(random, content)
        members[name] = json.dumps(content).encode()
        for member, each in members.items():
            new.writestr(member, each)
    return made.getvalue()


def _change_json(random: Random, content: Any) -> None:
    """Walk down to a value, and put another one there."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        if not keys:
            return
        key = random.choice(keys)
        value = content[key]
        if isinstance(value, (dict, list)) and value and random.random() < 0.97:
            content = value
            continue
        others: Any = (*_EDGES, None, True, "", "x", "conv2d", [], {}, [1, 2], 1.5, -0.5, 1e400)
        if random.random() < 0.2 and isinstance(content, dict):
            del content[key]
        else:
            content[key] = random.choice(others)
        return
