"""``harness show``: one cell in full, however it is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from harness.results.rundir import CellDirectory, find_cells
from tests.builders import make_cell
from tests.cli_tools import harness, inside


def cell_of(folder: Path, method: str) -> CellDirectory:
    (cell,) = (c for c in find_cells(folder / "results") if c.cell["id"] == method)
    return cell


def test_a_cell_is_shown_in_full(finished_runs: Path) -> None:
    cell = cell_of(finished_runs, "supervised/convnext_base")
    done = harness("show", "supervised/convnext_base", cwd=finished_runs, env={"COLUMNS": "100"})
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert max(map(len, text.splitlines())) <= 100 or str(cell.path) in text
    for words in (
        cell.cell["hash"],
        cell.cell["dataset"]["fingerprint"],
        "epochs 1",
        "Epochs",
        "label.auroc",
        "recall and confusion matrix",
        "train",
        "share",
        "checkpoint/best.safetensors",
        str(cell.path),
    ):
        assert words in text, words


def test_the_confusion_matrix_is_that_of_the_stored_predictions(finished_runs: Path) -> None:
    cell = cell_of(finished_runs, "supervised/convnext_base")
    done = harness("show", cell.path, "--json", cwd=finished_runs)
    value = json.loads(done.stdout)
    label = cell.predictions("test").class_predictions()
    assert label is not None
    assert value["per_class"]["test"]["confusion"] == label.confusion.tolist()
    assert np.sum(value["per_class"]["test"]["confusion"]) == 16
    assert value["per_class"]["test"]["recall"] == cell.metrics["test"]["recall_per_class"]
    assert value["cell"]["id"] == "supervised/convnext_base"
    assert value["timing"]["buckets"] == cell.timing["buckets"]
    assert value["files"]["status.json"] > 0


@pytest.mark.parametrize("part", ["hash", "short", "name", "path"])
def test_a_cell_is_found_by_its_name_its_hash_and_its_folder(
    finished_runs: Path, part: str
) -> None:
    cell = cell_of(finished_runs, "baselines/pixels")
    digest = cell.cell["hash"]
    words = {
        "hash": digest,
        "short": digest[:7],
        "name": cell.path.name,
        "path": str(cell.path.relative_to(finished_runs)),
    }
    done = harness("show", words[part], cwd=finished_runs)
    assert done.stdout.startswith(f"baselines/pixels  {cell.path.name}"), done.stderr


def test_a_cell_that_failed_shows_why(tmp_path: Path) -> None:
    deviations = {"learning_rate": [0.001, 0.01]}
    cell = make_cell(
        tmp_path, status="failed", reason="ValueError: no", log_tail=["the end"],
        deviations=deviations, changed_params={"head": ["a", "b"]},
    )  # fmt: skip
    done = harness("show", "demo/net", "--results", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "failed: ValueError: no" in done.stdout
    assert "| the end" in done.stdout
    assert "learning_rate 0.001 → 0.01" in done.stdout
    assert "head a → b" in done.stdout
    (cell.path / "status.json").unlink()
    assert "unfinished" in harness("show", cell.path, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("seed0", "may mean any of these cells"),
        ("zzz", "'harness status results' lists them"),
        ("baselines/pixel", "did you mean 'baselines/pixels'"),
        ("results", "not a cell folder"),
        ("", "no cell in results"),
    ],
)
def test_what_is_no_cell_is_refused(finished_runs: Path, name: str, says: str) -> None:
    done = harness("show", name, cwd=finished_runs)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def choices(folder: Path) -> list[str]:
    """The lines of the cells that ``demo/net`` may mean."""
    done = inside("show", "demo/net", "--results", folder, cwd=folder)
    assert done.returncode == 2
    return [line for line in done.stderr.splitlines() if line.startswith("  ")]


def test_two_datasets_of_one_kind_are_told_apart_among_the_choices(tmp_path: Path) -> None:
    for number, root in enumerate(("/data/clinic", "/data/ward", "/other/ward")):
        make_cell(tmp_path / "s", dataset="folder", root=root, fingerprint=f"{number}" * 32)
    text = "\n".join(choices(tmp_path))
    for said in ("(clinic, data 00000000)", "(/data/ward, data 11111111)", "(/other/ward, data 2"):
        assert f"folder {said}" in text


def test_cells_of_one_dataset_in_two_studies_are_told_apart_by_the_study(tmp_path: Path) -> None:
    for study, fraction in (("mine", 1.0), ("yours", 0.5)):
        make_cell(tmp_path / study, fraction=fraction, dataset="folder", root="/data")
    lines = choices(tmp_path)
    assert sorted(line.split()[3] for line in lines) == ["mine", "yours"]
    assert all(line.split()[2] == "folder" for line in lines)


def test_without_results_the_option_is_named(tmp_path: Path) -> None:
    assert "--results" in harness("show", "abc", cwd=tmp_path).stderr


@pytest.mark.parametrize("verb", ["show", "status", "report", "plan"])
def test_a_small_network_is_marked_where_its_name_stands(finished_runs: Path, verb: str) -> None:
    arguments = {
        "show": ("segmentation/unet",),
        "status": ("results",),
        "report": ("results",),
        "plan": ("--plugins", "segmentation/unet"),
    }[verb]
    done = harness(verb, *arguments, cwd=finished_runs)
    assert done.returncode == 0, done.stderr
    named = [line for line in done.stdout.splitlines() if line.startswith("segmentation/unet")]
    assert named
    assert all(line.startswith("segmentation/unet (small) ") for line in named)
    assert not re.search(r"ImageNet|ResNet-50", done.stdout)
    assert "baselines/pixels (small)" not in done.stdout


def test_the_mark_is_no_part_of_the_id_in_files_for_programs(finished_runs: Path) -> None:
    columns = ("--format", "csv", "--columns", "method,small")
    done = harness("report", "results", *columns, cwd=finished_runs)
    assert sorted(done.stdout.split()) == [
        "baselines/pixels,false",
        "method,small",
        "segmentation/unet,true",
        "supervised/convnext_base,true",
    ]
