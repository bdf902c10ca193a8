"""New arrays in stores: where one goes, and how it takes its place once whole.

In a directory it is written beside its place, and renamed; an old array stays as it is until
then. Elsewhere it is written in its place. Until it is whole a record of what it is made from is
kept with it, in a file or an attribute, by which a later run continues it.
"""

import contextlib
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import zarr
from zarr.core.sync import sync

from convcli.arrays.files.replaced_folders import NewFolder
from convcli.arrays.stores import StoreName, parse
from convcli.arrays.stores.form import CREATOR, LEVEL, Form, create, find_done
from convcli.arrays.stores.inputs import UNFINISHED, open_node
from convcli.arrays.stores.zarr_array import reporting, stored_array
from convcli.errors import ConvcliError, UsageError, check_folder

Record = dict[str, str]  # what an array is made from: by kind, a digest or words


class Place(NamedTuple):
    """Where a new array goes.

    Attributes
    ----------
    spec : str
        As ``-o`` names it.
    name : StoreName
        Of the array, or of the group of an image.
    version : int or None
        The format of the group that it will be in, if there is one.
    """

    spec: str
    name: StoreName
    version: int | None


def find_place(spec: str, source: StoreName | None) -> Place:
    """Look at where a new array is to go, and refuse where it cannot; `source` is the input."""
    name = parse(spec)
    if name.url.lower().startswith(("http://", "https://")):
        raise UsageError(f"-o {spec}: stores on web servers can only be read; write to a directory")
    if source is not None and _within(source, name):
        raise UsageError(f"-o {spec} is also the input; name another store, such as -o y.zarr")
    if not name.is_url:
        check_folder(name.url)
        if os.path.exists(name.url) and not os.path.isdir(name.url):
            raise ConvcliError(f"-o {spec}: {name.url!r} is a file; name another store")
    version = None
    parts = name.path.split("/") if name.path else []
    for i in range(len(parts)):
        above = StoreName(name.url, "/".join(parts[:i]))
        node = open_node(above)
        if isinstance(node, zarr.Array):
            raise UsageError(f"-o {spec}: {above.text!r} is an array, which holds no others")
        if node is not None:
            version = int(node.metadata.zarr_format)
    return Place(spec, name, version)


def _within(source: StoreName, target: StoreName) -> bool:
    """Whether a target is the source, or a group that holds it."""
    one, other = _located(source), _located(target)
    return one == other or one.startswith(f"{other}/")


def _located(name: StoreName) -> str:
    root = name.url if name.is_url else os.path.realpath(name.url)
    return f"{root.rstrip('/')}/{name.path}".rstrip("/")


