"""The machine, asked without torch; the driver is a stand-in, as most machines have none."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from harness.machine import CudaDevice, Driver, cores, cpu_name, cuda_driver, memory_bytes


class Library:
    """Answers as ``libcuda`` does: 0 for success, results through pointers."""

    def __init__(self, version: int, names: tuple[str, ...], initialised: int = 0) -> None:
        self._version, self._names, self._initialised = version, names, initialised

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = self._version
        return 0

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._initialised

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self._names)
        return 0

    def cuDeviceGet(self, handle: Any, index: int) -> int:  # noqa: N802
        handle._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, size: int, handle: Any) -> int:  # noqa: N802
        name.value = self._names[handle.value].encode()
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, handle: Any) -> int:  # noqa: N802
        size._obj.value = 80 * 2**30
        return 0


def asked(library: Library | None, monkeypatch: pytest.MonkeyPatch) -> Driver:
    def load(name: str) -> Library:
        if library is None:
            raise OSError(name)
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    return cuda_driver()


def test_without_a_driver_there_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(None, monkeypatch) == Driver(None, ())


def test_the_driver_names_its_version_and_its_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked(Library(12080, ("A card", "Another")), monkeypatch)
    size = 80 * 2**30
    assert found == Driver((12, 8), (CudaDevice("A card", size), CudaDevice("Another", size)))


def test_a_driver_that_does_not_start_shows_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(Library(13000, ("A card",), initialised=100), monkeypatch) == Driver((13, 0), ())


def test_the_processor_has_a_name_and_cores_and_the_machine_has_memory() -> None:
    assert cpu_name()
    assert cores() >= 1
    assert (memory_bytes() or 0) > 2**20
