"""``shape … -o``: the picture of what ``--explain`` or ``--animate`` shows."""

import os
from itertools import islice
from shlex import quote
from typing import TYPE_CHECKING

from convcli.errors import UsageError
from convcli.option_rules import refuse
from convcli.pictures import files
from convcli.shape.cases import cases
from convcli.shape.usage import first_layer, network_name
from convcli.streams import Streams

if TYPE_CHECKING:
    from convcli.pictures.scene import Scene
    from convcli.shape.options import ShapeRequest


def write_picture(request: "ShapeRequest", streams: Streams) -> None:
    """Write the picture that a request asks for; standard output stays empty."""
    path = _checked_path(request)
    file = files.picture_file(path, "--animate" if request.animate else "--explain", request.frame)
    files.refuse_inputs(file, filter(None, [network_name(request)]))
    if first_layer(request) or network_name(request):
        files.save(_network(request, file, streams), file)
        return
    found = list(islice(cases(request), 2))
    if len(found) != 1:
        raise UsageError(f"-o {path} shows one case, not a sweep; give each option one value")
    step = found[0]
    if file.ending == ".html":
        from convcli.pictures.page import page  # noqa: PLC0415  one kind of picture is needed

        files.write(page(step).encode(), path)
    elif request.animate:
        from convcli.pictures.animation_picture import animation_picture  # noqa: PLC0415

        files.save(animation_picture(step.axes, frame=file.frame), file)
    else:
        from convcli.pictures.layer_picture import layer_picture  # noqa: PLC0415

        files.save(layer_picture(step.axes), file)


def _checked_path(request: "ShapeRequest") -> str:
    """Return the path, if the other options go with a picture."""
    path = str(request.output)
    if request.solve is not None and not (request.explain or request.animate):
        raise UsageError(
            f"-o {path} names a picture, and --solve draws none; "
            f"the wanted output size is --out {path}"
        )
    if not request.explain and not request.animate:
        remedy = f"write text with > {quote(path)}"
        if files.is_picture(path):
            remedy = "add --explain"
        elif path in ("-", "/dev/stdout"):
            remedy = f"leave out -o {path}, as text goes to standard output"
        raise UsageError(f"-o {path} is for the picture of --explain or --animate; {remedy}")
    refuse(
        {
            "--solve": request.solve,
            "--out": request.out,
            "--format": request.format,
            "--fields": request.fields,
            "--all": request.every_node,
        },
        f"-o {path}",
    )
    if request.animate:
        refuse(
            {
                "--explain": request.explain,
                "-l": first_layer(request),
                "--layers": request.layers_file,
                "NETWORK": request.network,
            },
            "--animate",
        )
    return path


def _network(request: "ShapeRequest", file: files.PictureFile, streams: Streams) -> "Scene":
    from convcli.models import WEIGHTS  # noqa: PLC0415  for networks only
    from convcli.models.recognize import file_format  # noqa: PLC0415
    from convcli.pictures.network_picture import network_picture  # noqa: PLC0415
    from convcli.shape.network_report import fold  # noqa: PLC0415
    from convcli.shape.networks import networks  # noqa: PLC0415

    name = network_name(request)
    if file_format(name) in WEIGHTS:
        raise UsageError(f"{name} holds weights, which --explain draws no picture of; omit -o")
    found = list(islice(networks(request, streams), 2))
    if len(found) != 1:
        raise UsageError(f"-o {file.path} shows one case, not a sweep; give each option one value")
    called = None if name in (None, "-") else os.path.basename(name)
    return network_picture(found[0], fold(found[0]), called)
