"""`run -k model.pt2::name` does what the module of that name does; PyTorch is not imported."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import npy_bytes, run_command, shell
from tests.models.makers import close


def export(module: nn.Module, *x: torch.Tensor, path: str = "m.pt2", core: bool = False) -> None:
    """Write an export; `core` reduces it to PyTorch's core operators."""
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.export(module.eval(), x)
        if core:
            program = program.run_decompositions()
        torch.export.save(program, path)


def _run(x: torch.Tensor, kernel: str, *more: str) -> Any:
    done = run_command("run", "-k", kernel, *more, stdin=npy_bytes(x.numpy()))
    assert done.status == 0, done.err
    return done.array


LAYERS: list[tuple[nn.Module, int]] = [
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), 2),
    (nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 1), bias=False), 2),
    (nn.Conv2d(4, 4, 4, padding="same"), 2),
    (nn.Conv1d(4, 2, 3, padding="valid"), 1),
    (nn.Conv1d(4, 2, 3, padding=2, dilation=3), 1),
    (nn.Conv3d(4, 2, (1, 2, 3), stride=2), 3),
    (nn.ConvTranspose1d(4, 6, 4, stride=3, padding=1, output_padding=2), 1),
    (nn.ConvTranspose2d(4, 6, 3, stride=(2, 1), padding=1, output_padding=(1, 0), groups=2), 2),
    (nn.ConvTranspose3d(4, 2, 2, stride=2, dilation=2), 3),
]


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize(("layer", "dims"), LAYERS, ids=lambda value: str(value)[:24])
def test_a_layer_is_what_pytorch_computes(
    in_tmp: Path, layer: nn.Module, dims: int, core: bool
) -> None:
    if core and layer.padding == "same":
        pytest.skip("it becomes a padding, and a layer without")
    torch.manual_seed(0)
    x = torch.rand(2, 4, *(7, 9, 8)[:dims])
    export(nn.Sequential(nn.ReLU(), layer, nn.ReLU()), x, core=core)
    with torch.no_grad():
        close(_run(x, "m.pt2::1"), layer(x).numpy())
    assert run_command("run", "--list-kernels", "-k", "m.pt2").out.startswith("1\tconv")


PADDED: list[nn.Module] = [
    nn.Conv2d(4, 4, 4, padding="same", padding_mode="reflect"),
    nn.Conv2d(4, 8, (3, 5), padding=(1, 2), padding_mode="circular", groups=4),
    nn.Conv1d(4, 2, 3, padding=1, padding_mode="replicate"),
    nn.Sequential(nn.ZeroPad2d((1, 0, 2, 3)), nn.Conv2d(4, 2, 3)),
]


@pytest.mark.parametrize("layer", PADDED, ids=lambda value: str(value)[:24])
def test_padding_that_is_a_node_of_its_own_is_noted(in_tmp: Path, layer: nn.Module) -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 4, 7, 9) if "2d" in str(layer) else torch.rand(2, 4, 7)
    export(layer, x)
    run = run_command("run", "-k", "m.pt2", "-o", "y.npy", stdin=npy_bytes(x.numpy()))
    note = "the input of m.pt2 is padded by a node before it; if that is part of the layer, add "
    assert run.err.startswith(f"convcli: note: {note}")
    options = run.err.partition(", add ")[2].split()
    with torch.no_grad():
        close(_run(x, "m.pt2", *options), layer(x).numpy())


def test_types_of_weights(in_tmp: Path) -> None:
    x = torch.rand(1, 1, 5)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        layer = nn.Conv1d(1, 1, 3).to(dtype)
        export(layer, x.to(dtype))
        with torch.no_grad():
            wide = layer.double()(x.double())
        np.testing.assert_allclose(_run(x.double(), "m.pt2"), wide, rtol=1e-6)


def test_a_weight_that_is_a_view(in_tmp: Path) -> None:
    """As with channels last: its strides are in the file."""
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.rand(1, 3, 5, 5)
    export(layer, x)
    with torch.no_grad():
        close(_run(x, "m.pt2"), layer(x).numpy())


