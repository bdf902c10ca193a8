"""Blur every .npy of a folder with OpenCV, each into a file of another folder."""

import sys
from pathlib import Path

import cv2
import numpy as np

source, target = map(Path, sys.argv[1:3])
target.mkdir(exist_ok=True)
for path in sorted(source.glob("*.npy")):
    x = np.load(path)
    y = cv2.GaussianBlur(x, (5, 5), 0, borderType=cv2.BORDER_CONSTANT)
    np.save(target / path.name, y)
