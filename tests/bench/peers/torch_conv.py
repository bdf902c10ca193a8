"""Convolve x.npy with k.npy as most people would in PyTorch: s is the stride, d the dilation."""

import sys

import numpy as np
import torch

x, k = (torch.from_numpy(np.load(path)) for path in sys.argv[1:3])
options = dict(pair.split("=") for pair in sys.argv[4:])
s, d, p, g = (
    int(options.get(key, default)) for key, default in zip("sdpg", (1, 1, 0, 1), strict=True)
)
layer = k.ndim > 3
dims = k.ndim - 2 if layer else k.ndim
conv = getattr(torch.nn.functional, ("conv_transpose" if "t" in options else "conv") + f"{dims}d")
if not layer:
    x, k = x[None, None], k[None, None]
y = conv(x.float(), k.float(), stride=s, padding=p, dilation=d, groups=g)
y = y.round().long() if "int" in options else y
np.save(sys.argv[3], y[0, 0].numpy() if not layer else y.numpy())
