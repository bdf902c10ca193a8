"""Convolve x.npy with k.npy with scipy.ndimage."""

import sys

import numpy as np
from scipy import ndimage

x, k = (np.load(path) for path in sys.argv[1:3])
np.save(sys.argv[3], ndimage.correlate(x, k, mode="constant"))
