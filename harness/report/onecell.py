"""All that is known of one cell, as JSON values."""

from __future__ import annotations

from typing import Any

from harness.metrics.classification import per_class_recall
from harness.results.rundir import CellDirectory


def everything(directory: CellDirectory) -> dict[str, Any]:
    """The records of a cell, what its stored predictions say class by class, and its files.

    Keys: ``directory``, ``cell``, ``status``, ``history``, ``metrics``, ``timing`` and
    ``environment`` as ``docs/results-schema.md`` describes them (None where there is no such file),
    ``per_class`` (set -> ``classes``, ``recall``, and ``confusion``: images by reference class in
    rows and predicted class in columns) and ``files`` (path in the directory -> bytes).

    Raises:
        HarnessError: a record or prediction file is broken; names it.
    """
    return {
        "directory": str(directory.path),
        "cell": dict(directory.cell),
        "status": directory.status,
        "history": directory.history,
        "metrics": directory.metrics,
        "per_class": _per_class(directory),
        "timing": directory.timing,
        "environment": directory.environment,
        "files": {
            path.relative_to(directory.path).as_posix(): path.stat().st_size
            for path in sorted(directory.path.rglob("*"))
            if path.is_file()
        },
    }


def _per_class(directory: CellDirectory) -> dict[str, Any]:
    found = {}
    for part in directory.sets:
        label = directory.predictions(part).class_predictions()
        if label is not None:
            found[part] = {
                "classes": list(label.classes),
                "recall": per_class_recall(label),
                "confusion": label.confusion.tolist(),
            }
    return found
