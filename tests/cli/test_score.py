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
        for part in ("val", "test"):
            assert found[part]["label"].pop("aaa") == 0.5
            assert found[part]["label"].pop("zzz") == 4.0
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
    assert "dataset 'phantom' cannot be opened with the recorded parameters" in done.stderr


def test_a_cell_that_lacks_a_prediction_file_keeps_its_figures_and_is_named(
    tmp_path: Path,
) -> None:
    whole, cell = study(tmp_path)
    for part in ("test", "val"):
        before = (cell.path / "metrics.json").read_bytes()
        lost = cell.path / f"predictions-{part}.npz"
        file = lost.read_bytes()
        lost.unlink()
        done = inside("score", tmp_path / "study", cwd=tmp_path)
        assert done.returncode == 1
        assert f"not scored: demo/net {cell.path.name}: {lost} is missing; restore" in done.stderr
        assert "scored 1 cell;" in done.stdout
        assert (cell.path / "metrics.json").read_bytes() == before
        assert (whole.metrics or {})["test"]["primary"] is not None
        lost.write_bytes(file)


def test_a_cell_without_any_prediction_file_is_named(tmp_path: Path) -> None:
    _, cell = study(tmp_path)
    for path in cell.path.glob("predictions-*"):
        path.unlink()
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 1
    assert f"not scored: demo/net {cell.path.name}" in done.stderr


def test_figures_of_a_target_that_a_prediction_file_lost_are_kept(tmp_path: Path) -> None:
    _, cell = study(tmp_path)
    stored: Any = cell.metrics
    stored["test"]["mask"] = {"dice": 0.5}
    cell.write_metrics(stored)
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 1
    assert "test set has metrics of target mask, which was not predicted" in done.stderr
    assert cell.metrics == stored


def test_figures_of_a_metric_that_is_no_longer_installed_are_kept_and_named(tmp_path: Path) -> None:
    _, cell = study(tmp_path)
    stored: Any = cell.metrics
    stored["test"]["label"]["kappa"] = 0.25
    cell.write_metrics(stored)
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 0
    assert "no installed plugin offers label.kappa: recorded values are kept" in done.stderr
    label = (cell.metrics or {})["test"]["label"] or {}
    assert (label["kappa"], label["accuracy"]) == (0.25, 0.75)


def test_a_file_that_cannot_be_written_costs_its_cell_alone_its_scores(tmp_path: Path) -> None:
    cell, whole = study(tmp_path)
    (cell.path / "metrics.json").unlink()
    (cell.path / "metrics.json").mkdir()
    done = inside("score", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 1
    assert f"not scored: demo/net {cell.path.name}" in done.stderr
    assert "cannot be read or written (Is a directory)" in done.stderr
    assert "accuracy" in ((whole.metrics or {})["test"]["label"] or {})