def test_a_module_that_is_called_twice_is_named_by_its_outputs(in_tmp: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 1, 3)

        def forward(self, x: Any) -> Any:
            return self.conv(self.conv(x))

    export(Twice(), torch.rand(1, 1, 9))
    listed = run_command("run", "--list-kernels", "-k", "m.pt2").out
    assert listed == "conv1d\tconv f=3 c=1\nconv1d_1\tconv f=3 c=1\n"
    assert _run(torch.rand(9), "m.pt2::conv").shape == (1, 7)


def test_a_computed_weight_is_refused(in_tmp: Path) -> None:
    class Doubled(nn.Conv1d):
        def forward(self, x: Any) -> Any:
            return nn.functional.conv1d(x, self.weight * 2)

    export(Doubled(1, 1, 3), torch.rand(1, 1, 9))
    done = run_command("run", "rand:9", "-k", "m.pt2")
    assert "'m.pt2::conv1d' has no weight of its own: mul is computed" in done.err


def test_pytorch_is_not_imported(in_tmp: Path) -> None:
    export(nn.Conv1d(1, 1, 3), torch.rand(1, 1, 9))
    done = shell(
        "python3 - <<'E'\nimport sys\nfrom convcli.cli import main\n"
        "assert main(['run', 'rand:9', '-k', 'm.pt2', '-o', 'y.npy']) == 0\n"
        "assert 'torch' not in sys.modules\nE",
        cwd=in_tmp,
    )
    assert done.returncode == 0, done.stderr


# ---- damage ----


def _changed(change: Any, name: str = "m.pt2") -> None:
    """Write an export again, with each member as `change` makes it."""
    with zipfile.ZipFile("m.pt2") as whole:
        members = {member: whole.read(member) for member in whole.namelist()}
    with zipfile.ZipFile(name, "w") as archive:
        for member, data in members.items():
            made = change(member, data)
            if made is not None:
                archive.writestr(member, made)


def test_pickles_are_never_read(in_tmp: Path) -> None:
    export(nn.Conv1d(1, 1, 3), torch.rand(1, 1, 9))

    def pickled(member: str, data: bytes) -> bytes:
        return data.replace(b'"use_pickle": false', b'"use_pickle": true')

    _changed(pickled)
    done = run_command("run", "rand:9", "-k", "m.pt2")
    assert "is stored as a pickle, which is never read" in done.err


@pytest.mark.parametrize(
    ("member", "old", "new"),
    [
        ("model.json", b"{", b"["),
        ("model.json", b'"nodes"', b'"modes"'),
        ("model.json", b'"as_ints": [2]', b'"as_ints": [2.5]'),
        ("weights_config.json", b'"as_int": 3', b'"as_int": 3000000000'),
        ("weights_config.json", b'"as_int": 3', b'"as_int": -3'),
        ("weights_config.json", b'"as_int": 0', b'"as_int": 99'),
        ("weights_config.json", b'"weight_0"', b'"weight_9"'),
        ("weights_config.json", b'"dtype": 7', b'"dtype": 77'),
    ],
)
def test_damage_is_one_line(in_tmp: Path, member: str, old: bytes, new: bytes) -> None:
    export(nn.Conv1d(1, 1, 3, stride=2), torch.rand(1, 1, 9))
    _changed(lambda name, data: data.replace(old, new) if name.endswith(member) else data)
    done = run_command("run", "rand:9", "-k", "m.pt2")
    assert done.status in (1, 2)
    assert done.err.startswith("convcli: error: ")
    assert done.err.count("\n") == 1


def test_what_is_no_export_says_so(in_tmp: Path) -> None:
    Path("text.pt2").write_text("conv f=3")
    with zipfile.ZipFile("empty.pt2", "w"):
        pass
    Path("deep.pt2").write_bytes(b"")
    with zipfile.ZipFile("deep.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", "[" * 1_000_000)
    with zipfile.ZipFile("bomb.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", b" " * (33 << 20))
    for name in ("text", "empty", "deep", "bomb"):
        done = run_command("run", "rand:9", "-k", f"{name}.pt2")
        assert f"'{name}.pt2' cannot be read as an export of PyTorch" in done.err
        assert "write it with torch.export.save" in done.err
