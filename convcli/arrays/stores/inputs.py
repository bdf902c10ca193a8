"""Finds what a user names in a store: an array, a member of a group, a level of an image."""

from typing import Any

import zarr
from zarr.errors import NodeNotFoundError

from convcli.arrays import members
from convcli.arrays.dtypes import shape_text
from convcli.arrays.stores import StoreName, ome, parse
from convcli.arrays.stores.zarr_array import StoredArray, StoredSource, stored_array
from convcli.errors import ConvcliError, UsageError, reason, shortened

UNFINISHED = "convcli_unfinished"  # an attribute of an array that a run is writing, or has left
_MOST = 200  # members that are looked at


class StoredInput(StoredSource):
    """An array in a store that a user named; `level` is what an image's metadata say of it."""

    def __init__(self, spec: str, stored: StoredArray, level: ome.Level | None) -> None:
        names = level.names if level else dimension_names(stored.array)
        super().__init__(spec, stored, ome.layout(names) if names else None)
        self.level = level


def open_input(spec: str) -> StoredInput:
    """Open the array that a text names.

    Raises
    ------
    ConvcliError
        There is no such store or array, or several of which one must be named.
    """
    name = parse(spec)
    node = open_node(name)
    if node is None:
        raise _missing(name)
    group: zarr.Group | None
    if isinstance(node, zarr.Group):
        group, inner = node, _member(name, node)
        name = StoreName(name.url, f"{name.path}/{inner}".strip("/"))
    else:
        above, _, inner = name.path.rpartition("/")
        parent = open_node(StoreName(name.url, above)) if name.path else None
        group = parent if isinstance(parent, zarr.Group) else None
    stored = stored_array(name, repr(spec))
    try:
        ndim = len(stored.array.shape)
    except Exception as error:  # a codec that is not there, damaged metadata
        raise unreadable(name, error) from None
    if UNFINISHED in stored.array.attrs:
        raise ConvcliError(
            f"{spec!r} is unfinished: a run writes it, or was ended; finish it with the same "
            f"command and --resume"
        )
    level = ome.level(group.attrs.asdict(), inner, ndim) if group is not None else None
    return StoredInput(spec, stored, level)


def open_node(name: StoreName) -> "zarr.Array[Any] | zarr.Group | None":
    """Open an array or a group; None if there is none."""
    try:
        return zarr.open(name.url, path=name.path, mode="r")
    except (NodeNotFoundError, FileNotFoundError):
        return None
    except Exception as error:  # a codec that is not there, a host that does not answer
        raise unreadable(name, error) from None


def unreadable(name: StoreName, error: Exception) -> ConvcliError:
    """Make the error for a store that cannot be opened."""
    if isinstance(error, PermissionError):
        return ConvcliError(f"{name.text!r}: {reason(error)}; check the path and its permissions")
    text = reason(error)
    if "codec" in text.lower() or "numcodecs" in text.lower():
        return ConvcliError(
            f"{name.text!r} cannot be decoded ({text}); install the package of that codec"
        )
    remedy = "check the address and the credentials" if name.is_url else "write the store again"
    return ConvcliError(f"{name.text!r} cannot be opened ({text}); {remedy}")


def _member(name: StoreName, group: zarr.Group) -> str:
    """Choose the only array of a group."""
    found = ome.levels(group.attrs.asdict()) or arrays_in(name, group)
    if not found:
        raise ConvcliError(f"{name.text!r} is a group without arrays; name another")
    if len(found) == 1:
        return found[0]
    text = name.text if name.path else f"{name.text}::"
    listed = ", ".join(found[:12]) + (", ..." if len(found) > 12 else "")
    joint = "/" if name.path else ""
    raise UsageError(
        f"{name.text!r} is a group of {len(found)} arrays ({listed}); name one, such as "
        f"{text}{joint}{found[0]}"
    )


def arrays_in(name: StoreName, group: zarr.Group) -> list[str]:
    """List the paths of the arrays in a group."""
    try:
        return sorted(
            path for path, node in group.members(max_depth=None) if isinstance(node, zarr.Array)
        )[:_MOST]
    except Exception as error:  # a web server lists nothing
        raise ConvcliError(
            f"{name.text!r} is a group, and its members cannot be listed ({reason(error)}); "
            f"name an array in it, such as {name.url}::0"
        ) from None


def members_of(name: StoreName) -> list[members.Member]:
    """List the arrays of a group."""
    node = open_node(name)
    if node is None:
        raise _missing(name)
    if isinstance(node, zarr.Array):
        raise ConvcliError(f"{name.text!r} is one array, {shape_text(node.shape)}; it has no name")
    paths = ome.levels(node.attrs.asdict()) or arrays_in(name, node)
    found = []
    for path in paths:
        array = node[path]
        assert isinstance(array, zarr.Array)
        found.append(members.Member(path, array.shape, str(array.dtype)))
    return found


def _missing(name: StoreName) -> ConvcliError:
    root = open_node(StoreName(name.url)) if name.path else None
    if isinstance(root, zarr.Array):
        return UsageError(
            f"{name.url!r} is one array, {shape_text(root.shape)}; leave ::{name.path} out"
        )
    if root is not None:
        names = ome.levels(root.attrs.asdict()) or arrays_in(StoreName(name.url), root)
        try:
            members.choose(name.url, name.path, names)
        except ConvcliError as error:
            return error
    what = "array" if name.is_url else "Zarr store"
    remedy = "check the address" if name.is_url else "check the path"
    return ConvcliError(f"there is no {what} at {shortened(name.text)}; {remedy}")


def dimension_names(array: "zarr.Array[Any]") -> tuple[str | None, ...] | None:
    """Read the names of an array's axes: those of format 3, or those that xarray writes."""
    names = getattr(array.metadata, "dimension_names", None)
    if names is None:
        names = array.attrs.asdict().get("_ARRAY_DIMENSIONS")
    if not isinstance(names, list | tuple) or len(names) != len(array.shape):
        return None
    return tuple(names)
