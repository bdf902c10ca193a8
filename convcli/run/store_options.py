"""Which options go only with an output in a store, and which never do."""

from convcli.arrays import stores
from convcli.errors import UsageError
from convcli.options import RunRequest


def check_store_options(request: RunRequest, picture: bool = False) -> None:
    """Refuse what goes only into a store, and what does not go into one.

    Parameters
    ----------
    request : RunRequest
    picture : bool
        ``-o`` names a picture, not an array.
    """
    output = request.output
    if picture or output is None or not stores.is_store(output):
        only = {
            "--chunks": request.chunks,
            "--resume": request.resume,
            "--overwrite": request.overwrite,
            "--workers": request.workers is not None,
            "--scheduler": request.scheduler is not None,
        }
        for option in (name for name, given in only.items() if given):
            raise UsageError(
                f"{option} is for outputs in chunked stores; add -o y.zarr, or leave it out"
            )
        return
    if request.workers is not None and request.scheduler is not None:
        raise UsageError("--workers cannot be combined with --scheduler; omit one of them")
    never = {
        "--plot": request.plot,
        "--animate": request.animate,
        "--time": request.time is not None,
        "--output-format": request.output_format,
    }
    for option in (name for name, given in never.items() if given):
        raise UsageError(
            f"{option} cannot be combined with -o {output}, a chunked store; leave it out, or "
            f"write -o y.npy"
        )
    count = len(request.inputs or ())
    if count > 1:
        raise UsageError(f"-o {output} is one store for {count} inputs; run them separately")
    stores.check_libraries(stores.parse(output))
