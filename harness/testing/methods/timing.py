"""On a GPU: nothing is left to do when the clock stops, and memory is given back."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import torch

from harness.testing.checks.check import BrokenPromiseError, NotCheckedError
from harness.testing.methods.subject import Subject, predicted
from harness.training.method import TorchMethod

IDLE_SECONDS = 2e-3
"""What waiting for a GPU that has nothing to do may take."""
ALLOWED_BYTES = 1 << 20
"""Of GPU memory that a second use may hold beyond the first."""


def synchronised(subject: Subject) -> None:
    device = device_of_check()
    method = subject.construct()
    parts = subject.parts(method)
    with subject.runner(method, device=device) as runner:
        step = runner.training_step(parts)
        if step is not None:
            _idle(step, "a training step", device)
        elif not isinstance(method, TorchMethod):
            _idle(lambda: runner.training_step(parts), "fit()", device)
        _idle(runner.forward_fixed(2), "a forward pass", device)
        _idle(runner.end_to_end(parts.val), "predict()", device)


def memory(subject: Subject) -> None:
    device = device_of_check()
    held = []
    for _ in range(2):
        _use(subject, device)
        gc.collect()
        torch.cuda.synchronize(device)
        held.append(torch.cuda.memory_allocated(device))
    if held[1] - held[0] > ALLOWED_BYTES:
        raise BrokenPromiseError(
            f"{held[0] / 1e6:.1f} MB of GPU memory are held after its first use and "
            f"{held[1] / 1e6:.1f} MB after the second"
        )


def device_of_check() -> str:
    """The GPU that the checks are made on.

    Raises:
        NotCheckedError: there is none.
    """
    if not torch.cuda.is_available():
        raise NotCheckedError("there is no CUDA device here")
    return "cuda:0"


def _use(subject: Subject, device: str) -> None:
    method = subject.construct()
    parts = subject.parts(method)
    with subject.runner(method, device=device) as runner:
        step = runner.training_step(parts)
        if step is not None:
            step()
        predicted(runner, parts.val)


def _idle(block: Callable[[], object], what: str, device: str) -> None:
    block()  # The first time, kernels are chosen and loaded.
    torch.cuda.synchronize(device)
    block()
    started = time.perf_counter()
    torch.cuda.synchronize(device)
    waited = time.perf_counter() - started
    if waited > IDLE_SECONDS:
        raise BrokenPromiseError(
            f"the GPU was still busy for {1e3 * waited:.0f} ms after {what} had returned"
        )
