"""Which devices a run may use, asked of the driver so that the parent process needs no torch."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.machine import Resources, cores, cuda_driver


def cuda_count() -> int:
    """CUDA devices that the driver shows this process (it honours ``CUDA_VISIBLE_DEVICES``)."""
    return len(cuda_driver().devices)


def resolve_device(asked: str) -> str:
    """``auto`` -> ``cuda`` where there is one, else ``cpu``.

    Raises:
        HarnessError: an unknown device, or one that this machine does not have.
    """
    check_device_name(asked)
    if asked == "cpu":
        return "cpu"
    index = asked.partition(":")[2]
    count = cuda_count()
    if asked == "auto":
        return "cuda" if count else "cpu"
    if count == 0:
        raise HarnessError(
            f"--device {asked}: no CUDA device is visible here; use --device cpu, or check the "
            "driver and CUDA_VISIBLE_DEVICES",
            about="device",
        )
    if index and int(index) >= count:
        raise HarnessError(
            f"--device {asked}: there are {count} CUDA devices, 0 to {count - 1}", about="device"
        )
    return asked


def check_device_name(asked: str) -> None:
    """HarnessError unless it is ``auto``, ``cpu``, ``cuda`` or ``cuda:N``."""
    kind, _, index = asked.partition(":")
    if asked in ("auto", "cpu") or (kind == "cuda" and (":" not in asked or index.isdecimal())):
        return
    raise HarnessError(f"--device {asked!r}: use auto, cpu, cuda or cuda:N", about="device")


def check_threads(threads: int | None) -> None:
    """HarnessError where a cell would get more threads than there are cores."""
    if threads is not None and threads > cores():
        raise HarnessError(
            f"--threads {threads}: this process may run on {cores()} cores, and more threads than "
            "that only wait for each other",
            about="threads",
        )


def slots(device: str, jobs: int | None, threads: int | None) -> tuple[Resources, ...]:
    """What may run side by side: one cell per GPU, or single-threaded cells on the cores.

    Raises:
        HarnessError: more jobs than GPUs.
    """
    if device == "cpu":
        count = jobs or max(1, cores() // (threads or 1))
        return (Resources(device="cpu", threads=threads or 1, concurrent=count > 1),) * count
    devices = [device] if ":" in device else [f"cuda:{i}" for i in range(cuda_count())]
    if jobs is not None and jobs > len(devices):
        raise HarnessError(
            f"--jobs {jobs}: this run has {len(devices)} GPUs, and two cells never share one",
            about="jobs",
        )
    devices = devices[:jobs]
    per_cell = threads or max(1, cores() // len(devices))
    return tuple(
        Resources(device=name, threads=per_cell, concurrent=len(devices) > 1) for name in devices
    )
