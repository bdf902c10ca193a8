"""Convolve x.npy with k.npy with scipy.signal; s is the stride, d the dilation."""

import sys

import numpy as np
from scipy import signal

x, k = (np.load(path) for path in sys.argv[1:3])
options = dict(pair.split("=") for pair in sys.argv[4:])
s, d = (int(options.get(key, 1)) for key in "sd")
if d > 1:
    spread = np.zeros([d * (n - 1) + 1 for n in k.shape], k.dtype)
    spread[(slice(None, None, d),) * k.ndim] = k
    k = spread
y = signal.oaconvolve(x, np.flip(k), mode="same")[(slice(None, None, s),) * k.ndim]
np.save(sys.argv[3], y.astype(np.int64 if "int" in options else np.float32))
