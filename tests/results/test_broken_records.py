"""Records that somebody's disk, editor or other version has changed: a row that names file and key,
or figures, and never a traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.bundled import harness_metrics
from harness.errors import HarnessError
from harness.inference.finished import finished
from harness.planning.study_name import default_name
from harness.report.cell.records import everything
from harness.report.cell.text import one_cell_text
from harness.report.published.comparison import beside, expected_time
from harness.report.published.study import Published, PublishedRow, PublishedTable
from harness.report.render import render
from harness.report.table.rows import Row, rows
from harness.results.browse.lookup import find_cell
from harness.results.rundir import CellDirectory, find_cells
from harness.upkeep.cleaning import checkpoints, unfinished
from tests.builders import QUIET, image_ids, make_cell

METRICS = tuple(harness_metrics())
STAGE = {"name": "linear", "epochs": 3, "learning_rate": 0.001, "parameters": 9}
KEPT = {"where": "disk", "bytes": 9, "seconds": 1.0}
RICH = {
    "blocks": {name: dict(QUIET) for name in ("prepare", "train", "frozen_prefix", "latency")},
    "buckets": {"train": 3.0, "other": 0.1},
    "stages": [{**STAGE, "normalises_batches": True}],
    "activations": {"linear": {**KEPT, "cpu_seconds": 1.0, "other_load": 0.0, "key": "a"}},
    "activation_seconds": 1.0,
    "prepare_seconds": 2.0,
}
ROW = PublishedRow(
    label="theirs", method="demo/bad", fraction=1.0,
    values={"label.f1": 0.5, "mask.dice": 0.5, "minutes_per_epoch": 1.0},
)  # fmt: skip
STUDY = Published(
    name="study", dataset="phantom", title="A study", protocol=(), epochs=3, arguments=(),
    arguments_on_cuda=(), runs=(), images=128, decimals=4, pixels={}, train_images=256,
    tables=(PublishedTable(title="Results", notes=(), rows=(ROW,), also={}),),
)  # fmt: skip


@pytest.fixture
def bad(tmp_path: Path) -> CellDirectory:
    """A cell with all that a record can hold, in a study with another one and a ``study.json``."""
    study = tmp_path / "out" / "phantom-quick"
    made = [
        make_cell(
            study, method, task="multitask", label={"f1": 0.25}, mask={"dice": 0.25},
            primary=("label.f1", "mask.dice"), twins={"label": "demo/good"}, timing=RICH,
            environment={"cpu": "a", "threads": 1, "cpu_count": 2, "packages": {"a": "1"}},
            images=image_ids(4), deviations={"epochs": [5, 3]}, changed_params={"a": [1, 2]},
        )
        for method in ("demo/bad", "demo/good")
    ]  # fmt: skip
    facts = {"runs": [{"asked": "a", "dataset": {"name": "x", "root": None, "fingerprint": "f"}}]}
    (study / "study.json").write_text(json.dumps(facts))
    return made[0]


def changed(cell: CellDirectory, file: str, **keys: Any) -> Row:
    """The row of the cell, where these keys of a file hold something else; dots are written
    ``__``."""
    path = cell.path / file
    value = json.loads(path.read_text())
    for name, new in keys.items():
        *way, last = [int(key) if key.isdigit() else key for key in name.split("__")]
        inner = value
        for key in way:
            inner = inner[key]
        if new is ABSENT:
            del inner[last]
        else:
            inner[last] = new
    path.write_text(json.dumps(value))
    return next(row for row in rows(find_cells(cell.path.parents[3])) if row.method == "demo/bad")


ABSENT = object()


@pytest.mark.parametrize(
    ("file", "key", "value", "says"),
    [
        ("timing.json", "blocks__train__other_load", ABSENT, "blocks.train lacks other_load"),
        ("timing.json", "blocks__train__wall_seconds", "x", "blocks.train.wall_seconds is 'x'"),
        ("timing.json", "blocks__prepare", {}, "blocks.prepare lacks cpu_seconds, other_load, wa"),
        ("timing.json", "stages__0__name", ABSENT, "stages.0 lacks name"),
        ("timing.json", "latency_ms__p50", ABSENT, "latency_ms lacks p50"),
        ("timing.json", "activations__linear__bytes", ABSENT, "activations.linear lacks bytes"),
        ("timing.json", "new", {"a": [float("nan")]}, "new.a.0 is nan, where a finite number"),
        ("timing.json", "new", float("inf"), "new is inf, where a finite number belongs"),
        ("metrics.json", "test__new", 10**400, "test.new is 1000"),
        ("metrics.json", "test__label__f1", True, "test.label.f1 is True, where a number belongs"),
        ("cell.json", "protocol__batch_size", {}, "protocol.batch_size is {}, where"),
        ("cell.json", "protocol__new", [1], "protocol.new is [1], where"),
        ("cell.json", "method__summary", "\ud800", r"method.summary is '\ud800', where text in UT"),
        ("cell.json", "weights__card", "a", "weights.card is 'a', and method.weights has no card"),
        (
            "environment.json",
            "cpu_count",
            "two",
            "cpu_count is 'two', where a whole number",
        ),
    ],
)
def test_a_record_that_cannot_be_believed_is_damaged_by_file_and_key(
    bad: CellDirectory, file: str, key: str, value: Any, says: str
) -> None:
    row = changed(bad, file, **{key: value})
    assert row.status == "damaged"
    assert f"{file}: {says}" in row.reason


@pytest.mark.parametrize(
    ("file", "says"), [("timing.json", "lacks epochs"), ("metrics.json", "lacks test")]
)
def test_a_finished_cell_with_an_empty_record_is_damaged(
    bad: CellDirectory, file: str, says: str
) -> None:
    (bad.path / file).write_text("{}")
    row = changed(bad, file)
    assert row.status == "damaged"
    assert f"{file}: {says}" in row.reason
    assert any(f"{file}: {says}" in text for text in everything(bad)["damaged"])


def test_records_of_older_versions_are_reported(bad: CellDirectory) -> None:
    timing = {
        "epochs": 3, "minutes_per_epoch": 0.5, "activation_seconds": 6.0, "stages": [STAGE],
        "activations": {"linear": KEPT}, "latency_ms": {"p50": 1.0, "p95": 2.0},
    }  # fmt: skip
    (bad.path / "timing.json").write_text(json.dumps(timing))
    row = changed(bad, "environment.json", cpu_count=ABSENT, packages=ABSENT)
    assert row.status == "ok"
    assert row.timing["minutes_per_epoch"] == pytest.approx(0.5 + 6 / 3 / 60)
    assert "0.2500" in render(rows(find_cells(bad.path.parents[3])), METRICS)


VALUES: tuple[Any, ...] = (
    ABSENT, None, "x", "", "\ud800", float("nan"), float("inf"), -1, 0, 3.5, 10**400, True, [], [1],
    {}, {"a": 1}, {"a": [float("nan")]},
)  # fmt: skip
FILES = (
    "timing.json",
    "metrics.json",
    "status.json",
    "environment.json",
    "cell.json",
    "history.jsonl",
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to everything in a JSON value."""
    yield at
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from places(inner, (*at, key))


