"""Chunked stores by name: what names one, and which of its arrays is meant.

The library is imported when one is opened.
"""

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import ConvcliError, check_installed, install_command

if TYPE_CHECKING:
    from convcli.arrays.members import Member
    from convcli.arrays.stores.inputs import StoredInput

_MARKERS = ("zarr.json", ".zarray", ".zgroup")  # what a directory of Zarr's holds
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class StoreName(NamedTuple):
    """A store, and the path of an array or a group in it.

    Attributes
    ----------
    url : str
        A directory, or a URL such as ``s3://bucket/x.zarr``.
    path : str
        Within the store; empty for its root.
    writable : bool
        It is opened to be written.
    """

    url: str
    path: str = ""
    writable: bool = False

    @property
    def is_url(self) -> bool:
        """Whether it is reached by a URL, not a directory."""
        return _SCHEME.match(self.url) is not None

    @property
    def absolute(self) -> "StoreName":
        """The same for a process that works in another directory."""
        return self if self.is_url else self._replace(url=os.path.abspath(self.url))

    @property
    def text(self) -> str:
        """As a user writes it."""
        return f"{self.url}::{self.path}" if self.path else self.url


def is_store(spec: str) -> bool:
    """Whether a text names a store: by its ending, as a URL, or by what its directory holds."""
    if _SCHEME.match(spec) or (".zarr" in spec.lower() and _ends(spec)):
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


# What reaches stores by URL needs, by the start of the URL: a module, and its package.
_REMOTE = {
    "s3": ("s3fs", "s3fs"),
    "gs": ("gcsfs", "gcsfs"),
    "gcs": ("gcsfs", "gcsfs"),
    "az": ("adlfs", "adlfs"),
    "abfs": ("adlfs", "adlfs"),
    "http": ("aiohttp", "aiohttp"),
    "https": ("aiohttp", "aiohttp"),
}


def check_libraries(name: StoreName) -> None:
    """Refuse a store whose library is not installed."""
    called = repr(name.text)
    check_installed(f"{called}, a chunked store,", "zarr", "zarr>=3.1")
    from importlib.metadata import version  # noqa: PLC0415

    if int(version("zarr").partition(".")[0]) < 3:
        raise ConvcliError(
            f"{called} needs zarr 3, and {version('zarr')} is installed; "
            f"{install_command('zarr>=3.1')}"
        )
    if not name.is_url:
        return
    scheme = name.url.partition("://")[0].lower()
    check_installed(f"{called}, a URL,", "fsspec", "fsspec")
    if scheme in _REMOTE:
        check_installed(f"{called}, a URL,", *_REMOTE[scheme])
        return
    from fsspec import available_protocols  # noqa: PLC0415

    if scheme not in available_protocols():
        raise ConvcliError(
            f"{called}: {scheme}:// is not a protocol that is known; use s3://, https:// or a path"
        )


def members(spec: str) -> "list[Member]":
    """List the arrays in a store, with what `open_input` names them by."""
    name = parse(spec)
    check_libraries(name)
    from convcli.arrays.stores import inputs  # noqa: PLC0415

    return inputs.members_of(name)


def open_input(spec: str) -> "StoredInput":
    """Open the array in a store that a text names."""
    check_libraries(parse(spec))
    from convcli.arrays.stores import inputs  # noqa: PLC0415  the library takes a while to import

    return inputs.open_input(spec)
