"""Convolve x.npy with k.npy with scipy.ndimage; s is the stride, d the dilation, blur=1 a blur."""

import sys

import numpy as np
from scipy import ndimage

x, k = (np.load(path) for path in sys.argv[1:3])
options = dict(pair.split("=") for pair in sys.argv[4:])
s, d = (int(options.get(key, 1)) for key in "sd")
if d > 1:
    spread = np.zeros([d * (n - 1) + 1 for n in k.shape], k.dtype)
    spread[(slice(None, None, d),) * k.ndim] = k
    k = spread
if "blur" in options:
    y = ndimage.correlate1d(x, k.sum(1), 0, mode="constant")
    y = ndimage.correlate1d(y, k.sum(0), 1, mode="constant")
else:
    y = ndimage.correlate(x, k, np.int64 if "int" in options else None, mode="constant")
np.save(sys.argv[3], y[(slice(None, None, s),) * k.ndim])
