"""Where some images have masks, twins train and are scored on the same ones under a limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.results.rundir import CellDirectory, find_cells
from tests.cli_tools import harness, inside
from tests.trees import make_tree

BOTH, MASKS, CLASSES = (
    "multitask/unet_multitask",
    "segmentation/unet",
    "supervised/resnext101_64x4d",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Masks in one class alone; a limit that cuts every part."""
    folder = tmp_path_factory.mktemp("twins")
    counts = {"COVID": 30, "Lung_Opacity": 40, "Normal": 50, "Viral Pneumonia": 30}
    root = make_tree(folder / "films", counts, masks=("COVID",))
    done = harness(
        "run", "--plugins", f"{BOTH},{MASKS},{CLASSES}", "--dataset", "radiography",
        "--data-root", root, "--set", "train_images=40", "--set", "test_images=10",
        "--set", "epochs=1", "--set", "probe_iterations=3", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def cells(folder: Path) -> dict[str, CellDirectory]:
    return {cell.cell["id"]: cell for cell in find_cells(folder / "results")}


@pytest.mark.parametrize("part", ["val", "test"])
def test_masks_are_scored_on_the_same_images(run: Path, part: str) -> None:
    found = cells(run)
    assert found[BOTH].scored_ids(part, "mask") == found[MASKS].scored_ids(part, "mask")
    assert len(found[BOTH].scored_ids(part, "label")) == 10


@pytest.mark.parametrize("part", ["val", "test"])
def test_classes_are_scored_on_the_same_images(run: Path, part: str) -> None:
    found = cells(run)
    assert found[BOTH].scored_ids(part, "label") == found[CLASSES].scored_ids(part, "label")


def test_the_report_subtracts_what_is_of_the_same_images(run: Path) -> None:
    value: Any = json.loads(inside("report", "results", "--format", "json", cwd=run).stdout)
    pairs = [pair for section in value["sections"] for pair in section["twins"]]
    assert {pair["metric"]: pair["twin"] for pair in pairs} == {
        "label.f1": CLASSES, "mask.dice": MASKS,
    }  # fmt: skip
    for pair in pairs:
        assert pair["trained_on_the_same"] is True
        assert pair["difference"] == pair["value"] - pair["twin_value"]
    masks = cells(run)[MASKS].scored_ids("test", "mask")
    assert [pair["images"] for pair in pairs] == [10, len(masks)]
    text = inside("report", "results", cwd=run).stdout
    assert "Δ" in text
    assert "different images" not in text
