"""``harness score``: metrics of finished cells, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.results.rundir import CellDirectory
from tests.builders import PROTOCOL, image_ids, make_cell
from tests.cli_tools import harness, inside, write_plugin

LIGHT = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_metrics():
        for name in ("aaa", "zzz"):
            yield harness.MetricSpec(
                name=name, kind="classes", function=f"harness_patcher_models:{name}", label=name,
                summary="Changes numpy for whoever comes later",
            )
"""
PATCHES = """
    import numpy as np

    count, one = np.bincount, np.mean
    np.bincount = lambda *given, **more: 0 * count(*given, **more) + 1
    np.mean = lambda *given, **more: 0.123

    def aaa(predictions):
        np.unique = lambda *given, **more: np.array([0])
        np.argsort = None
        return 0.5

    def zzz(predictions):
        return float(len(predictions.ids))
"""


def study(folder: Path, **more: Any) -> list[CellDirectory]:
    """Two cells that predicted three of four images right, with other figures on record."""
    return [
        make_cell(
            folder / "study", seed=seed, label={"f1": 0.0}, images=image_ids(4),
            predicted=(0, 1, 2, 2), protocol={**PROTOCOL, **more},
        )
        for seed in (0, 1)
    ]  # fmt: skip


@pytest.fixture
def patcher(tmp_path: Path) -> Path:
    return write_plugin(tmp_path / "site", "patcher", LIGHT, PATCHES)


def test_a_plugins_metric_changes_no_other_metric_of_any_cell(
    tmp_path: Path, patcher: Path
) -> None:
    cells = study(tmp_path)
    assert inside("score", tmp_path / "study", cwd=tmp_path).returncode == 0
    alone = [dict(cell.metrics or {}) for cell in cells]
    done = harness("score", tmp_path / "study", cwd=tmp_path, plugins=patcher)
    assert done.returncode == 0, done.stderr
    assert "scored 2 cells" in done.stdout
    for cell, before in zip(cells, alone, strict=True):
        found: Any = cell.metrics
        assert found["test"]["label"].pop("aaa") == 0.5
        assert found["test"]["label"].pop("zzz") == 4.0
        assert found == before
        assert found["test"]["label"]["accuracy"] == 0.75


def test_scores_rank_by_what_the_protocol_selected_by(tmp_path: Path) -> None:
    cells = study(tmp_path, select_by="label.accuracy,mask.dice")
    for cell in cells:
        record: Any = cell.cell
        record["task"]["primary"] = ["label.accuracy"]
        cell.write_cell(record)
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for cell in cells:
        found: Any = cell.metrics
        assert found["test"]["primary_metrics"] == ["label.accuracy"]
        assert found["test"]["primary"] == 0.75


def test_a_dataset_that_cannot_be_opened_again_costs_its_cells_their_scores(tmp_path: Path) -> None:
    make_cell(
        tmp_path / "study", task="segmentation", mask={"dice": 0.5}, primary=("mask.dice",),
        images=image_ids(2),
    )  # fmt: skip
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 2
    assert "dataset 'phantom' cannot be opened with the parameters on record" in done.stderr
