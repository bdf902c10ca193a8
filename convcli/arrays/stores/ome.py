"""OME-Zarr: what the metadata of an image say of one of its levels, and those of a new image."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# Letters of axes by their names: those of OME-Zarr, and of other programs.
_LETTERS = {"t": "N", "time": "N", "c": "C", "channel": "C", "z": "D", "y": "H", "x": "W"}


class Level(NamedTuple):
    """One level of a multiscale image.

    Attributes
    ----------
    axes : tuple of dict
        Name, type and unit of each axis.
    scale, translation : tuple of float
        From pixels to physical units, for each axis; as the level has them.
    image : dict
        What the image has besides: its name, and transformations of all levels.
    version : str
        Of OME-Zarr.
    """

    axes: tuple[Mapping[str, Any], ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    image: Mapping[str, Any]
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(str(axis.get("name", "")) for axis in self.axes)


def _image(attributes: Mapping[str, Any]) -> tuple[Mapping[str, Any], str] | None:
    """Find the first multiscale image of a group, and the version of its metadata."""
    inner = attributes.get("ome")
    ome = inner if isinstance(inner, Mapping) else attributes
    images = ome.get("multiscales")
    if not isinstance(images, Sequence) or not images or not isinstance(images[0], Mapping):
        return None
    version = str(ome.get("version") or images[0].get("version") or "0.4")
    return images[0], version


def levels(attributes: Mapping[str, Any]) -> list[str]:
    """List the paths of the levels that a group's attributes name, the finest first."""
    found = _image(attributes)
    return [str(each["path"]) for each in _datasets(found[0])] if found else []


def _datasets(image: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = image.get("datasets")
    if not isinstance(found, Sequence):
        return []
    return [each for each in found if isinstance(each, Mapping) and "path" in each]


def level(attributes: Mapping[str, Any], path: str, ndim: int) -> Level | None:
    """Read what a group's attributes say of a level; None if they are not those of an image."""
    found = _image(attributes)
    if found is None or path not in levels(attributes):
        return None
    image, version = found
    axes = image.get("axes")
    if not isinstance(axes, Sequence) or len(axes) != ndim:
        return None
    # Before version 0.4 an axis was a letter.
    named = tuple(dict(axis) if isinstance(axis, Mapping) else {"name": str(axis)} for axis in axes)
    dataset = next(each for each in _datasets(image) if str(each["path"]) == path)
    transforms = dataset.get("coordinateTransformations")
    numbers = {"scale": (1.0,) * ndim, "translation": (0.0,) * ndim}
    for each in transforms if isinstance(transforms, Sequence) else ():
        kind = each.get("type") if isinstance(each, Mapping) else None
        if kind in ("scale", "translation") and _are_numbers(each.get(kind), ndim):
            numbers[kind] = tuple(map(float, each[kind]))
    kept = {k: image[k] for k in ("name", "coordinateTransformations") if k in image}
    return Level(named, numbers["scale"], numbers["translation"], kept, version)


def _are_numbers(values: Any, count: int) -> bool:
    listed = isinstance(values, Sequence) and len(values) == count
    return listed and all(isinstance(value, int | float) for value in values)


def layout(names: Sequence[str | None]) -> str | None:
    """Give each axis a letter, as ``--layout`` does; None if the names do not say them all."""
    letters = "".join(_LETTERS.get((name or "").lower(), "?") for name in names)
    spatial = letters.replace("N", "").replace("C", "")
    if len(set(letters)) < len(letters) or spatial not in ("W", "HW", "DHW"):
        return None
    return letters


def attributes(level: Level, path: str, creator: Mapping[str, str]) -> dict[str, Any]:
    """Make the attributes of the group of an image with one level."""
    transforms: list[dict[str, Any]] = [{"type": "scale", "scale": list(level.scale)}]
    if any(level.translation):
        transforms.append({"type": "translation", "translation": list(level.translation)})
    image = {
        **level.image,
        "axes": [dict(axis) for axis in level.axes],
        "datasets": [{"path": path, "coordinateTransformations": transforms}],
    }
    if level.version < "0.5":
        image["version"] = "0.4"
        return {"multiscales": [image], "_creator": dict(creator)}
    return {"ome": {"version": level.version, "multiscales": [image], "_creator": dict(creator)}}
