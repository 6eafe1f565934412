"""What distinguishes one module from another: its parameters to the last bit, and its settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn


def state_digest(module: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and digests of all parameters and buffers."""
    named = dict(sorted([*module.named_parameters(), *module.named_buffers()], key=itemgetter(0)))
    lines = [
        f"{name}\0{named[name].dtype}\0{tuple(named[name].shape)}\0{content}\n"
        for name, content in contents(named).items()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def contents(named: Mapping[str, Tensor]) -> dict[str, str]:
    """SHA-256 of the values of each tensor, whatever its memory layout; by name."""
    if (threads := torch.get_num_threads()) == 1:
        return {name: _content(value) for name, value in named.items()}
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(named, pool.map(_content, named.values()), strict=True))


def _content(value: Tensor) -> str:
    flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous().flatten()
    return hashlib.sha256(flat.view(torch.uint8).numpy().data if flat.numel() else b"").hexdigest()


def architecture(module: nn.Module) -> list[Any]:
    """Name, class and settings (attributes that are plain values) of the module and of all in it.

    Parameters alone do not show how many heads share them, or which activation follows them.
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
