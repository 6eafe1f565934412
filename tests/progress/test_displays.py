"""What is shown while cells run, in a pipe and on a terminal of any width."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.progress.live_progress import LiveProgress
from harness.progress.run_progress import PlainProgress, Tally
from harness.protocol import QUICK
from harness.results.record import StatusRecord
from harness.study import Cell
from tests.cli_tools import TINY, harness

METRICS = [
    {"name": "f1", "kind": "classes", "label": "F1", "higher_is_better": True},
]


def cell(method: str, folder: Path, f1: float | None = None, seed: int = 0) -> Cell:
    """A planned cell; with a value, one that has finished."""
    record: dict[str, Any] = {
        "id": method,
        "protocol": {"tiny": True, "epochs": QUICK.epochs},
        "method": {"family": "ssl", "small": True},
        "weights": {"kind": "pretrained"},
        "task": {
            "name": "classification",
            "primary": ["label.f1"],
            "targets": [{"name": "label", "kind": "classes"}],
        },
        "metrics": METRICS,
        "dataset": {"name": "phantom"},
        "seed": seed,
        "fraction": 1.0,
        "split": {},
    }
    directory = folder / f"{method.replace('/', '-')}-{seed}"
    directory.mkdir(parents=True)
    found = Cell(method=method, key=f"{method}/{seed}", directory=directory, record=record)
    if f1 is not None:
        found.directory.joinpath("metrics.json").write_text(
            json.dumps(
                {
                    "test": {
                        "images": 4,
                        "masks": 0,
                        "classes": ["a", "b"],
                        "classes_present": ["a", "b"],
                        "label": {"f1": f1},
                        "label_all_classes": None,
                        "recall_per_class": None,
                        "mask": None,
                        "primary": f1,
                        "primary_metrics": ["label.f1"],
                        "primary_higher_is_better": True,
                    }
                }
            )
        )
    return found


def status(kind: str = "ok", reason: str = "") -> StatusRecord:
    return {"status": kind, "reason": reason}  # type: ignore[typeddict-item]


def test_a_finished_cell_is_a_line_with_its_score_and_without_its_hash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [cell("x/a", tmp_path, 0.5534), cell("x/b", tmp_path)]
    plain = PlainProgress(Tally(cells, 1, {}))
    plain.started(cells[0])
    plain.finished(cells[0], status())
    plain.finished(cells[1], status("skipped", "no weights"))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "start   x/a (small, own weights)"
    assert said[1].startswith("ok      x/a (small, own weights)  F1 0.553  0:00  (1/2 cells")
    assert said[2] == "skipped x/b (small, own weights)  no weights  (2/2 cells)"


def test_seeds_are_named_where_there_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [cell("x/a", tmp_path, seed=seed) for seed in (0, 1)]
    PlainProgress(Tally(cells, 1, {})).started(cells[1])
    assert capsys.readouterr().err == "start   x/a (small, own weights), seed 1\n"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_display_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    name = "ssl/a_method_with_a_very_long_name_indeed@and_a_strategy"
    cells = [cell(f"{name}{n}", tmp_path, 0.5 + n / 10) for n in range(3)]
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    display = LiveProgress(Tally(cells, 2, {}), console)
    display.busy("loading libraries")
    console.print(display.render())
    for one in cells:
        display.started(one)
    line = {"event": "epoch", "epoch": 1, "loss": 1.0, "val": {"primary": 0.5}}
    display.event(cells[0], line)
    console.print(display.render())
    display.finished(cells[0], status())
    display.finished(cells[1], status())
    console.print(display.render())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    assert "loading libraries" in text
    assert "F1 0.500" in text
    assert "2 of 3 cells done" in text


def test_the_best_of_a_task_so_far_is_marked(tmp_path: Path) -> None:
    cells = [cell(f"x/{n}", tmp_path, value) for n, value in enumerate((0.5, 0.7, 0.6))]
    out = io.StringIO()
    display = LiveProgress(Tally(cells, 1, {}), Console(file=out, width=100, color_system=None))
    for one in cells:
        display.finished(one, status())
    marked = [line for line in out.getvalue().splitlines() if "best so far" in line]
    assert len(marked) == 1
    assert "F1 0.700" in marked[0]


def test_a_run_in_a_pipe_says_what_runs_and_ends_with_scores(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines", *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 methods · phantom · cpu · " in done.stderr
    ends = [line for line in done.stderr.splitlines() if line.startswith("ok ")]
    assert len(ends) == 2
    assert all("  F1 0." in line and "seed0" not in line for line in ends)


def test_folds_and_swept_settings_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for fold, rate in ((1, 1e-3), (2, 1e-5)):
        one = cell(f"x/{fold}", tmp_path)
        extra = {"split": {"fold": {"number": fold, "of": 2}}, "sweep": ["learning_rate"]}
        protocol = {**one.record["protocol"], "learning_rate": rate}
        found.append(replace(one, record={**one.record, **extra, "protocol": protocol}))
    PlainProgress(Tally(found, 1, {})).started(found[1])
    said = "start   x/2 (small, own weights), fold 2, learning_rate 1e-05\n"
    assert capsys.readouterr().err == said


def test_cells_that_are_kept_tell_no_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [cell(f"x/{n}", tmp_path, 0.5) for n in range(3)]
    known = {one.key: 600.0 for one in found}
    plain = PlainProgress(Tally(found, 1, known))
    plain.finished(found[0], status())
    kept = capsys.readouterr().err
    plain.started(found[1])
    plain.finished(found[1], status())
    assert "(1/3 cells)" in kept
    assert "min left" in capsys.readouterr().err
