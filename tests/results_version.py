"""The numbers by which a results version is known: what cells and metrics come to.

``python -m tests.results_version`` writes them anew, once RESULTS_VERSION has been raised.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.bundled import harness_metrics
from harness.provenance import RESULTS_VERSION
from harness.results.rundir import CellDirectory
from harness.runtime.resolve import resolve
from tests.builders import mask_predictions, random_class_predictions
from tests.cli_tools import TINY, harness

FILE = Path(__file__).with_suffix(".json")
RAISE = (
    "the harness comes to other numbers: if that is meant, raise RESULTS_VERSION in "
    "harness/provenance.py and run python -m tests.results_version"
)
TOLERANCE = 0.02
"""Relative. Processors sum in other orders, and training carries it on."""


def numbers(folder: Path) -> dict[str, Any]:
    """Of all bundled methods that have run in the folder, and of all metrics."""
    cells = [CellDirectory(path.parent) for path in folder.rglob("cells/*/*/*/metrics.json")]
    return {
        "cells": {cell.cell["id"]: _of_cell(cell) for cell in sorted(cells)},
        "metrics": dict(_of_metrics()),
    }


def _of_cell(cell: CellDirectory) -> dict[str, Any]:
    epochs = [line for line in cell.history if line["event"] == "epoch"]
    return {
        "images": {part: _digest(cell, part) for part in ("val", "test")},
        "parameters": (cell.timing or {}).get("parameters_total"),
        "probability of the true class": _probability(cell),
        "stages": [line["stage"] for line in epochs],
        "train loss": [line["loss"] for line in epochs],
        "val loss": [line["val"]["loss"] for line in epochs],
    }


def _digest(cell: CellDirectory, part: str) -> str:
    """Of the images, of their labels, and of their order."""
    file = cell.predictions(part)
    text = json.dumps([file.ids, file.labels.tolist(), file.classes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _probability(cell: CellDirectory) -> float | None:
    """The mean over the test images."""
    file = cell.predictions("test")
    if file.probabilities is None:
        return None
    return float(np.take_along_axis(file.probabilities, file.labels[:, None], axis=1).mean())


def _of_metrics() -> Iterator[tuple[str, float | None]]:
    random = np.random.default_rng(0)
    given = {
        "classes": random_class_predictions(seed=1, drawn=(0, 1, 3)),
        "binary-mask": replace(
            mask_predictions(random.random((5, 8, 8)) < 0.4, random.random((5, 8, 8)) < 0.6),
            sums=random.random((5, 3)),
        ),
    }
    for spec in harness_metrics():
        yield f"{spec.kind}.{spec.name}", resolve(spec.function)(given[spec.kind])


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """The places in which two records of numbers differ by more than processors do."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        names = found.keys() | expected.keys()
        return [
            text
            for name in sorted(names)
            for text in differences(found.get(name), expected.get(name), f"{where}/{name}")
        ]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [text for i, (a, b) in pairs for text in differences(a, b, f"{where}/{i}")]
    if isinstance(found, float) and isinstance(expected, float):
        allowed = TOLERANCE if where.startswith("/cells") else 1e-9
        same = abs(found - expected) <= allowed * abs(expected)
    else:
        same = found == expected
    return [] if same else [f"{where}: {found}, not {expected}"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        done = harness("run", "--plugins", "all", *TINY, cwd=Path(folder))
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        found = numbers(Path(folder))
    if FILE.exists():
        before = json.loads(FILE.read_text())
        if before["results_version"] == RESULTS_VERSION and (
            changed := differences(found, before["numbers"])
        ):
            sys.exit("\n".join([*changed, RAISE]))
    text = json.dumps({"results_version": RESULTS_VERSION, "numbers": found}, indent=1)
    FILE.write_text(text + "\n")


if __name__ == "__main__":
    main()
