"""What a table cannot hold and a reader must know, said under it once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.report.columns import name_of
from harness.report.figures import CONCURRENT, number, size_of
from harness.report.sections import Section
from harness.report.view import EVERYTHING, View
from harness.results.built import SMALL
from harness.results.record import TimingRecord
from harness.results.scoring import TARGET_OF_KIND
from harness.specs import MetricSpec

LOG_LINES = 5


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence, and lines of a log that belong to it."""

    text: str
    log: tuple[str, ...] = ()


def notes(section: Section, metrics: Sequence[MetricSpec], view: View = EVERYTHING) -> list[Note]:
    """The notes of a section, in a fixed order: about the figures, the runs, the failures."""
    return [
        *_chosen(view),
        *_ranking(section, metrics, view),
        *_undefined(section, metrics),
        *_of_rows(section),
        *_split(section),
        *_small(section),
        *_deviations(section),
        *_input_sizes(section),
        *_stages(section),
        *_micro_batches(section),
        *_timings(section),
        *_superseded(section),
        *_without_result(section),
    ]


def _chosen(view: View) -> Iterable[Note]:
    if view.filters:
        yield Note(f"Only rows with {' and '.join(view.filters)}.")
    if view.aggregate:
        yield Note(
            "Figures with n are means over seeds with the lowest and the highest: the range of n "
            "seeds, not an interval."
        )


def _ranking(section: Section, metrics: Sequence[MetricSpec], view: View) -> Iterable[Note]:
    row = section.first
    if view.sort:
        yield Note(f"Sorted by {view.sort.removeprefix('-')}.")
    elif row.primary_metrics:
        names = " and ".join(_label(name, metrics) for name in row.primary_metrics)
        mean = "the mean of " if len(row.primary_metrics) > 1 else ""
        yield Note(f"Ranked by {mean}{names}.")


def _undefined(section: Section, metrics: Sequence[MetricSpec]) -> Iterable[Note]:
    row = section.first
    missing = [name for name, value in row.label_all_classes.items() if value is None]
    if section.classes_absent and missing:
        names = ", ".join(_label(f"label.{name}", metrics) for name in missing)
        yield Note(
            f"{names} ({len(row.classes)} classes): not defined; the {row.part} set holds no "
            f"{', '.join(section.classes_absent)}."
        )


def _of_rows(section: Section) -> Iterable[Note]:
    """What rows say themselves, each text once with the rows that say it."""
    said: dict[str, list[str]] = {}
    for row in section.rows:
        for text in (*row.metric_notes, *row.notes):
            said.setdefault(text, []).append(section.name_of(row))
    for text, names in said.items():
        everybody = len(names) == len(section.rows) > 1
        yield Note(f"{'all rows' if everybody else ', '.join(names)}: {text}")


def _split(section: Section) -> Iterable[Note]:
    if marked := [section.name_of(row) for row in section.rows if row.selected_on_test]:
        who = "all rows" if len(marked) == len(section.rows) else ", ".join(marked)
        yield Note(f"Selected on test: {who}. The best epoch was chosen on the set reported here.")
    for text in _once(note for row in section.rows for note in row.split_notes):
        yield Note(text)


def _small(section: Section) -> Iterable[Note]:
    if any(row.small for row in section.rows):
        yield Note(
            f"{SMALL}: a small network of the same code in the place of the one that the method "
            "names; its figures are not those of the full one."
        )


def _deviations(section: Section) -> Iterable[Note]:
    texts = (
        f"{name_of(row)} deviates from the protocol: "
        + ", ".join(f"{name} {stated} → {used}" for name, (stated, used) in row.deviations.items())
        for row in section.rows
        if row.deviations
    )
    return map(Note, _once(texts))


def _input_sizes(section: Section) -> Iterable[Note]:
    texts = []
    for row in section.rows:
        used, stated = row.timing.get("input_size"), row.protocol.get("image_size")
        if used is not None and used != stated and "image_size" not in row.deviations:
            texts.append(
                f"{name_of(row)} takes {used} px images where the protocol says {stated} px"
            )
    return map(Note, _once(texts))


def _stages(section: Section) -> Iterable[Note]:
    texts = []
    for row in section.rows:
        if len(stages := row.timing.get("stages", [])) > 1:
            parts = (
                f"{stage['name']} ({stage['epochs']} epoch{'' if stage['epochs'] == 1 else 's'}, "
                f"learning rate {stage['learning_rate']:g})"
                for stage in stages
            )
            texts.append(f"{name_of(row)} trains in stages: {', '.join(parts)}")
    return map(Note, _once(texts))


