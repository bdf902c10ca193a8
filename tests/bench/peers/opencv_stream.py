"""Blur every array of a file with OpenCV, into another file, one after another."""

import sys

import cv2
import numpy as np

with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    while source.peek(1):
        x = np.load(source)
        y = cv2.GaussianBlur(x, (5, 5), 0, borderType=cv2.BORDER_CONSTANT)
        np.save(target, y)
