"""The metrics that ``docs/metrics.md`` adds, as a reader would add them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from harness.results.predictions import MaskPredictions
from tests.builders import image_ids, make_cell, mask_predictions
from tests.cli_tools import ROOT, harness

DOCUMENT = ROOT / "docs" / "metrics.md"


def example() -> str:
    (text,) = re.findall(
        r"^```python\n# my_metrics\.py\n(.*?)^```$", DOCUMENT.read_text(), re.S | re.M
    )
    return str(text)


def install(site: Path, code: str) -> Path:
    (said,) = re.findall(r"entry point `(\w+ = \w+)` in group `cxr_harness`", DOCUMENT.read_text())
    info = site / "my_metrics-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cxr_harness]\n{said}\n")
    (site / "my_metrics.py").write_text(code)
    return site


def test_the_added_metrics_are_scored_and_one_that_fails_costs_its_own_value(
    tmp_path: Path,
) -> None:
    cell = make_cell(
        tmp_path / "results", label={"f1": 0.0}, images=image_ids(4), predicted=(0, 1, 2, 2)
    )
    site = install(tmp_path / "site", example())
    scored = harness("score", "results", cwd=tmp_path, plugins=site)
    assert scored.returncode == 0, scored.stderr
    found: Any = cell.metrics
    assert (found["test"]["label"]["worst_recall"], found["test"]["notes"]) == (0.0, [])

    install(site, example() + "\n\ndef worst_recall(predictions):\n    return float('nan')\n")
    assert harness("score", "results", cwd=tmp_path, plugins=site).returncode == 0
    again: Any = cell.metrics
    assert again["test"]["label"].pop("worst_recall") is None
    assert again["test"]["label"]["accuracy"] == found["test"]["label"]["accuracy"] == 0.75
    shown = harness("report", "results", cwd=tmp_path, plugins=site)
    assert shown.returncode == 0
    text = " ".join(shown.stdout.split())
    assert (
        "metric worst_recall of plugin 'my_metrics' (my_metrics:worst_recall) returned nan" in text
    )


def test_the_added_metric_of_masks_is_the_lowest_dice_or_not_defined() -> None:
    code: dict[str, Any] = {}
    exec(example(), code)
    full, half = [[1, 1], [1, 1]], [[1, 1], [0, 0]]
    assert code["worst_dice"](mask_predictions([full, half], [full, full])) == 2 / 3
    empty = [[0, 0], [0, 0]]
    assert code["worst_dice"](mask_predictions([full, empty], [full, empty])) is None
    nothing = mask_predictions([full], [full])
    none = MaskPredictions(
        ids=(), predicted_bits=nothing.predicted_bits[:0],
        reference_bits=nothing.reference_bits[:0], grid=2,
    )  # fmt: skip
    assert code["worst_dice"](none) is None
