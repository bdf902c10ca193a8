"""Convolve x.npy with k.npy as most people would in PyTorch."""

import sys

import numpy as np
import torch

x, k = (torch.from_numpy(np.load(path)) for path in sys.argv[1:3])
dims = k.ndim if k.ndim <= 3 else k.ndim - 2
conv = getattr(torch.nn.functional, f"conv{dims}d")
if k.ndim == dims:
    x, k = x[None], k[None, None]
np.save(sys.argv[3], conv(x.float(), k.float(), padding="same").squeeze(0).numpy())
