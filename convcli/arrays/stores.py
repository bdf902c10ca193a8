"""Chunked stores by name: what names one, and which of its arrays is meant. Imports no library."""

import os
import re
from typing import NamedTuple

_MARKERS = ("zarr.json", ".zarray", ".zgroup")  # what a directory of Zarr's holds
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class StoreName(NamedTuple):
    """A store, and the path of an array or a group in it.

    Attributes
    ----------
    url : str
        A directory, or a URL such as ``s3://bucket/x.zarr``.
    path : str
        Within the store; empty for its root.
    """

    url: str
    path: str = ""

    @property
    def is_url(self) -> bool:
        """Whether it is reached by a URL, not a directory."""
        return _SCHEME.match(self.url) is not None

    @property
    def text(self) -> str:
        """As a user writes it."""
        return f"{self.url}::{self.path}" if self.path else self.url


def is_store(spec: str) -> bool:
    """Whether a text names a store: by its ending, as a URL, or by what its directory holds."""
    if _SCHEME.match(spec) or ".zarr" in spec.lower() and _ends(spec):
        return True
    folder = spec.partition("::")[0]
    return os.path.isdir(folder) and any(
        os.path.exists(os.path.join(folder, marker)) for marker in _MARKERS
    )


def _ends(spec: str) -> bool:
    return any(part.endswith(".zarr") for part in _parts(spec))


def _parts(spec: str) -> list[str]:
    return spec.lower().partition("::")[0].split("/")


def parse(spec: str) -> StoreName:
    """Split ``STORE::PATH``; a path may also follow a name that ends in ``.zarr``, as in a URL.

    ``x.zarr::a/b`` and ``x.zarr/a/b`` are the same array.
    """
    url, _, path = spec.partition("::")
    if url.lower().startswith("file://"):
        url = url[len("file://") :]
    parts = url.rstrip("/").split("/")
    ends = next((i for i, part in enumerate(parts) if part.lower().endswith(".zarr")), None)
    if ends is not None and ends + 1 < len(parts):
        path = "/".join([*parts[ends + 1 :], path])
        parts = parts[: ends + 1]
    return StoreName("/".join(parts) or "/", path.strip("/"))