def mutated(text: str, at: tuple[Any, ...], new: Any) -> str:
    value = json.loads(text)
    if not at:
        return "{}" if new is ABSENT else json.dumps(new)
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    if new is ABSENT:
        del inner[at[-1]]
    else:
        inner[at[-1]] = new
    return json.dumps(value)


def read_everything(cell: CellDirectory, study: Path) -> None:
    """All that verbs do with the records of a cell; what may end a verb is its message."""
    found = rows(find_cells(study))
    for form in ("text", "json", "csv"):
        text = render(found, METRICS, format=form)  # type: ignore[arg-type]
        assert "demo/good" in text.encode().decode()
    beside(STUDY, found, METRICS)
    expected_time(STUDY, found)
    unfinished(study)
    checkpoints(study)
    for ask in (
        lambda: one_cell_text(everything(cell), 80).encode(),
        lambda: json.dumps(everything(cell), allow_nan=False, ensure_ascii=False).encode(),
        lambda: find_cell("demo/bad", study),
        lambda: finished(cell),
        lambda: default_name(study.parent, "phantom", Path("/a"), "b", "quick"),
    ):
        try:
            ask()
        except HarnessError as error:
            assert str(error)


@pytest.mark.parametrize("seed", range(6))
def test_no_change_of_any_record_ends_in_a_traceback(bad: CellDirectory, seed: int) -> None:
    study, random_ = bad.path.parents[3], random.Random(seed)
    every = [
        (path, at, new)
        for path in (*(bad.path / name for name in FILES), study / "study.json")
        for at in places(json.loads(path.read_text()))
        for new in VALUES
    ]
    for path, at, new in random_.sample(every, 50):
        text = path.read_text()
        path.write_text(mutated(text, at, new) + "\n")
        try:
            read_everything(bad, study)
        except Exception as error:
            error.add_note(f"{path.name}: {at} = {'absent' if new is ABSENT else new!r:.20}")
            raise
        path.write_text(text)
