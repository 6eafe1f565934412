"""Rows that differ in swept settings: one table, told apart by a column, chosen by validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report.render import render
from harness.report.screen.contest import settings
from harness.report.screen.screen import Ended, screen
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import CellDirectory, find_cells
from tests.builders import PROTOCOL, make_cell, metric_specs


def report(study: Path, format: str = "text", **view: Any) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))


def sections(study: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(report(study, "json"))["sections"]
    return found


def cell(
    study: Path, method: str, f1: float, val: float | None, sweep: tuple[str, ...], **changes: Any
) -> CellDirectory:
    """A finished cell with so much on test and on val, of a run that swept these fields."""
    other: Mapping[str, Any] = {"seed": changes.pop("seed", 0)}
    made = make_cell(study, method, label={"f1": f1}, protocol={**PROTOCOL, **changes}, **other)
    record: Any = made.cell
    if sweep:
        made.write_cell({**record, "sweep": list(sweep)})
    metrics: Any = made.metrics
    if val is not None:
        made.write_metrics({**metrics, "val": {**metrics["test"], "primary": val}})
    return made


RATE = ("learning_rate",)


def two_rates(study: Path) -> None:
    """On test 0.01 is better, on val 0.001."""
    for seed in (0, 1):
        cell(study, "a/net", 0.8, 0.5, RATE, learning_rate=0.01, seed=seed)
        cell(study, "a/net", 0.7, 0.6, RATE, learning_rate=0.001, seed=seed)


def test_they_share_a_table_with_a_column_of_the_value(tmp_path: Path) -> None:
    two_rates(tmp_path)
    (section,) = sections(tmp_path)
    assert "quick with learning_rate 0.001 or 0.01" in section["heading"]
    assert [row["protocol"]["learning_rate"] for row in section["rows"]] == [0.01] * 2 + [0.001] * 2
    text = report(tmp_path, aggregate="seeds", columns=("method", "set.learning_rate", "label.f1"))
    lines = [line.split()[1:3] for line in text.splitlines() if line.startswith("a/net")]
    assert lines == [["0.01", "0.800"], ["0.001", "0.700"]]
    csv = report(tmp_path, "csv", filters=("set.learning_rate<0.005",))
    assert csv.count("a/net") == 2


def test_the_column_and_the_values_on_val_are_there_without_being_asked_for(tmp_path: Path) -> None:
    two_rates(tmp_path)
    text = report(tmp_path)
    above, head = text.splitlines()[2:4]
    assert above.split()[:2] == ["learning", "primary"]
    assert head.split()[:5] == ["method", "seed", "rate", "F1", "(val)"]
    assert text.count(" 0.6000 ") == 2
    assert "choose by the column primary (val)" in text


def test_without_a_sweep_other_settings_have_tables_of_their_own(tmp_path: Path) -> None:
    cell(tmp_path, "a/net", 0.8, 0.5, (), learning_rate=0.01)
    cell(tmp_path, "a/net", 0.7, 0.6, (), learning_rate=0.001)
    assert len(sections(tmp_path)) == 2
    assert "primary (val)" not in report(tmp_path)


def test_a_row_that_an_earlier_run_made_is_in_the_table_of_the_sweep(tmp_path: Path) -> None:
    cell(tmp_path, "a/net", 0.6, 0.5, (), learning_rate=0.1)
    two_rates(tmp_path)
    cell(tmp_path, "a/net", 0.5, 0.5, (), learning_rate=0.1, epochs=7)
    tables = sections(tmp_path)
    assert sorted(len(table["rows"]) for table in tables) == [1, 5]


def test_a_sweep_of_one_field_is_a_part_of_a_sweep_of_two(tmp_path: Path) -> None:
    cell(tmp_path, "a/net", 0.8, 0.5, RATE, learning_rate=0.01)
    cell(tmp_path, "a/net", 0.7, 0.6, (*RATE, "epochs"), learning_rate=0.001, epochs=3)
    cell(tmp_path, "a/net", 0.7, 0.6, (*RATE, "epochs"), learning_rate=0.001, epochs=5)
    (section,) = sections(tmp_path)
    assert "epochs 3 or 5" in section["heading"]


def test_the_screen_shows_each_method_with_the_value_that_is_best_on_val(tmp_path: Path) -> None:
    two_rates(tmp_path)
    cell(tmp_path, "b/net", 0.75, 0.55, RATE, learning_rate=0.01)
    cell(tmp_path, "b/net", 0.95, 0.50, RATE, learning_rate=0.001)
    ((contest,),) = [setting.contests for setting in settings(rows(find_cells(tmp_path)))]
    shown = [(contest.name(line), line[0].primary) for line in contest.lines]
    assert shown == [
        ("b/net [learning_rate 0.01]", 0.75),
        ("a/net [learning_rate 0.001]", 0.7),
    ]
    assert contest.settings == {"learning_rate": 2}
    assert contest.fitting(contest.lines[0], 12) == "net [0.01]"


def test_of_equal_values_on_val_the_test_set_does_not_choose(tmp_path: Path) -> None:
    chosen = []
    for order in ((0.3, 0.9), (0.9, 0.3)):
        study = tmp_path / str(order[0])
        for rate, f1 in zip((0.01, 0.001), order, strict=True):
            cell(study, "a/net", f1, 0.5, RATE, learning_rate=rate)
        ((contest,),) = [setting.contests for setting in settings(rows(find_cells(study)))]
        chosen.append([line[0].protocol["learning_rate"] for line in contest.lines])
    assert chosen[0] == chosen[1]


def test_without_values_on_val_all_are_shown(tmp_path: Path) -> None:
    cell(tmp_path, "a/net", 0.8, None, RATE, learning_rate=0.01)
    cell(tmp_path, "a/net", 0.7, 0.6, RATE, learning_rate=0.001)
    ((contest,),) = [setting.contests for setting in settings(rows(find_cells(tmp_path)))]
    assert len(contest.lines) == 2


def test_values_are_compared_over_the_seeds_that_all_of_them_have(tmp_path: Path) -> None:
    """A setting that failed where all do badly is not chosen for that."""
    for seed, (one, other) in enumerate([(0.9, 0.8), (0.1, None)]):
        cell(tmp_path, "a/net", 0.5, one, RATE, learning_rate=0.01, seed=seed)
        if other is not None:
            cell(tmp_path, "a/net", 0.5, other, RATE, learning_rate=0.001, seed=seed)
    ((contest,),) = [setting.contests for setting in settings(rows(find_cells(tmp_path)))]
    assert [line[0].protocol["learning_rate"] for line in contest.lines] == [0.01]


def test_where_val_is_test_it_is_no_remedy_and_the_screen_says_so(tmp_path: Path) -> None:
    for rate, f1 in ((0.01, 0.8), (0.001, 0.7)):
        made = cell(tmp_path, "a/net", f1, f1, RATE, learning_rate=rate)
        record: Any = made.cell
        made.write_cell({**record, "split": {**record["split"], "selected_on_test": True}})
    text = " ".join(report(tmp_path).split())
    assert "choose by the column" not in text
    assert "so is the best by primary (val): val and test are the same images." in text
    on_screen = screen(rows(find_cells(tmp_path)), metric_specs(), Ended(folders=("results",)))
    assert "which are the test images: its values are too good." in " ".join(on_screen.split())


def test_a_further_test_set_is_not_selected_on(tmp_path: Path) -> None:
    made = cell(tmp_path, "a/net", 0.8, 0.8, (), learning_rate=0.01)
    record: Any = made.cell
    made.write_cell({**record, "split": {**record["split"], "selected_on_test": True}})
    metrics: Any = made.metrics
    made.write_metrics({**metrics, "test-far": metrics["test"]})
    made.write_predictions("test-far", made.predictions("test"))
    found = {row.part: row.selected_on_test for row in rows(find_cells(tmp_path))}
    assert found == {"test": True, "test-far": False}


def test_a_method_with_its_own_value_is_shown_with_that(tmp_path: Path) -> None:
    """Whatever value of the sweep came first when its one cell was made."""
    two_rates(tmp_path)
    own = make_cell(
        tmp_path,
        "b/net",
        label={"f1": 0.6},
        protocol={**PROTOCOL, "learning_rate": 0.01},
        deviations={"learning_rate": (0.01, 0.5)},
    )
    record: Any = own.cell
    own.write_cell({**record, "sweep": list(RATE)})
    ((contest,),) = [setting.contests for setting in settings(rows(find_cells(tmp_path)))]
    assert contest.name(contest.lines[-1]) == "b/net [learning_rate 0.5]"
    assert contest.fitting(contest.lines[-1], 9) == "net [0.5]"
    text = report(tmp_path, columns=("method", "set.learning_rate"))
    (line,) = (line for line in text.splitlines() if line.startswith("b/net"))
    assert line.split() == ["b/net", "0.5"]
    shown = screen(rows(find_cells(tmp_path)), metric_specs(), Ended(folders=("results",)))
    assert "validation images, unless it has its own." in " ".join(shown.split())
