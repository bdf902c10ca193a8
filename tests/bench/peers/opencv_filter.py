"""Convolve x.npy with k.npy with OpenCV."""

import sys

import cv2
import numpy as np

x, k = (np.load(path) for path in sys.argv[1:3])
np.save(sys.argv[3], cv2.filter2D(x, cv2.CV_32F, k, borderType=cv2.BORDER_CONSTANT))
