"""Which endings name a picture, what each needs, and how one is written."""

import contextlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError, check_folder, check_installed

if TYPE_CHECKING:  # most outputs of `run` are asked whether they are pictures
    from convcli.pictures.scene import Scene

STILL = (".svg", ".png", ".tex", ".html")
MOVING = (".gif", ".svg")
ENDINGS = (*STILL, ".gif")


class PictureFile(NamedTuple):
    """The file a picture goes to, its ending, and what it shows.

    `frame` is the one that is wanted of an animation, from 0 on.
    """

    path: str
    ending: str
    what: str  # the option: --explain, --animate or --plot
    frame: int | None = None


def is_picture(path: str | None) -> bool:
    """Whether a path ends as a picture does."""
    return path is not None and ending_of(path) in ENDINGS


def ending_of(path: str) -> str:
    """Return the ending of a path's name, in lower case."""
    return os.path.splitext(path)[1].lower()


def picture_file(path: str, what: str, frame: int | None = None) -> PictureFile:
    """Check where a picture is to go, before any work.

    Parameters
    ----------
    path : str
    what : str
        The option that asks for it: ``--explain``, ``--animate`` or ``--plot``.
    frame : int, optional
        The frame of an animation that is wanted as a picture, from 1 on.
    """
    ending = ending_of(path)
    moving = what == "--animate" and frame is None
    allowed: tuple[str, ...] = MOVING if moving else STILL
    if what != "--explain":
        allowed = tuple(each for each in allowed if each != ".html")
    if what == "--plot":
        allowed = (".png", ".svg")
    if frame is not None and what != "--animate":
        raise UsageError(
            f"--frame {frame} is a frame of an animation; write --animate in place of {what}"
        )
    if frame is not None and frame < 1:
        raise UsageError(f"--frame {frame} must be 1 or more; use --frame 1")
    if ending not in allowed:
        better = _with_ending(path, allowed[0])
        listed = ", ".join(each[1:] for each in allowed)
        if moving and ending in (".png", ".tex"):
            remedy = f"add --frame 1 for one frame of it, or write -o {better}"
        else:
            remedy = f"write -o {better}"
        what_is = f"{ending} is not" if ending else "no ending, which is not"
        raise UsageError(
            f"-o {path or repr(path)}: {what_is} a format for pictures of {what}, "
            f"which are {listed}; {remedy}"
        )
    check_folder(path)
    if ending in (".png", ".gif"):
        check_installed(f"{path!r}, an image,", "PIL", "pillow")
    return PictureFile(path, ending, what, None if frame is None else frame - 1)


def _with_ending(path: str, ending: str) -> str:
    """Write a path with another ending; of a folder a name in it, of a device one of a file."""
    from shlex import quote  # noqa: PLC0415  only for an error

    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    if folder == "/dev" or folder.startswith("/dev/"):
        folder = stem = ""
    if not stem.strip("-.") or stem in ENDINGS:
        stem = "conv"
    return quote(os.path.join(folder, stem + ending))


def refuse_inputs(file: PictureFile, names: Iterable[str]) -> None:
    """Refuse to write a picture over what it is made of.

    Parameters
    ----------
    file : PictureFile
    names : iterable of str
        Files, or members of files; what is neither is passed over.
    """
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            if os.path.samefile(name.partition("::")[0], file.path):
                raise UsageError(
                    f"-o {file.path} is also the input {name!r}, which the picture would replace; "
                    f"name another file"
                )


def save(scene: "Scene", file: PictureFile) -> None:
    """Write a picture; an old file is replaced when the new one is complete."""
    if file.frame is not None:
        scene = scene.still(file.frame)
    write(encoded(scene, file.ending), file.path)


def encoded(scene: "Scene", ending: str) -> bytes:
    """Encode a picture in the format of an ending."""
    if ending in (".png", ".gif"):
        from convcli.pictures import raster  # noqa: PLC0415  it imports Pillow

        return raster.gif(scene) if ending == ".gif" else raster.png(scene)
    if ending == ".tex":
        from convcli.pictures.tikz import tikz  # noqa: PLC0415  one writer is needed

        return tikz(scene).encode()
    from convcli.pictures.svg import escaped, svg  # noqa: PLC0415

    drawn = svg(scene)
    return (_still_page(escaped(scene.title), drawn) if ending == ".html" else drawn).encode()


def _still_page(title: str, drawn: str) -> str:
    """Put a picture into a page of HTML; of one layer, `page` makes one that computes."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n"
        "<style>body { margin: 0 } svg { max-width: 100%; height: auto }</style>\n"
        f"{drawn}</html>\n"
    )


def write(data: bytes, path: str) -> None:
    """Write a file; an old one is replaced when the new one is complete."""
    from convcli.arrays.files.atomic import replaced  # noqa: PLC0415  not to check a name
    from convcli.arrays.files.transfer import write_all  # noqa: PLC0415

    with replaced(path) as stream:
        write_all(data, stream)
