"""What of a process is global and decides numbers: defaults of libraries, and their functions."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.runtime.surroundings import Surroundings

_PATCHED = (
    torch,
    torch.Tensor,
    torch.nn,
    torch.nn.functional,
    torch.nn.init,
    torch.optim,
    nn.Module,
    nn.Linear,
    nn.Conv2d,
    np,
    np.random,
    random,
)
"""Modules and classes whose functions a plugin might replace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """A snapshot."""

    surroundings: Surroundings
    path: tuple[str, ...]
    settings: Mapping[str, Any]
    functions: Mapping[tuple[Any, str], Any]
    """Module or class, and name -> function."""
    generators: Mapping[str, Any]

    @classmethod
    def capture(cls) -> ProcessState:
        """As it is now."""
        return cls(
            surroundings=Surroundings.capture(),
            path=tuple(sys.path),
            settings=_read_settings(),
            functions=dict(_functions()),
            generators={
                "torch": torch.get_rng_state().numpy().tobytes(),
                "NumPy": repr(np.random.get_state()),
                "random": random.getstate(),
            },
        )

    def changes(self, *, drawn: bool) -> tuple[str, ...]:
        """What is different now, a few words each.

        Args:
            drawn: whether random numbers drawn from a global generator are a difference, too.
        """
        now = ProcessState.capture()
        found = [*_between(self.surroundings, now.surroundings)]
        if self.path != now.path:
            found.append("sys.path is another")
        found += [
            f"{name} is {now.settings[name]!r} instead of {value!r}"
            for name, value in self.settings.items()
            if now.settings[name] != value
        ]
        found += [
            f"{owner.__name__}.{name} has been replaced"
            for (owner, name), value in self.functions.items()
            if now.functions.get((owner, name), value) is not value
        ]
        if drawn:
            found += [
                f"the global random generator of {name} has been seeded or used"
                for name, value in self.generators.items()
                if now.generators[name] != value
            ]
        return tuple(found)

    def restore(self) -> None:
        """Put back settings, functions and the path of imports."""
        sys.path[:] = self.path
        for name, value in self.settings.items():
            read, write = _SETTINGS[name]
            if read() != value:
                write(value)
        for (owner, name), function in self.functions.items():
            if vars(owner).get(name, function) is not function:
                setattr(owner, name, function)


@contextmanager
def put_back() -> Iterator[None]:
    """What happens in here to settings and functions of libraries is undone."""
    before = ProcessState.capture()
    try:
        yield
    finally:
        before.restore()


def _between(before: Surroundings, now: Surroundings) -> Iterator[str]:
    for name in sorted(before.environment.keys() | now.environment.keys()):
        if before.environment.get(name) != now.environment.get(name):
            yield f"environment variable {name} is {now.environment.get(name)!r}"
    if before.directory != now.directory:
        yield f"the working directory is {now.directory}"
    if before.umask != now.umask:
        yield f"the umask is {now.umask:03o}"
    for number, handler in before.handlers.items():
        if now.handlers.get(number) is not handler:
            yield f"signal {number} has another handler"


def _read_settings() -> dict[str, Any]:
    return {name: read() for name, (read, _) in _SETTINGS.items()}


def _cudnn(name: str) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    return partial(getattr, torch.backends.cudnn, name), partial(
        setattr, torch.backends.cudnn, name
    )


_SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "torch.get_default_dtype()": (torch.get_default_dtype, torch.set_default_dtype),
    "torch.get_default_device()": (torch.get_default_device, torch.set_default_device),
    "torch.is_grad_enabled()": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch.get_num_threads()": (torch.get_num_threads, torch.set_num_threads),
    "torch.are_deterministic_algorithms_enabled()": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "torch.get_float32_matmul_precision()": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "torch.is_anomaly_enabled()": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch.backends.cudnn.benchmark": _cudnn("benchmark"),
    "torch.backends.cudnn.deterministic": _cudnn("deterministic"),
    "torch.backends.cudnn.allow_tf32": _cudnn("allow_tf32"),
    "numpy.geterr()": (np.geterr, lambda value: np.seterr(**value)),
    "sys.getrecursionlimit()": (sys.getrecursionlimit, sys.setrecursionlimit),
}
"""Words that read a setting -> what reads it, and what sets it."""


def _functions() -> Iterator[tuple[tuple[Any, str], Any]]:
    for owner in _PATCHED:
        for name, value in vars(owner).items():
            if callable(value):
                yield (owner, name), value
