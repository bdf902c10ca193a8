"""Signals at random moments of runs into a store, each continued: the bytes of one run."""

import json
import shlex
import signal
import time
import zlib
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.faults.program import fresh
from tests.faults.trial import Trial

_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_KILLS = 5  # at most, of a case
_LONGEST = 0.5  # seconds that a run may write before it is ended
_START = 20.0  # seconds after which a run that has not written is taken to write nothing


def case(trial: Trial) -> None:
    """End runs into a store, continue them, and compare with an undisturbed one."""
    random = trial.random
    _make_input(random, trial.folder / "x.zarr")
    args = ["run", "x.zarr", "-k", f"gaussian:{random.choice((3, 9))}", "-p", "same"]
    args += ["-s", random.choice("12"), "-q", "--memory", "1"]  # a chunk a block
    old = random.choice((True, False))
    if old:
        trial.run([*args, "-o", "y.zarr"])
    trial.run([*args, "-o", "expected.zarr"])
    expected = _contents(trial.folder / "expected.zarr")
    before: dict[str, tuple[int, int]] = {}
    part = trial.folder / ".y.zarr.partial"
    for _ in range(random.randint(1, _KILLS)):
        _end(trial, [*args, "-o", "y.zarr", "--resume"], part, len(before))
        if old:
            trial.check(
                _contents(trial.folder / "y.zarr") == expected, "the old store is not whole"
            )
        now = _chunks(part)
        if not (part / ".convcli.json").exists():  # it was done, or had not begun
            if before:
                break
            continue
        trial.check(before.items() <= now.items(), "what was done is done again")
        before = now
    trial.run([*args, "-o", "y.zarr", "--resume"])
    found = trial.folder / "y.zarr"
    trial.check(_contents(found) == expected, "not the bytes of an undisturbed run")
    left = trial.names() - {"x.zarr", "y.zarr", "expected.zarr"}
    trial.check(not left, f"left {sorted(left)}")


def _make_input(random: Random, path: Path) -> None:
    """Write a store by hand: the library has threads, with which a process must not fork."""
    chunk, version = random.choice((20, 30)), random.choice((2, 3))
    data = np.random.default_rng(random.randrange(100)).standard_normal((600, 600)).astype("<f4")
    path.mkdir()
    if version == 2:
        metadata: dict[str, Any] = {
            "zarr_format": 2, "shape": data.shape, "chunks": [chunk, chunk], "dtype": "<f4",
            "compressor": random.choice((None, {"id": "zlib", "level": 1})), "fill_value": 0,
            "order": "C", "filters": None,
        }  # fmt: skip
    else:
        codecs: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        metadata = {
            "zarr_format": 3, "node_type": "array", "shape": data.shape, "data_type": "float32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [chunk, chunk]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": codecs, "fill_value": 0, "attributes": {},
        }  # fmt: skip
    (path / (".zarray" if version == 2 else "zarr.json")).write_text(json.dumps(metadata))
    for i, j in np.ndindex(600 // chunk, 600 // chunk):
        file = path / (f"{i}.{j}" if version == 2 else f"c/{i}/{j}")
        file.parent.mkdir(parents=True, exist_ok=True)
        part = data[i * chunk : (i + 1) * chunk, j * chunk : (j + 1) * chunk].tobytes()
        packed = version == 2 and metadata["compressor"] is not None
        file.write_bytes(zlib.compress(part) if packed else part)


def _end(trial: Trial, args: list[str], part: Path, before: int) -> None:
    """Run, and send a signal: while it starts, or while it writes."""
    random = trial.random
    sent, starting = random.choice(_SIGNALS), random.random() < 0.2
    after = random.uniform(0, _LONGEST)
    trial.commands.append(f"timeout -s {sent.name[3:]} ... {shlex.join(['convcli', *args])}")
    with fresh(args, trial.folder) as process:
        start = time.monotonic()
        while process.poll() is None and not starting and time.monotonic() < start + _START:
            if len(_chunks(part)) > before:
                break
            time.sleep(0.002)
        time.sleep(after)
        process.send_signal(sent)
        _, text = process.communicate()
    trial.check(process.returncode in (0, 128 + sent, -sent), f"status {process.returncode}")
    trial.check(starting or b"Traceback" not in text, f"prints {text[-300:]!r}")


def _chunks(folder: Path) -> dict[str, tuple[int, int]]:
    """Say of each chunk which file it is, and of when."""
    found = {}
    for path in folder.rglob("*"):
        if path.name[0].isdigit() and path.suffix != ".partial" and path.is_file():
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns)
    return found


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".convcli.json"  # until a run has ended
    }
