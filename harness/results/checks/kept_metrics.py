"""What may replace the metrics that a cell has on record: never fewer values than it has."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.results.record import MetricsRecord, SetMetrics

_TARGETS: tuple[Literal["label", "mask"], ...] = ("label", "mask")


def with_kept(path: Path, old: MetricsRecord | None, new: MetricsRecord) -> MetricsRecord:
    """``new``, and with it the values of metrics that no plugin offers any more.

    Args:
        path: of the record, named in errors.
        old: what it holds; None where it is missing or damaged.

    Raises:
        HarnessError: ``old`` has a set, or a target of a set, that ``new`` lacks; names it.
    """
    merged = deepcopy(new)
    for part, before in (old or {}).items():
        if part not in new:
            raise HarnessError(f"{path} has metrics of set {part}, which was not scored")
        for target in _TARGETS:
            _keep(f"{path}: {part} set", target, before, merged[part])
    return merged


def kept(old: MetricsRecord | None, new: MetricsRecord) -> set[str]:
    """Metrics, as ``target.metric``, that are on record and were not computed now."""
    return {
        f"{target}.{name}"
        for part, before in (old or {}).items()
        for target in _TARGETS
        for name in (before[target] or {})
        if part in new and name not in (new[part][target] or {})
    }


def _keep(
    where: str, target: Literal["label", "mask"], before: SetMetrics, now: SetMetrics
) -> None:
    was, values = before[target], now[target]
    if was is None:
        return
    if values is None:
        raise HarnessError(f"{where} has metrics of target {target}, which was not predicted")
    for name, value in was.items():
        # A metric that has failed has None, and a note that says so.
        values.setdefault(name, value)