def _micro_batches(section: Section) -> Iterable[Note]:
    """Rows whose batch normalisation saw less than a batch."""
    texts = [
        f"{name_of(row)} has batch normalisation, which saw {row.normalised_over} images at a "
        "time: another training than without micro-batches"
        for row in section.rows
        if row.normalised_over is not None
    ]
    return map(Note, _once(texts))


def _timings(section: Section) -> Iterable[Note]:
    if section.machine:
        yield Note(f"Timed on {section.machine}.")
    if section.first.protocol.get("time_only"):
        yield Note(
            "Medians of calls that had the machine's probes for themselves: a training step, the "
            "model alone on one image and on a batch, and from stored pixels to predictions."
        )
    kinds = {row.timing.get("memory_kind") for row in section.rows} - {None}
    if kinds == {"rss"}:
        yield Note("Peak memory is the resident memory of the cell's process.")
    if kinds == {"cuda"}:
        yield Note("Peak memory is what was allocated on the GPU.")
    if any(row.timed_beside_another for row in section.rows):
        yield Note(f"Figures with {CONCURRENT} were timed beside another cell on the same machine.")
    if prices := _prices(section, lambda timing: timing.get("prepare_seconds")):
        yield Note(f"Prepared images, made once for all and not in min/epoch: {prices}.")
    if prices := _prices(section, lambda timing: timing.get("buckets", {}).get("compile")):
        yield Note(f"Compiling, not in min/epoch: {prices}.")
    if prices := _prices(section, lambda timing: timing.get("activation_seconds")):
        yield Note(
            "Activations of frozen layers, computed once for all that share them and not in "
            f"min/epoch: {prices}."
        )
    yield from _uncached(section)


def _uncached(section: Section) -> Iterable[Note]:
    """Rows whose activations of frozen layers were not kept on disk, and why."""
    for row in section.rows:
        for kept in row.timing.get("activations", {}).values():
            if kept["where"] == "memory":
                yield Note(
                    f"{section.name_of(row)} kept the activations of its frozen layers in memory "
                    f"and shared them with no other cell: they take {size_of(kept['bytes'])}, more "
                    "than the disk (--activation-space) may give."
                )
            if kept["where"] != "per batch":
                continue
            yield Note(
                f"{section.name_of(row)} runs its frozen layers in every epoch: their activations "
                f"take {size_of(kept['bytes'])}, more than disk (--activation-space) and memory "
                "may give."
            )


def _prices(section: Section, seconds_of: Callable[[TimingRecord], float | None]) -> str:
    """Seconds, and the rows that used what they bought; empty where there are none."""
    users: dict[str, list[str]] = {}
    for row in section.rows:
        if seconds := seconds_of(row.timing):
            users.setdefault(number(seconds), []).append(section.name_of(row))
    everybody = sum(row.status == "ok" for row in section.rows)
    if len(users) == 1 and sum(map(len, users.values())) == everybody > 1:
        return f"{next(iter(users))} s for each row that ran"
    return "; ".join(f"{seconds} s for {', '.join(names)}" for seconds, names in users.items())


def _superseded(section: Section) -> Iterable[Note]:
    if count := sum(row.superseded for row in section.rows):
        what = "older result is" if count == 1 else "older results are"
        yield Note(f"{count} {what} not shown: made by other code, or elsewhere, and again since.")


def _without_result(section: Section) -> Iterable[Note]:
    for row in section.rows:
        if row.status != "ok":
            reason = " ".join(row.reason.split())
            text = f"{section.name_of(row)}: {row.status}" + (f": {reason}" if reason else "")
            yield Note(text, log=tuple(map(_printable, row.log_tail[-LOG_LINES:])))


def _label(name: str, metrics: Sequence[MetricSpec]) -> str:
    target, _, metric = name.partition(".")
    for spec in metrics:
        if spec.name == metric and TARGET_OF_KIND.get(spec.kind) == target:
            return spec.label
    return name


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _printable(line: str) -> str:
    # A log may hold escape sequences and carriage returns of progress bars.
    return "".join(c if c.isprintable() else " " for c in line).rstrip()
