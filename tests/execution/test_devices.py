"""Which devices a run may use."""

from __future__ import annotations

import pytest

from harness import HarnessError
from harness.execution import devices
from harness.execution.devices import resolve_device, slots


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(devices, "cuda_count", lambda: count)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 1)
    assert resolve_device("auto") == "cuda"
    gpus(monkeypatch, 0)
    assert resolve_device("auto") == "cpu"


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:x", "cpu:0", "mps", ""])
def test_an_unknown_device_is_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    with pytest.raises(HarnessError, match="use auto, cpu, cuda or cuda:N"):
        resolve_device(asked)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    with pytest.raises(HarnessError, match="no CUDA device"):
        resolve_device("cuda")
    gpus(monkeypatch, 2)
    with pytest.raises(HarnessError, match="0 to 1"):
        resolve_device("cuda:2")


def test_no_two_cells_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert [slot.device for slot in slots("cuda", None, None)] == ["cuda:0", "cuda:1"]
    assert [slot.device for slot in slots("cuda:1", None, None)] == ["cuda:1"]
    assert [slot.device for slot in slots("cuda", 1, None)] == ["cuda:0"]
    with pytest.raises(HarnessError, match="never share one"):
        slots("cuda", 3, None)


def test_more_threads_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 4)
    devices.check_threads(4)
    devices.check_threads(None)
    with pytest.raises(HarnessError, match="--threads 5: this process may run on 4 cores"):
        devices.check_threads(5)


def test_a_cpu_runs_single_threaded_cells_side_by_side() -> None:
    both = slots("cpu", 2, None)
    assert [(slot.threads, slot.concurrent) for slot in both] == [(1, True), (1, True)]
    assert [(s.threads, s.concurrent) for s in slots("cpu", 1, 4)] == [(4, False)]