class NewArray:
    """An array that is written, and then takes its place.

    Attributes
    ----------
    stored : StoredArray
        To be written to.
    done : ndarray of bool
        Which units are there already.
    """

    def __init__(
        self, place: Place, form: Form, record: Record, resume: bool, overwrite: bool
    ) -> None:
        """Make it, or find what there is of it.

        Raises
        ------
        ConvcliError
            Something else is there, another run writes it, or what is there of it is made from
            something else.
        """
        self._place, self._form = place, form
        self._image = form.level is not None
        self._check_old(overwrite)
        self._folder: NewFolder | None = None
        self._in_place = False
        if place.name.is_url:
            self._name = self._inner(place.name)
            self.resumed = self._find_in_place(record, resume, overwrite)
        else:
            self._folder = NewFolder(place.name.url, place.name.path)
            self._name = self._inner(StoreName(self._folder.part, self._folder.inner))
            self.resumed = self._folder.found and resume and self._continues(record)
            if not self.resumed and resume and self._has_taken_its_place(record):
                return
            if not self.resumed:
                self._folder.clear()
        self.done = np.zeros(form.grid, bool)
        try:
            if self.resumed:
                self.done = find_done(self._name, form)
            else:
                self._create(record)
        except BaseException:
            self.leave(anything=self.resumed)
            raise
        self.stored = stored_array(self._name._replace(writable=True), repr(place.spec))

    def _inner(self, name: StoreName) -> StoreName:
        return StoreName(name.url, f"{name.path}/{LEVEL}".strip("/")) if self._image else name

    def _check_old(self, overwrite: bool) -> None:
        """Refuse to replace what is not one array, or an image as this program makes it."""
        spec, name = self._place.spec, self._place.name
        old = open_node(name)
        if isinstance(old, zarr.Group):
            ours = old.attrs.get("ome", old.attrs.asdict())
            creator = ours.get("_creator") if isinstance(ours, Mapping) else None
            if isinstance(creator, Mapping) and creator.get("name") == CREATOR["name"]:
                return
            inside = f"{spec}/result" if "::" in spec else f"{spec}::result"
            if overwrite and not name.is_url:
                return
            raise UsageError(
                f"-o {spec} is a group, which would be removed with all that it holds; name an "
                f"array in it, such as -o {inside}"
                + ("" if name.is_url else ", or add --overwrite")
            )
        folder = os.path.join(name.url, name.path)
        if old is None and not name.is_url and os.path.isdir(folder) and os.listdir(folder):
            raise UsageError(f"-o {spec} is a directory, but not a Zarr store; name another")

    def _find_in_place(self, record: Record, resume: bool, overwrite: bool) -> bool:
        """Look for an array where the new one goes; returns whether it is continued."""
        spec = self._place.spec
        old = open_node(self._name)
        if old is None:
            return False
        unfinished = isinstance(old, zarr.Array) and UNFINISHED in old.attrs
        if unfinished and resume:
            return self._continues(record)
        if overwrite:
            return False
        if unfinished:
            raise UsageError(
                f"-o {spec} is unfinished; add --resume to continue it, or --overwrite to begin "
                f"again"
            )
        raise UsageError(f"-o {spec} exists; add --overwrite, or name another")

    def _has_taken_its_place(self, record: Record) -> bool:
        """Whether an earlier run ended after its array had taken its place, but not before that."""
        if self._folder is None or self._folder.record(taken=True) != record:
            return False
        self._name, self._in_place, self.resumed = self._inner(self._place.name), True, True
        self.done = np.ones(self._form.grid, bool)
        self.stored = stored_array(self._name._replace(writable=True), repr(self._place.spec))
        return True

    def _continues(self, record: Record) -> bool:
        """Compare what is there with what is to be made; returns False if nothing useful is."""
        if self._folder is not None:
            found = self._folder.record()
        else:
            old = open_node(self._name)
            found = old.attrs.get(UNFINISHED) if isinstance(old, zarr.Array) else None
        if not isinstance(found, Mapping):
            return False
        for kind, value in record.items():
            if found.get(kind) != value:
                self.abandon_lock()
                raise UsageError(_differs(self._place.spec, kind, str(found.get(kind)), value))
        return True

    def _create(self, record: Record) -> None:
        attributes = {UNFINISHED: dict(record)} if self._folder is None else {}
        with reporting(repr(self._place.spec)):
            create(self._name, self._form, attributes, overwrite=self._folder is None)
            if self._folder is not None:
                self._folder.note(record)

    def commit(self) -> None:
        """Take the place of what was there."""
        with reporting(repr(self._place.spec)):
            if self._folder is None:
                array = zarr.open_array(self._name.url, path=self._name.path, mode="r+")
                left = array.attrs.asdict()
                array.attrs.put({key: left[key] for key in left if key != UNFINISHED})
                return
            if not self._in_place:
                self._folder.commit()
            self._folder.end()
            self._consolidate()

    def _consolidate(self) -> None:
        """Tell the copy of all metadata at the root of a store, if it has one, of the array."""
        name = self._place.name
        root = open_node(StoreName(name.url)) if name.path else None
        if isinstance(root, zarr.Group) and root.metadata.consolidated_metadata is not None:
            zarr.consolidate_metadata(name.url)

    def leave(self, anything: bool) -> None:
        """Leave it unfinished, for a later run; or remove it, if nothing of it is there."""
        if anything:
            self.abandon_lock()
        else:
            self.abandon()

    def abandon(self) -> None:
        """Remove it."""
        if self._folder is not None:
            self._folder.discard()
            return
        with contextlib.suppress(Exception):  # what went wrong before is what is reported
            store = zarr.open_array(self._name.url, path=self._name.path, mode="r+").store
            sync(store.delete_dir(self._place.name.path))

    def abandon_lock(self) -> None:
        """Let other runs write it."""
        if self._folder is not None:
            self._folder.unlock()


def _differs(spec: str, kind: str, before: str, now: str) -> str:
    again = "repeat the command that began it, or leave out --resume to begin again"
    if kind == "options":
        return (
            f"--resume: {spec!r} was begun with the options {before or '(none)'!s}, and now they "
            f"are {now or '(none)'}; {again}"
        )
    what = {
        "input": "another input, or one that has changed since",
        "filter": "another filter or bias (of random ones give the --seed)",
        "form": "other chunks or another type",
    }
    return f"--resume: {spec!r} was begun with {what[kind]}; {again}"
