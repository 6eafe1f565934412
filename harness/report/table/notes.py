"""What a reader must know besides a table, once, in notes under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.report.table.aggregation import repeated
from harness.report.table.column import name_of
from harness.report.table.release_notes import release_notes
from harness.report.table.sections import Section
from harness.report.table.timing_notes import timing_notes
from harness.report.table.view import EVERYTHING, View
from harness.results.browse.network_title import OWN, SMALL
from harness.specs import TARGET_OF_KIND, MetricSpec
from harness.storage.names import on_one_line
from harness.values.plain_text import on_screen
from harness.values.wording import counted

LOG_LINES = 5


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence, and lines of a log that belong to it."""

    text: str
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", on_one_line(self.text))


def notes(section: Section, metrics: Sequence[MetricSpec], view: View = EVERYTHING) -> list[Note]:
    """The notes of a section, in a fixed order: about the values, the runs, the failures."""
    return [
        *_chosen(section, view),
        *_ranking(section, metrics, view),
        *_swept(section),
        *_undefined(section, metrics, view),
        *_of_rows(section, view),
        *_split(section),
        *_small(section),
        *_deviations(section),
        *_input_sizes(section),
        *_stages(section),
        *_micro_batches(section),
        *map(Note, timing_notes(section, view)),
        *_superseded(section),
        *map(Note, release_notes(section.rows)),
        *_without_result(section),
    ]


def _chosen(section: Section, view: View) -> Iterable[Note]:
    if view.filters:
        yield Note(f"Only rows with {' and '.join(view.filters)}.")
    if view.aggregate:
        over = repeated(section.rows) if view.aggregate == "folds" else "seeds"
        yield Note(
            f"Values with n are means over {over} with the lowest and the highest: the range of n "
            f"{'runs' if ' ' in over else over}, not an interval."
        )
        if "folds" in over:
            yield Note(
                "Folds are tested on different images and trained on much the same ones: their "
                "range is neither the error of the mean nor what another training would give."
            )


def _ranking(section: Section, metrics: Sequence[MetricSpec], view: View) -> Iterable[Note]:
    row = section.first
    if view.sort:
        yield Note(f"Sorted by {view.sort.removeprefix('-')}.")
    elif row.primary_metrics:
        names = " and ".join(_label(name, metrics) for name in row.primary_metrics)
        mean = "the mean of " if len(row.primary_metrics) > 1 else ""
        yield Note(f"Ranked by {mean}{names}.")


def _swept(section: Section) -> Iterable[Note]:
    if section.varying_settings and section.first.primary_metrics:
        names = " and ".join(section.varying_settings)
        text = f"Of several values of {names}, the one that is best here is chosen by the images "
        text += "that it is reported on"
        if any(row.selected_on_test for row in section.rows):
            yield Note(
                f"{text}, and so is the best by primary (val): val and test are the same images."
            )
        else:
            yield Note(f"{text}: choose by the column primary (val), as the screen does.")


def _undefined(section: Section, metrics: Sequence[MetricSpec], view: View) -> Iterable[Note]:
    row = section.first
    missing = [
        name
        for name, value in row.label_all_classes.items()
        if value is None and view.asks(f"label.{name}")
    ]
    if section.classes_absent and missing:
        names = ", ".join(_label(f"label.{name}", metrics) for name in missing)
        yield Note(
            f"{names} ({counted(len(row.classes), 'class')}): not defined; the {row.part} set "
            f"holds no {', '.join(section.classes_absent)}."
        )


def _of_rows(section: Section, view: View) -> Iterable[Note]:
    """The rows' own notes, each once, with the rows that have it."""
    said: dict[str, list[str]] = {}
    for row in section.rows:
        of_metrics = (text for text in row.metric_notes if _about_shown(text, view))
        for text in (*of_metrics, *row.notes):
            said.setdefault(text, []).append(section.name_of(row))
    for text, names in said.items():
        everybody = len(names) == len(section.rows) > 1
        yield Note(f"{'all rows' if everybody else ', '.join(names)}: {text}")


def _about_shown(note: str, view: View) -> bool:
    """Whether a note on a metric, which begins ``metric NAME``, is on one that the reader asked
    for."""
    name = note.removeprefix("metric ").partition(" ")[0]
    return any(view.asks(f"{target}.{name}") for target in TARGET_OF_KIND.values())


def _split(section: Section) -> Iterable[Note]:
    if marked := [section.name_of(row) for row in section.rows if row.selected_on_test]:
        who = "all rows" if len(marked) == len(section.rows) else ", ".join(marked)
        yield Note(f"Selected on test: {who}. The best epoch was chosen on the set reported here.")
    for text in _once(note for row in section.rows for note in row.split_notes):
        yield Note(text)


def _small(section: Section) -> Iterable[Note]:
    small = [row for row in section.rows if row.small]
    own = [row for row in small if row.weights == "pretrained"]
    if small:
        yield Note(
            f"{SMALL}: a small network of the same code instead of the one that the method names; "
            "its values are not those of the full one."
        )
    if own:
        cards = _once(row.weights_card or "" for row in own)
        yield Note(
            f"{OWN}: it started from weights made for the small network, not from the published "
            f"ones of the full one: {', '.join(cards)} (harness weights list)."
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
                f"{stage['name']} ({counted(stage['epochs'], 'epoch')}, "
                f"learning rate {stage['learning_rate']:g})"
                for stage in stages
            )
            texts.append(f"{name_of(row)} trains in stages: {', '.join(parts)}")
    return map(Note, _once(texts))


def _micro_batches(section: Section) -> Iterable[Note]:
    """Rows whose batch normalisation saw less than a batch."""
    texts = [
        f"{name_of(row)} has batch normalisation, which saw "
        f"{counted(row.normalised_over, 'image')} at a time: unlike training without micro-batches"
        for row in section.rows
        if row.normalised_over is not None
    ]
    return map(Note, _once(texts))


def _superseded(section: Section) -> Iterable[Note]:
    if count := sum(row.superseded for row in section.rows):
        verb, they, have = ("is", "it", "has") if count == 1 else ("are", "they", "have")
        yield Note(
            f"{counted(count, 'older result')} {verb} hidden: {they} came from other code or "
            f"another machine and {have} been re-run."
        )


def _without_result(section: Section) -> Iterable[Note]:
    for row in section.rows:
        if row.status != "ok":
            reason = on_screen(row.reason)
            text = f"{section.name_of(row)}: {row.status}" + (f": {reason}" if reason else "")
            yield Note(text, log=tuple(map(_printable, row.log_tail[-LOG_LINES:])))


def _label(name: str, metrics: Sequence[MetricSpec]) -> str:
    return next((spec.label for spec in metrics if spec.full_name == name), name)


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _printable(line: str) -> str:
    # A log may hold escape sequences and carriage returns of progress bars.
    return "".join(c if c.isprintable() else " " for c in line).rstrip()
