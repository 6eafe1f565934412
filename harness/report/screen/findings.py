"""What a run shows, in sentences that are computed: each names its numbers, none claims a
difference whose interval holds 0, and none uses a timing that other work disturbed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from harness.metrics.intervals import Interval
from harness.report.screen.blocks import BASELINE
from harness.report.screen.contest import Contest, Setting
from harness.report.screen.evidence import Evidence
from harness.report.screen.text import digits_of, signed_text
from harness.report.table.aggregation import Line
from harness.report.table.catalogue import MEASURED
from harness.report.table.common_images import trained_on
from harness.report.table.default_columns import speed_columns
from harness.report.table.numbers import mean, number
from harness.results.browse.decimals import decimals
from harness.results.rundir import CellDirectory
from harness.specs import MetricSpec

FULL = "full"
"""The strategy that trains every layer."""
NONE_SHOWN = "no difference shown"


def findings(setting: Setting, evidence: Evidence, metrics: Sequence[MetricSpec]) -> list[str]:
    """Sentences, the most interesting first: one of each kind before the second of any."""
    said = _Findings(setting, evidence, metrics)
    kinds = (
        said.chosen(),
        said.top(),
        said.transfer(),
        said.frozen(),
        said.prompts(),
        said.baseline(),
        said.spread(),
        said.twins(),
    )
    found: list[str] = []
    for turn in zip_longest(*map(list, kinds)):
        found += [sentence for sentence in turn if sentence is not None]
    return found


class _Findings:
    def __init__(self, setting: Setting, evidence: Evidence, metrics: Sequence[MetricSpec]) -> None:
        self._setting, self._evidence = setting, evidence
        self._labels = {spec.full_name: spec.label for spec in metrics}

    def chosen(self) -> Iterator[str]:
        """How the settings of a sweep were chosen."""
        counts = {f: n for contest in self._setting.contests for f, n in contest.settings.items()}
        if counts:
            of = " and ".join(f"{field} (of {count} values)" for field, count in counts.items())
            was = "was" if len(counts) == 1 else "were"
            text = f"Each method has the {of} that {was} best on its validation images"
            rows = [line[0] for contest in self._setting.contests for line in contest.lines]
            if any(not counts.keys().isdisjoint(row.deviations) for row in rows):
                text += ", unless it has its own"
            if any(row.selected_on_test for row in self._setting.rows):
                text += ", which are the test images: its values are too good"
            yield f"{text}."

    def top(self) -> Iterator[str]:
        """The methods that the best of a task is not shown to beat; where it beats all, by how much
        it beats the next."""
        for contest in self._setting.contests:
            best, *others = contest.lines
            if len(contest.metrics) > 1 or not others or self._is_said_otherwise(contest.lines):
                continue
            metric = contest.metrics[0]
            found = [(one, self._evidence.difference(best, one, metric)) for one in others]
            known = [(one, difference) for one, difference in found if difference is not None]
            if not known:
                continue
            tied = [contest.short(one) for one, difference in known if difference.holds(0)]
            label, name = self._label(metric), contest.short(best)
            if tied:
                more = f" and {len(tied) - 1} more" if len(tied) > 1 else ""
                yield f"{name} is not shown to beat {tied[0]}{more} ({label})."
            elif len(others) == 1:
                ((rival_line, by_much),) = known
                yield f"{name} beats {contest.short(rival_line)}: {label} {signed_text(by_much)}."
            else:
                rival, difference = known[0]
                by = f"{contest.short(rival)}, by {label} {signed_text(difference)}"
                yield f"{name} beats every other method; the next, {by}."

    def _is_said_otherwise(self, lines: Sequence[Line]) -> bool:
        """Whether the lines are two that another sentence compares."""
        if len(lines) > 2:
            return False
        bases = {line[0].method.partition("@")[0] for line in lines}
        masks = all(metric.startswith("mask.") for metric in lines[0][0].primary_metrics)
        return masks or len(bases) == 1 or any(line[0].family == BASELINE for line in lines)

    def transfer(self) -> Iterator[str]:
        """What small weights that were made on other images are worth here: the best network that
        started from them, against the best baseline."""
        for contest in self._setting.contests:
            simple = [line for line in contest.lines if _is_baseline(line)]
            started = [(line, made) for line in contest.lines if (made := _made_elsewhere(line))]
            if not simple or not started or not self._scored(started[0][0], contest):
                continue
            (best, made), rival = started[0], simple[0]
            metric = contest.metrics[0]
            found = self._evidence.difference(best, rival, metric)
            if found is None:
                continue
            who = f"{contest.short(best)}, best from weights of {made},"
            other = contest.short(rival)
            numbers = f"{self._label(metric)} {signed_text(found)}"
            if found.holds(0):
                yield f"{who} is not shown to beat {other}: {numbers}."
            else:
                beats = "beats" if self._is_better(found, best) else "is worse than"
                yield f"{who} {beats} {other}: {numbers}."

    def frozen(self) -> Iterator[str]:
        """Of each encoder, the best strategy that keeps layers frozen against training all."""
        for contest, base, family in self._families():
            full = next((line for line in family if _variant(line) == FULL), None)
            partly = [line for line in family if _is_partly_frozen(line)]
            if full is None or not partly or (found := self._against(partly[0], full)) is None:
                continue
            ratio = _time_ratio(contest, partly[0], full)
            time = f"; {ratio} per epoch" if ratio else ""
            yield f"{base} {_variant(partly[0])} vs full: {found}{time}."

    def prompts(self) -> Iterator[str]:
        """Of each network that is not trained, its range over the prompts."""
        for contest, base, family in self._families():
            untrained = [line for line in family if _is_untrained(line)]
            if len(untrained) < 2:
                continue
            best, worst, metric = untrained[0], untrained[-1], contest.metrics[0]
            difference = self._evidence.difference(best, worst, metric)
            if difference is None:
                continue
            low, high = (self._number(line, metric, difference) for line in (worst, best))
            ends = f"{low} (prompt {_variant(worst)}) to {high} ({_variant(best)})"
            sure = f", {NONE_SHOWN}" if difference.holds(0) else ""
            yield f"{base} without training: {self._label(metric)} {ends}{sure}."

    def baseline(self) -> Iterator[str]:
        """The best trained network against the best baseline that is not constant."""
        for contest in self._setting.contests:
            trained = [line for line in contest.lines if _is_trained(line)]
            simple = [line for line in contest.lines if _is_baseline(line)]
            if not trained or not simple:
                continue
            best, rival, metric = trained[0], simple[0], contest.metrics[0]
            if _made_elsewhere(best):  # Said of it already.
                continue
            found = self._evidence.difference(best, rival, metric)
            if found is None:
                continue
            numbers = f"{self._label(metric)} {signed_text(found)}"
            who, other = contest.short(best), contest.short(rival)
            if found.holds(0):
                yield f"No trained network is shown to beat {other}: {who} {numbers}."
            elif self._is_better(found, best):
                of = f", best of {len(trained)} networks," if len(trained) > 1 else ""
                yield f"{who}{of} beats {other}: {numbers}."
            else:
                yield f"No trained network beats {other}: {who} {numbers}, worse."

    def spread(self) -> Iterator[str]:
        """Of methods that predict masks alone, the best against the worst."""
        for contest in self._setting.contests:
            if len(contest.lines) < 2 or not all(m.startswith("mask.") for m in contest.metrics):
                continue
            best, worst, metric = contest.lines[0], contest.lines[-1], contest.metrics[0]
            found = self._evidence.difference(best, worst, metric)
            if found is None:
                continue
            count = len(contest.lines)
            names = f"{contest.short(best)} vs {contest.short(worst)}"
            sure = f", {NONE_SHOWN}" if found.holds(0) else ""
            numbers = f"{self._label(metric)} {signed_text(found)}"
            yield f"{names}, best and worst of {count}: {numbers}{sure}."

    def twins(self) -> Iterator[str]:
        """The best method of several targets against those that have one of them each."""
        every = {line[0].method: line for c in self._setting.contests for line in c.lines}
        for contest in self._setting.contests:
            best = contest.lines[0]
            if len(contest.metrics) < 2:
                continue
            found = []
            for metric in contest.metrics:
                twin = every.get(best[0].twins.get(metric.partition(".")[0], ""))
                difference = twin and self._evidence.difference(best, twin, metric)
                if twin is not None and difference:
                    facts = [NONE_SHOWN] if difference.holds(0) else []
                    facts += _unlike(best, twin, metric)
                    sure = f" ({'; '.join(facts)})" if facts else ""
                    found.append(f"{self._label(metric)} {signed_text(difference)}{sure}")
            if found:
                yield f"{contest.short(best)} vs each task alone: {'; '.join(found)}."

    def _families(self) -> Iterator[tuple[Contest, str, list[Line]]]:
        """Lines that started from the same and whose ids differ in nothing but what follows the @,
        the best first."""
        for contest in self._setting.contests:
            families: dict[tuple[str, str, str | None], list[Line]] = {}
            for line in contest.lines:
                if "@" in line[0].method and self._scored(line, contest):
                    row = line[0]
                    key = (row.method.partition("@")[0], row.weights, row.weights_digest)
                    families.setdefault(key, []).append(line)
            for (base, _, _), family in families.items():
                if len(family) > 1:
                    yield contest, base.partition("/")[2], family

    def _scored(self, line: Line, contest: Contest) -> bool:
        return self._evidence.value(line, contest.metrics[0]) is not None

    def _against(self, line: Line, other: Line) -> str | None:
        """The difference of two lines in the metric that ranks them, and what it shows."""
        metric = line[0].primary_metrics[0]
        found = self._evidence.difference(line, other, metric)
        if found is None:
            return None
        shown = "better" if self._is_better(found, line) else "worse"
        said = NONE_SHOWN if found.holds(0) else shown
        return f"{self._label(metric)} {signed_text(found)}, {said}"

    def _is_better(self, found: Interval, line: Line) -> bool:
        return (found.value > 0) == line[0].primary_higher_is_better

    def _number(self, line: Line, metric: str, beside: Interval) -> str:
        return decimals(self._evidence.value(line, metric), digits_of([beside]))

    def _label(self, metric: str) -> str:
        return self._labels.get(metric, metric)


def _unlike(line: Line, twin: Line, metric: str) -> list[str]:
    """In what two methods differ besides what they are: their start, and what they trained on."""
    facts = []
    starts = [line[0].weights, twin[0].weights]
    if starts[0] != starts[1]:
        facts.append(f"{starts[0]} start against {starts[1]}")
    counts, same = trained_on([line[0], twin[0]], metric.partition(".")[0])
    if same is False and counts[0] != counts[1]:
        what = "masks" if metric.startswith("mask.") else "images"
        facts.append(f"trained on {counts[0]} and {counts[1]} {what}")
    return facts


def _variant(line: Line) -> str:
    return line[0].method.partition("@")[2]


def _made_elsewhere(line: Line) -> str | None:
    """The images that the small weights of a line were made on, where these are not of its own
    dataset; None where they are, or where there are none."""
    row = line[0]
    if not row.small or row.weights != "pretrained":
        return None
    card = CellDirectory(Path(row.directory)).cell["method"]["weights"]
    if card is None or row.dataset in card["pretraining_data"]:
        return None
    return card["pretraining_data"].partition(" (")[0]


def _is_trained(line: Line) -> bool:
    return bool(line[0].timing.get("epochs")) and line[0].timing.get("parameters_total") is not None


def _is_untrained(line: Line) -> bool:
    timing = line[0].timing
    return not timing.get("epochs") and timing.get("parameters_total") is not None


def _is_partly_frozen(line: Line) -> bool:
    timing = line[0].timing
    trained, every = timing.get("parameters_trainable"), timing.get("parameters_total")
    return _is_trained(line) and trained is not None and every is not None and trained < every


def _is_baseline(line: Line) -> bool:
    return line[0].family == BASELINE and not any(row.one_class for row in line)


def _time_ratio(contest: Contest, line: Line, other: Line) -> str | None:
    """What an epoch of a line takes of another's; None where either was disturbed."""
    name = speed_columns(contest.section)[0]
    column = next(column for column in MEASURED if column.name == name)
    times = [[column.undisturbed(row) for row in rows] for rows in (line, other)]
    known = [[time for time in taken if time is not None] for taken in times]
    if [len(taken) for taken in known] != [len(line), len(other)] or not mean(known[1]):
        return None
    kind = "CPU time" if name.startswith("cpu") else "time"
    ratio = mean(known[0]) / mean(known[1])
    return f"{ratio:.2f} of its {kind}" if ratio >= 0.1 else f"{number(ratio)} of its {kind}"
