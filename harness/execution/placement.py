"""Where the cells of a run are to run: which executor, with which parameters, on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.discovery.registry import Entry, Plugins
from harness.discovery.requirements import what_to_install
from harness.errors import HarnessError, did_you_mean, said
from harness.execution import devices
from harness.execution.contract.executor import Slots, SlotsRequest
from harness.machine import Resources
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import undisturbed
from harness.specs import ExecutorSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where cells run."""

    executor: str
    params: Mapping[str, Any]
    """Of the executor."""
    device: str
    """``cpu``, ``cuda`` or ``cuda:N``."""
    elsewhere: bool
    """Whether cells run on other machines than this."""
    slots: tuple[Resources, ...]
    """What may run side by side. Of an executor that takes all cells at once, what one of them
    gets."""
    endless: bool = False
    """Whether the executor takes all cells at once."""

    def for_cells(self, count: int) -> tuple[Resources, ...]:
        """A slot for each cell that may be with the executor at a time, of ``count`` cells."""
        return self.slots * count if self.endless else self.slots


def placement(
    name: str,
    plugins: Plugins,
    params: Mapping[str, Any],
    *,
    device: str,
    jobs: int | None,
    threads: int | None,
) -> Placement:
    """Ask the executor, or this machine, what cells can have.

    Args:
        name: of the executor.
        params: all of the executor's.
        device: as asked: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        HarnessError: what is asked cannot be had.
    """
    entry = plugins.executors[name]
    if not entry.spec.slots:
        devices.check_threads(threads)
        found = devices.resolve_device(device)
        return Placement(
            executor=name,
            params=params,
            device=found,
            elsewhere=False,
            slots=devices.slots(found, jobs, threads),
        )
    devices.check_device_name(device)
    there = _slots(entry, SlotsRequest(device=device, jobs=jobs, threads=threads, params=params))
    one = Resources(device=there.device, threads=there.threads, concurrent=False)
    return Placement(
        executor=name,
        params=params,
        device=there.device,
        elsewhere=True,
        slots=(one,) * (1 if there.count is None else there.count),
        endless=there.count is None,
    )


def _slots(entry: Entry[ExecutorSpec], asked: SlotsRequest) -> Slots:
    who = f"executor {entry.spec.name!r} of plugin {entry.plugin!r}"
    try:
        with undisturbed():
            found = resolve(entry.spec.slots)(asked)
    except (HarnessError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise HarnessError(
            f"{who} cannot say what cells get: {said(error)}", about="executor"
        ) from error
    if (
        not isinstance(found, Slots)
        or found.device not in ("cpu", "cuda")
        or not _is_count(found.threads)
        or not (found.count is None or _is_count(found.count))
    ):
        raise HarnessError(
            f"{who} must answer with harness.Slots for cpu or cuda, 1 thread or more, and a count "
            f"of 1 or more or none, and answers {found!r:.80}",
            about="executor",
        )
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def find_executor(name: str, plugins: Plugins) -> Entry[ExecutorSpec]:
    """The executor of this name.

    Raises:
        HarnessError: no plugin offers one, or packages that it needs are not installed.
    """
    if name not in plugins.executors:
        raise HarnessError(
            f"unknown executor {name!r}{did_you_mean(name, plugins.executors)}; "
            f"executors: {', '.join(sorted(plugins.executors))}",
            about="executor",
        )
    entry = plugins.executors[name]
    if command := what_to_install(entry.spec):
        raise HarnessError(
            f"--executor {name}: needs packages that are not installed; {command}",
            about="executor",
        )
    return entry
