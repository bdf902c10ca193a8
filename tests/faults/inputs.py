"""Damaged files of every format, as input, as filter and as bias: one line of ours, or right."""

import io
import warnings
from typing import Any

import numpy as np

from tests.faults import corpus
from tests.faults.mutations import mutate
from tests.faults.rewiring import rewire_onnx, rewire_pt2
from tests.faults.trial import Trial

_NO_ORACLE = ("png", "jpeg", "tiff", "gif", "text", "pt")


def case(trial: Trial) -> None:
    """Damage a file of any format but PyTorch's, and read it."""
    kinds = [kind for kind in corpus.KINDS if kind not in ("pt", "onnx", "pt2")]
    _read_damaged(trial, trial.random.choice(kinds))


def weights_case(trial: Trial) -> None:
    """Damage a file of PyTorch's, and read it."""
    _read_damaged(trial, "pt")


_LAYERS = {"onnx": ("conv", "up", "layer", "Conv@3", "y"), "pt2": ("stem.0", "up", "conv2d", "x")}


def models_case(trial: Trial) -> None:
    """Damage the file of a model; list its layers, run one, or follow all of it."""
    random = trial.random
    kind = random.choice(("onnx", "onnx", "pt2"))
    ending, whole = random.choice(corpus.files(kind))
    rewire = {"onnx": rewire_onnx, "pt2": rewire_pt2}[kind]
    data = random.choice((mutate, rewire, rewire))(random, whole)
    file = trial.write(f"damaged{ending}", data)
    use = random.choice(("list", "run", "run", "shape", "shape", "shape", "content"))
    if use == "list":
        trial.run(["run", "--list-kernels", "-k", file, *random.choice(([], ["--format", "json"]))])
    elif use == "run":
        member = random.choice(_LAYERS[kind])
        x = random.choice(("rand:4x12x12", "rand:3x48x96", "rand:1x3x16x16", "rand:8x9"))
        trial.run(["run", x, "-k", f"{file}::{member}", "-o", "/dev/null"])
    else:
        if use == "content":
            file = trial.write("damaged", data)
        size = random.choice(([], ["-n", "48x96"], ["-n", "12"], ["-n", "20", "-c", "4"]))
        form = random.choice(("table", "plain", "json", "csv"))
        trial.run(["shape", file, *size, "--format", form])


def _read_damaged(trial: Trial, kind: str) -> None:
    random = trial.random
    ending, whole = random.choice(corpus.files(kind))
    data = mutate(random, whole)
    file = trial.write(f"damaged{ending}", data)
    member = random.choice(("", "::w", "::x")) if kind in ("npz", "pt", "safetensors") else ""
    uses = ["input", "input", "identity", "filter", "layer", "bias", "pipe"]
    if kind in ("npz", "pt", "safetensors"):
        uses += ["members", "members"]
    use = random.choice(uses)
    many = kind == "npy"  # a file may hold several arrays
    if use == "identity":
        ended = trial.run(["run", file + member, "-k", _ones(data, kind)], many=many)
        if ended.status == 0:
            _compare(trial, ended.out, data, kind, member.removeprefix("::"))
    elif use == "input":
        output = random.choice(("-", "/dev/null", "y.npy", "y.png", "y.csv", "y.npz"))
        filters = ("box:3", "sobel-x", "identity:1", "sobel", "sharpen")
        args = ["run", file + member, "-k", random.choice(filters)]
        if output == "y.png" and random.random() < 0.5:
            args += ["--scale", random.choice(("clip", "minmax", "abs", "signed"))]
        trial.run([*args, "-p", random.choice(("0", "same")), "-o", output], many=many)
        trial.check(trial.names() <= {file, output}, f"left {trial.names()}")
    elif use == "members":
        form = random.choice(("table", "plain", "json"))
        listing = random.choice((["shape", file], ["run", "--list-kernels", "-k", file]))
        trial.run([*listing, "--format", form])
    elif use == "filter":
        trial.run(["run", "rand:9x9", "-k", file + member])
    elif use == "layer":
        trial.run(["run", "rand:3x9x9", "-k", file + member, "--bias", f"{file}::b"])
    elif use == "bias":
        trial.run(["run", "rand:3x9x9", "-k", "box", "--bias", file + member])
    else:
        around = (f"cat {file} | ", "")
        trial.run(["run", "-k", "box:3", "-p", "1"], stdin=data, many=True, around=around)


def _ones(data: bytes, kind: str) -> str:
    """Write a filter that keeps every number, with the axes of a file's array where it says."""
    known = kind == "npy" and b"(5,)" in data[:128]
    return "[1]" if known else "[[1]]"


def _compare(trial: Trial, out: bytes, data: bytes, kind: str, member: str) -> None:
    """Compare what went through unchanged with what the format's own library reads."""
    if kind in _NO_ORACLE:
        return
    try:
        with warnings.catch_warnings(action="ignore"):
            expected = _read(data, kind, member)
    except Exception:  # what another library refuses is no oracle
        return
    stream = io.BytesIO(out)
    found = np.load(stream)
    same = np.array_equal(found, expected.astype(found.dtype), equal_nan=found.dtype.kind in "fc")
    trial.check(same, f"read {found!r:.100}, not {expected!r:.100}")


def _read(data: bytes, kind: str, member: str) -> Any:
    if kind == "npy":
        return np.load(io.BytesIO(data), allow_pickle=False)
    if kind == "npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return archive[member or archive.files[0]]
    from safetensors.numpy import load

    arrays = load(data)
    return arrays[member or next(iter(arrays))]
