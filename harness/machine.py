"""What this machine is, found out without torch: its processor, its cores, its CUDA devices."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_NAME_BYTES = 128


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """A GPU as the driver shows it."""

    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Driver:
    """The CUDA driver and the devices that it shows this process (``CUDA_VISIBLE_DEVICES``)."""

    cuda: tuple[int, int] | None
    """The newest CUDA that it can run, e.g. (12, 8); None where there is no driver."""
    devices: tuple[CudaDevice, ...]


def cpu_name() -> str:
    """The processor's name where Linux tells it, else what Python knows."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def core_quota() -> float | None:
    """Cores' worth of time that a container grants (cgroup v2); None where nothing limits it."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    return None


def memory_bytes() -> int | None:
    """Physical memory; None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def cuda_driver() -> Driver:
    """Asked of the driver itself, in this process; there is none where ``libcuda`` is missing."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Driver(None, ())
    version, count = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    newest = (version.value // 1000, version.value % 1000 // 10)
    if library.cuInit(0) != 0 or library.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return Driver(newest, ())
    return Driver(newest, tuple(_device(library, index) for index in range(count.value)))


def _device(library: ctypes.CDLL, index: int) -> CudaDevice:
    handle, size = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    library.cuDeviceGet(ctypes.byref(handle), index)
    library.cuDeviceGetName(name, _NAME_BYTES, handle)
    library.cuDeviceTotalMem_v2(ctypes.byref(size), handle)
    return CudaDevice(name.value.decode(errors="replace"), size.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a cell may use."""

    device: str
    """``"cpu"`` or ``"cuda:N"``."""
    threads: int
    concurrent: bool
    """Whether another cell may run beside it on this machine."""
