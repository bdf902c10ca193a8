"""Mutilated inputs: thousands of them, each refused in one line, and nothing left behind."""

import io
import random
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import npy_bytes, run_command


def _mutate(data: bytes, rng: random.Random) -> bytes:
    """Break a file as transfers, editors and attackers do."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(broken))
        if rng.random() < 0.6:  # most of a small file is its header
            place %= 128
        match rng.randrange(6):
            case 0:
                broken[place] = rng.randrange(256)
            case 1:
                broken[place] ^= 1 << rng.randrange(8)
            case 2:
                del broken[place:]
            case 3:
                broken[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 9)))
            case 4:
                del broken[place : place + rng.randint(1, 20)]
            case 5:
                number = str(rng.choice([0, -1, 10**9, 10**19, 2**63])).encode()
                broken[place : place + len(number)] = number
        if not broken:
            broken = bytearray(b"x")
    return bytes(broken)


@pytest.mark.parametrize("seed", range(4))
def test_mutilated_arrays(seed: int, in_tmp: Path) -> None:
    rng = random.Random(seed)
    whole = [
        npy_bytes(np.arange(12.0).reshape(3, 4)),
        npy_bytes(np.arange(24, dtype=">i2").reshape(2, 3, 4)),
        npy_bytes(np.asfortranarray(np.ones((3, 3), np.complex64))),
        npy_bytes(np.ones((3, 3), bool)),
    ]
    refused = 0
    for i in range(600):
        data = _mutate(rng.choice(whole), rng)
        as_file = i % 2
        if as_file:
            Path("x.npy").write_bytes(data)
        done = run_command(
            "run", "x.npy" if as_file else "-", "-k", "box:1", stdin=data, err_tty=False
        )
        assert done.status in (0, 1, 2)
        if done.status:
            refused += 1
            assert done.err.startswith("convcli: error: ")
            assert done.err.count("\n") == 1
            assert done.err.isprintable() or done.err[:-1].isprintable()
            # What came out before the fault was found are whole arrays.
            stream = io.BytesIO(done.data)
            while stream.tell() < len(done.data):
                np.load(stream)
        else:
            assert done.err == ""
    assert refused > 200


@pytest.mark.parametrize("ending", ["npz", "png", "pt", "safetensors"])
def test_mutilated_files_of_other_formats(ending: str, in_tmp: Path) -> None:
    import safetensors.numpy
    import torch
    from PIL import Image

    x = np.arange(48, dtype=np.uint8).reshape(6, 8)
    np.savez("x.npz", x=x)
    Image.fromarray(x).save("x.png")
    torch.save({"x": torch.from_numpy(x)}, "x.pt")
    safetensors.numpy.save_file({"x": x}, "x.safetensors")
    whole = Path(f"x.{ending}").read_bytes()
    rng = random.Random(7)
    for _ in range(150):
        Path(f"y.{ending}").write_bytes(_mutate(whole, rng))
        done = run_command("run", f"y.{ending}", "-k", "box:1", "-o", "out.npy", stdin=b"")
        assert done.status in (0, 1, 2)
        if done.status:
            assert done.err.startswith("convcli: error: ")
            assert done.err.count("\n") == 1
            assert not Path("out.npy").exists()
        else:
            Path("out.npy").unlink()
        assert not list(Path().glob(".*.part"))


@pytest.mark.parametrize("ending", ["layers", "txt"])
def test_mutilated_layers(ending: str, in_tmp: Path) -> None:
    whole = b"conv f=3 p=1 c=8 name=a\nmaxpool f=2 s=2 ceil=1\nconvt f=4x2 s=2 op=1 # up\n"
    rng = random.Random(len(ending))
    for _ in range(300):
        Path(f"x.{ending}").write_bytes(_mutate(whole, rng))
        done = run_command("shape", "-n", "32", "--layers", f"x.{ending}", "-c", "4")
        assert done.status in (0, 1, 2)
        if done.status:
            assert done.err.startswith("convcli: error: ")
            assert done.err.count("\n") == 1
