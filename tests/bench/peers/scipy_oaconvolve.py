"""Convolve x.npy with k.npy with scipy.signal."""

import sys

import numpy as np
from scipy import signal

x, k = (np.load(path) for path in sys.argv[1:3])
np.save(sys.argv[3], signal.oaconvolve(x, np.flip(k), mode="same").astype(x.dtype))
