"""A network as an ONNX file whose outputs were checked against it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LARGEST_DIFFERENCE = 1e-3
"""Of any output: the limit up to which the file is kept."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INSTALL = "pip install 'cxr-harness[export]'"
_BATCH = 3
"""Images of the check: more than the file was made with, as batches may be of any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """The outcome for the file."""

    written: bool
    reason: str = ""
    """Why there is none."""
    opset: int | None = None
    input: tuple[str | int, ...] = ()
    """Shape of ``images``."""
    max_abs_difference: float | None = None


def write_onnx(
    network: nn.Module, shape: tuple[int, int, int], outputs: Sequence[str], path: Path
) -> OnnxFile:
    """Write ``path``, whose outputs on random images agree with the network's, or nothing.

    Args:
        network: images float32 [B, *shape] -> a tuple of tensors, in evaluation mode on the CPU.
        shape: channels, height and width.
        outputs: names of the outputs.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return OnnxFile(written=False, reason=f"needs {', '.join(missing)}: {INSTALL}")
    try:
        opset = _write(network, shape, outputs, path)
        difference = _difference(network, shape, path)
    # Exporters raise whatever an operator that they do not know leads to.
    except Exception as error:
        path.unlink(missing_ok=True)
        return OnnxFile(written=False, reason=f"the network cannot be exported ({_line(error)})")
    if not difference < LARGEST_DIFFERENCE:
        path.unlink()
        return OnnxFile(
            written=False,
            reason=f"its outputs differ from the network's by {difference:.3g}, more than "
            f"{LARGEST_DIFFERENCE:g}",
            max_abs_difference=difference,
        )
    return OnnxFile(
        written=True, opset=opset, input=("batch", *shape), max_abs_difference=difference
    )


def _write(
    network: nn.Module, shape: tuple[int, int, int], outputs: Sequence[str], path: Path
) -> int:
    """Write the file; the version of the operators that it uses."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            network,
            (_images(2, shape),),
            input_names=["images"],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
        program.save(str(path))
    return int(program.model.opset_imports[""])


def _difference(network: nn.Module, shape: tuple[int, int, int], path: Path) -> float:
    """The largest difference of any output on random images."""
    runtime: Any = importlib.import_module("onnxruntime")
    images = _images(_BATCH, shape)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        expected = network(images)
    return max(
        float(np.abs(one - other.numpy()).max()) for one, other in zip(found, expected, strict=True)
    )


def _images(count: int, shape: tuple[int, int, int]) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
