"""A finished network and its card, in files that need no harness."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save_model
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.inference.finished import Finished
from harness.inference.model_card import card_markdown, model_card
from harness.inference.onnx_file import OnnxFile, write_onnx
from harness.inference.predict import rebuild
from harness.storage.json_files import write_bytes, write_json
from harness.training.fit.torch_runner import TorchRunner
from harness.training.method import InputSpec, TorchMethod
from harness.values.wording import counted

WEIGHTS = "model.safetensors"
ONNX = "model.onnx"


class Outputs(nn.Module):
    """Normalised images float32 [B, C, H, W] -> the logits of every target, in their order."""

    def __init__(self, method: TorchMethod, module: nn.Module, targets: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self._method = method
        self._targets = tuple(targets)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        outputs = self._method.forward(self.module, images)
        return tuple(outputs[name] for name in self._targets)


def export(cell: Finished, folder: Path) -> OnnxFile:
    """Write ``model.safetensors``, ``card.json``, ``card.md`` and, where it can be, ``model.onnx``.

    Returns:
        The outcome for the ONNX file.

    Raises:
        HarnessError: the method cannot be built here, its weights are missing, or it is no network.
    """
    model = rebuild(cell, device="cpu")
    runner = model.runner
    if not isinstance(runner, TorchRunner):
        raise HarnessError(
            f"{cell.record['id']} is not a torch network; what it has learned is in "
            f"{cell.directory.path / 'checkpoint'}, and 'harness predict' applies it"
        )
    method, module = runner.network()
    module.eval().requires_grad_(False)
    save_model(module, str(folder / WEIGHTS))
    spec = runner.input
    names = [target.name for target in model.task.targets]
    shape = (len(spec.mean), spec.size, spec.size)
    onnx = write_onnx(Outputs(method, module, names).eval(), shape, names, folder / ONNX)
    written = [WEIGHTS, *([ONNX] if onnx.written else [])]
    card = model_card(
        cell.directory,
        {
            "preprocessing": _preprocessing(spec),
            "onnx": asdict(onnx),
            "files": {name: _file(folder / name) for name in written},
        },
    )
    write_json(folder / "card.json", card)
    write_bytes(folder / "card.md", card_markdown(card).encode())
    # safetensors gives its files to their owner alone.
    shutil.copymode(folder / "card.json", folder / WEIGHTS)
    return onnx


def _preprocessing(spec: InputSpec) -> dict[str, Any]:
    channels = len(spec.mean)
    return {
        "size": spec.size,
        "interpolation": spec.interpolation,
        "channels": channels,
        "mean": list(spec.mean),
        "std": list(spec.std),
        "steps": [
            "read upright as 8-bit grey, bone bright: 8-bit levels as they are, colour by ITU-R "
            "601 luma, transparency over black; levels of more than 8 bits scaled from the whole "
            "range of the file, or from their own where they use less than a quarter of it; DICOM "
            "by its window or VOI table, or from its own range without one",
            f"resized to {spec.size} x {spec.size} pixels, {spec.interpolation} with antialiasing "
            "(Pillow), without keeping the aspect",
            f"divided by 255, repeated in {counted(channels, 'channel')}, minus "
            f"mean {list(spec.mean)}, divided by std {list(spec.std)}",
        ],
    }


def _file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
