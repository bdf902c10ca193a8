"""A photograph and a real network's weights, as a user would run them."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from tests.conftest import DATA, npy_bytes, run_command

PHOTO = str(DATA / "photo.npy")


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_edges_of_a_photograph(engine: str) -> None:
    done = run_command(
        "run", PHOTO, "--layout", "HWC", "-k", "sobel-x", "-p", "same", "--engine", engine
    )
    photo = np.load(PHOTO).astype(np.int64)
    expected = np.stack(
        [scipy.ndimage.sobel(photo[..., c], axis=1, mode="constant") for c in range(3)], axis=-1
    )
    assert np.array_equal(done.array, expected)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_first_layer_of_pnet(engine: str) -> None:
    x = ((np.load(PHOTO).transpose(2, 0, 1) - 127.5) / 128).astype(np.float32)
    weight = DATA / "pnet_conv1_weight.npy"
    done = run_command("run", "-", "-k", str(weight), "--engine", engine, stdin=npy_bytes(x))
    expected = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(np.load(weight)))
    np.testing.assert_allclose(done.array, expected.numpy(), rtol=1e-4, atol=1e-5)
