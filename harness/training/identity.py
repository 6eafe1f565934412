"""What tells one module from another: its parameters to the last bit, and its settings."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn


def state_digest(module: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and digests of all parameters and buffers."""
    named = [*module.named_parameters(), *module.named_buffers()]
    named.sort(key=lambda pair: pair[0])
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        contents = pool.map(_content, [value for _, value in named])
        lines = [
            f"{name}\0{value.dtype}\0{tuple(value.shape)}\0{content}\n"
            for (name, value), content in zip(named, contents, strict=True)
        ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _content(value: Tensor) -> str:
    flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().flatten()
    return hashlib.sha256(flat.view(torch.uint8).numpy().data if flat.numel() else b"").hexdigest()


def architecture(module: nn.Module) -> list[Any]:
    """Name, class and settings (attributes that are plain values) of the module and of all in it.

    Parameters alone do not tell how many heads share them, or which activation follows them.
    """
    return [
        [name, _qualified(type(part)), {k: _plain(v) for k, v in sorted(_settings(part).items())}]
        for name, part in module.named_modules()
    ]


def _settings(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return _qualified(value if callable(value) and hasattr(value, "__qualname__") else type(value))


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"
