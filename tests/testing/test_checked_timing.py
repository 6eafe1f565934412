"""The checks that need a GPU, beside a stand-in for one: the method runs on the CPU, and what is
asked of CUDA is answered by the test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from harness.discovery.registry import discover
from harness.testing.checks.check import BrokenPromiseError, NotCheckedError
from harness.testing.methods import timing
from harness.testing.methods.subject import Subject


@pytest.fixture(scope="module")
def subject() -> Subject:
    plugins = discover()
    return Subject(plugins.methods["supervised/vit_b_16"], plugins)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(timing, "device_of_check", lambda: "cpu")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    return monkeypatch


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("check", [timing.synchronised, timing.memory])
def test_without_a_gpu_nothing_is_checked(check: object, subject: Subject) -> None:
    with pytest.raises(NotCheckedError, match="there is no CUDA device here"):
        check(subject)  # type: ignore[operator]


def test_a_gpu_that_is_idle_when_the_clock_stops_passes(
    subject: Subject, stand_in: pytest.MonkeyPatch
) -> None:
    timing.synchronised(subject)


def test_work_that_is_left_for_the_gpu_is_caught(
    subject: Subject, stand_in: pytest.MonkeyPatch
) -> None:
    stand_in.setattr(torch.cuda, "synchronize", lambda device=None: time.sleep(0.05))
    with pytest.raises(BrokenPromiseError, match=r"busy for \d+ ms after a training step"):
        timing.synchronised(subject)


def held(*counts: int) -> Iterator[int]:
    yield from counts


def test_memory_that_is_given_back_passes(subject: Subject, stand_in: pytest.MonkeyPatch) -> None:
    counts = held(8_000_000, 8_000_000)
    stand_in.setattr(torch.cuda, "memory_allocated", lambda device: next(counts))
    timing.memory(subject)


def test_memory_that_a_second_use_adds_is_caught(
    subject: Subject, stand_in: pytest.MonkeyPatch
) -> None:
    counts = held(8_000_000, 16_000_000)
    stand_in.setattr(torch.cuda, "memory_allocated", lambda device: next(counts))
    with pytest.raises(BrokenPromiseError, match=r"8.0 MB .* after its first use and 16.0 MB"):
        timing.memory(subject)
