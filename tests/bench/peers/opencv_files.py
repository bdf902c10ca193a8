"""Blur every file with OpenCV, into a directory."""

import os
import sys

import cv2
import numpy as np

folder, *paths = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
for path in paths:
    y = cv2.GaussianBlur(np.load(path), (5, 5), 0, borderType=cv2.BORDER_CONSTANT)
    np.save(os.path.join(folder, os.path.basename(path)), y)
