"""A filter over a stored array as users of Dask write it: on a cluster, into a store.

    python dask_overlap.py ADDRESS IN OUT FILTER.npy LIBRARY

LIBRARY is scipy, opencv or dask-image. Prints the seconds of the computation alone.
"""

import sys
import time
import warnings
from typing import Any

import dask
import dask.array as da
import numpy as np
import zarr
from distributed import Client

address, source, target, path, library = sys.argv[1:]
weights = np.load(path)
radius = weights.shape[0] // 2
sigma = float(path.rpartition("sigma")[2].removesuffix(".npy")) if "sigma" in path else None


def by_scipy(x: Any) -> Any:
    from scipy import ndimage

    if sigma is not None:
        return ndimage.gaussian_filter(x, sigma, mode="constant", radius=radius)
    return ndimage.correlate(x, weights, mode="constant")


def by_opencv(x: Any) -> Any:
    import cv2

    if sigma is not None:
        size = (2 * radius + 1,) * 2
        return cv2.GaussianBlur(x, size, sigma, borderType=cv2.BORDER_CONSTANT)
    return cv2.filter2D(x, -1, weights, borderType=cv2.BORDER_CONSTANT)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with Client(address) as client, dask.config.set({"array.chunk-size": "4MiB"}):
        x = da.from_zarr(source)
        if library == "dask-image":
            from dask_image import ndfilters

            if sigma is not None:
                y = ndfilters.gaussian_filter(x, sigma, mode="constant", truncate=radius / sigma)
            else:
                y = ndfilters.correlate(x, weights, mode="constant")
        else:
            do = by_scipy if library == "scipy" else by_opencv
            y = x.map_overlap(do, depth=radius, boundary=0, dtype=x.dtype)
        stored = zarr.open_array(source, mode="r")
        out = zarr.create_array(
            target, shape=x.shape, dtype=x.dtype, chunks=stored.chunks, overwrite=True,
            compressors=stored.compressors or None,
        )  # fmt: skip
        begin = time.perf_counter()
        da.store(y, out, lock=False)
        print(time.perf_counter() - begin)
