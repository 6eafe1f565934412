"""A network's initial weights out of a checkpoint file: all of them, or an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.errors import HarnessError

State = dict[str, Tensor]

_WRAPPERS = ("model", "module", "state_dict")
"""Under one of these names training programs store the parameters with their other records."""


def load_checkpoint(
    module: nn.Module, path: Path, adapt: Callable[[State], State] | None = None
) -> None:
    """Load every parameter and buffer of ``module`` from a file that holds no others.

    Args:
        module: the network, or the part of it that the file describes.
        path: a ``.safetensors`` file, or one that ``torch.save`` wrote, which is read with
            ``weights_only=True``; there, one level of ``model``, ``module`` or ``state_dict`` is
            unwrapped.
        adapt: changes the file's names and tensors to those of ``module``.

    Raises:
        HarnessError: the file is no checkpoint, or is one of another network; names the file, the
            network and the first difference.
    """
    try:
        state = _read(path)
        module.load_state_dict(state if adapt is None else adapt(state))
    # What a damaged file raises depends on the byte that is damaged.
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        UnpicklingError,
        SafetensorError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise HarnessError(
            f"{path}: this checkpoint does not fit {type(module).__name__} ({reason})"
        ) from error


def _read(path: Path) -> State:
    if path.suffix == ".safetensors":
        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
            break
    if not isinstance(state, dict):
        raise TypeError(f"it holds a {type(state).__name__}, not named tensors")
    return state
