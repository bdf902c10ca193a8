"""The command `run`: which filter, inputs and output the options name, and where they go."""

from typing import TYPE_CHECKING

from convcli.arrays import stores
from convcli.arrays.memory import keeping_memory
from convcli.errors import UsageError
from convcli.models import model_format
from convcli.option_rules import with_channels
from convcli.options import typed
from convcli.run import each_input
from convcli.run.options import RunRequest
from convcli.run.resolve.axes import check_dims
from convcli.run.resolve.checks import check_animation, check_store_options
from convcli.streams import Streams

if TYPE_CHECKING:  # seldom needed
    from convcli.pictures.files import PictureFile
    from convcli.run.resolve.model_layer import ModelFilter


@keeping_memory()
def run(request: RunRequest, streams: Streams) -> int:
    """Convolve what the options name, or list filters.

    Returns
    -------
    int
        Exit status.
    """
    if request.list_kernels or _names_only_a_model(request, streams):
        _list_kernels(request, streams)
        return 0
    layer = _model_layer(request, streams)
    request = layer.request if layer else request
    check_dims(request.dims)
    request, picture = _picture(request)
    if request.animate:
        check_animation(request, streams)
    request = with_channels(request._replace(inputs=_inputs(request, streams)), needed="out")
    to_store = request.output is not None and stores.is_store(request.output)
    check_store_options(request, to_store)
    if not to_store:
        return each_input.run(request, layer, picture, streams)
    stores.check_libraries(stores.parse(str(request.output)))
    from convcli.run.stores import command as into_store  # noqa: PLC0415  for stores only

    into_store.run(request, layer, streams)
    return 0


def _list_kernels(request: RunRequest, streams: Streams) -> None:
    """Show the named filters, or the layers or members of the file that ``-k`` names."""
    for name, _ in typed(request):
        if request.list_kernels and name not in ("--list-kernels", "-k", "--format", "--color"):
            raise UsageError(f"--list-kernels shows filters and convolves nothing; omit {name}")
    if request.kernel is not None:
        from convcli.run.resolve import model_layer  # noqa: PLC0415  seldom needed

        model_layer.list_file(request, streams)
        return
    from convcli.run.report.kernels import list_kernels  # noqa: PLC0415  seldom asked for

    list_kernels(request.format, streams)


def _names_only_a_model(request: RunRequest, streams: Streams) -> bool:
    """Whether a model is named without one of its layers, at a prompt and without an input."""
    spec = request.kernel or ""
    at_prompt = not request.inputs and streams.stdin.isatty()
    return at_prompt and "::" not in spec and model_format(spec) is not None


def _model_layer(request: RunRequest, streams: Streams) -> "ModelFilter | None":
    """Take the layer of a model that ``-k`` names, with the options that it stands for."""
    other = request.f is not None or request.pool is not None  # which do not go with -k
    if other or request.kernel is None or not model_format(request.kernel):
        return None
    from convcli.run.resolve import model_layer  # noqa: PLC0415  seldom needed

    return model_layer.read_filter(request, streams)


def _picture(request: RunRequest) -> "tuple[RunRequest, PictureFile | None]":
    """Take the picture that ``-o`` names, where it names one, out of a request."""
    if request.output is None and request.frame is None:
        return request, None
    from convcli.pictures.files import is_picture  # noqa: PLC0415  most outputs are arrays

    if not is_picture(request.output) and request.frame is None:
        return request, None
    from convcli.run.pictures import run_picture  # noqa: PLC0415  seldom needed

    return run_picture.without_picture(request)


def _inputs(request: RunRequest, streams: Streams) -> list[str]:
    for spec in filter(model_format, request.inputs or ()):
        raise UsageError(
            f"the input {spec!r} is a model, whose layers are filters; name it with -k, and an "
            f"array as the input"
        )
    if request.inputs:
        return request.inputs
    if streams.stdin.isatty():
        raise UsageError(
            "there is no input; name a .npy file or rand:8x8, or pipe one in; "
            "see convcli run --help"
        )
    return ["-"]
