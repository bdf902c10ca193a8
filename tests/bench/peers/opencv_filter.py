"""Convolve x.npy with k.npy with OpenCV; s is the stride, d the dilation, blur=1 a blur."""

import sys

import cv2
import numpy as np

x, k = (np.load(path) for path in sys.argv[1:3])
options = dict(pair.split("=") for pair in sys.argv[4:])
s, d = (int(options.get(key, 1)) for key in "sd")
if d > 1:
    spread = np.zeros([d * (n - 1) + 1 for n in k.shape], k.dtype)
    spread[::d, ::d] = k
    k = spread
if "blur" in options:
    y = cv2.sepFilter2D(x, cv2.CV_32F, k.sum(0), k.sum(1), borderType=cv2.BORDER_CONSTANT)
else:
    y = cv2.filter2D(x, cv2.CV_32F, k.astype(np.float32), borderType=cv2.BORDER_CONSTANT)[::s, ::s]
np.save(sys.argv[3], y.astype(np.int64) if "int" in options else y)
