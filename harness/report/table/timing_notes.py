"""What a reader must know of a table's timings: what they count, their marks, and shared work."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.report.table.catalogue import MEASURED
from harness.report.table.default_columns import speed_columns
from harness.report.table.numbers import number, size_of
from harness.report.table.quiet_timing import DISTURBED, UNRECORDED, mark
from harness.report.table.sections import Section, letter
from harness.report.table.view import View
from harness.results.record import TimingRecord

TIMINGS = tuple(c for c in MEASURED if c.blocks or c.name.startswith("train_"))
"""The columns of times, and of what is computed from them."""
_OF_TRAINING = {"prepare", "train", "frozen_prefix"}


def timing_notes(section: Section, view: View) -> Iterable[str]:
    """Sentences, in a fixed order, on what the view shows."""
    timed = [column for column in TIMINGS if view.asks(column.name)]
    if section.machine and timed:
        yield f"Timed on {section.machine}."
    if len(section.machines) > 1 and timed:
        named = "; ".join(f"{letter(i)}: {name}" for i, name in enumerate(section.machines))
        yield (
            f"Timed on several machines, by the column on: {named}. Timings of different machines "
            "are not compared, and have no mean where the seeds of a row ran on several."
        )
    if section.first.protocol.get("time_only") and timed:
        yield (
            "Medians of calls timed while no other probe was running on this machine: a training "
            "step, the model alone on one image and on a batch, and from stored pixels to "
            "predictions."
        )
    kinds = {row.timing.get("memory_kind") for row in section.rows} - {None}
    kinds = kinds if view.asks("peak_memory_bytes") else set()
    if kinds == {"rss"}:
        yield "Peak memory is the resident memory of the cell's process."
    if kinds == {"cuda"}:
        yield "Peak memory is what was allocated on the GPU."
    yield from _marks(section, view)
    if any(_OF_TRAINING.intersection(column.blocks) for column in timed):
        yield from _shared_work(section)
        yield from _uncached(section)


def _marks(section: Section, view: View) -> Iterable[str]:
    """What the times of the shown columns count, and what the marks behind them mean."""
    names = view.columns or speed_columns(section)
    shown = [column for column in MEASURED if column.blocks and column.name in names]
    if not view.columns and any(column.time == "cpu" for column in shown):
        yield (
            "Speeds are by CPU time of all threads, which other work on the machine changes "
            "little; by wall time: --columns method,minutes_per_epoch,latency_ms."
        )
    marks = {c.mark(row) for c in shown for row in section.rows if c.value(row) is not None}
    if DISTURBED in marks:
        on_cpu = section.first.device.startswith("cpu")
        why = "wall time more than 30 % above CPU time" if on_cpu else "no core was free"
        if any(column.time == "wall" for column in shown):
            why += ", or another cell was running"
        yield (
            f"Timings marked {DISTURBED} were taken while other work held the cell up ({why}). "
            "They enter no comparison."
        )
    if UNRECORDED in marks:
        yield (
            f"Timings marked {UNRECORDED} are from older records, which do not say whether other "
            "work held the cell up. They enter no comparison."
        )
    ordered = (view.sort or "").removeprefix("-")
    for column in MEASURED:
        if column.name == ordered and any(column.mark(row) for row in section.rows):
            yield f"The order by {ordered} includes marked timings, which it does not rank."


def _shared_work(section: Section) -> Iterable[str]:
    """The prices of what cells share, and of compiling, as far as they are of a quiet machine."""
    if prices := _prices(section, lambda timing: timing.get("prepare_seconds"), "prepare"):
        yield f"Preparing the images (shared by all rows, not in min/epoch) took {prices}."
    if prices := _prices(section, lambda timing: timing.get("buckets", {}).get("compile")):
        yield f"Compiling, not in min/epoch: {prices}."
    if any(row.timing.get("activation_seconds") for row in section.rows):
        prices = _prices(section, _frozen_price(section), "frozen_prefix")
        time = "CPU time" if _by_cpu(section) else "wall time"
        yield (
            "Activations of frozen layers are computed once; min/epoch and images/s contain their "
            "full price, whichever cell paid it" + (f". In {time}: {prices}." if prices else ".")
        )


def _by_cpu(section: Section) -> bool:
    return speed_columns(section)[0].startswith("cpu")


def _frozen_price(section: Section) -> Callable[[TimingRecord], float | None]:
    def price(timing: TimingRecord) -> float | None:
        taken = timing.get("blocks", {}).get("frozen_prefix")
        if taken is None:
            return None
        return taken["cpu_seconds" if _by_cpu(section) else "wall_seconds"]

    return price


def _uncached(section: Section) -> Iterable[str]:
    """Rows whose activations of frozen layers were not kept on disk, and why."""
    for row in section.rows:
        for kept in row.timing.get("activations", {}).values():
            if kept["where"] == "memory":
                yield (
                    f"{section.name_of(row)} kept the activations of its frozen layers in memory "
                    f"and shared them with no other cell: they take {size_of(kept['bytes'])}, more "
                    "than the disk (--activation-space) may give."
                )
            if kept["where"] != "per batch":
                continue
            yield (
                f"{section.name_of(row)} runs its frozen layers in every epoch: their activations "
                f"take {size_of(kept['bytes'])}, more than disk (--activation-space) and memory "
                "may give."
            )


def _prices(
    section: Section, seconds_of: Callable[[TimingRecord], float | None], block: str | None = None
) -> str:
    """Seconds, and the rows that used what they bought; empty where there are none. Marked timings
    are left out."""
    users: dict[str, list[str]] = {}
    for row in section.rows:
        seconds = seconds_of(row.timing)
        if seconds and (block is None or not mark(row, (block,), "cpu")):
            users.setdefault(number(seconds), []).append(section.name_of(row))
    everybody = sum(row.status == "ok" for row in section.rows)
    if len(users) == 1 and sum(map(len, users.values())) == everybody > 1:
        return f"{next(iter(users))} s for each row that ran"
    return "; ".join(f"{seconds} s for {', '.join(names)}" for seconds, names in users.items())
