"""All that is known of one cell, as JSON values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.metrics.classification import per_class_recall
from harness.results.checks.finished_cell import finished_metrics, finished_timing, incomplete
from harness.results.checks.reference import Table, Tables, compare
from harness.results.checks.required_files import missing_predictions
from harness.results.rundir import CellDirectory

T = TypeVar("T")


def everything(directory: CellDirectory) -> dict[str, Any]:
    """The records of a cell, the recall of each class from its stored predictions, and its files.

    Keys: ``directory``, ``cell``, ``status``, ``history``, ``metrics``, ``timing`` and
    ``environment`` as ``docs/results-schema.md`` describes them (None where there is no such file),
    ``per_class`` (set -> ``classes``, ``recall``, and ``confusion``: images by reference class in
    rows and predicted class in columns), ``files`` (path in the directory -> bytes) and
    ``damaged`` (a sentence per damaged file, whose content is left out).

    Raises:
        HarnessError: ``cell.json`` is damaged; names it.
    """
    damaged: list[str] = []

    def read(what: Callable[[], T], otherwise: T) -> T:
        try:
            return what()
        except HarnessError as error:
            damaged.append(str(error))
            return otherwise

    cell = directory.cell
    table = Tables().of(directory, cell)
    if isinstance(table, Table):
        read(lambda: compare(directory, cell, table), None)
    status = read(lambda: directory.status, None)
    ok = status is not None and status["status"] == "ok"
    metrics = read(lambda: finished_metrics(directory) if ok else directory.metrics, None)
    if ok:
        lost = missing_predictions(directory, cell, metrics)
        damaged += incomplete(directory, cell, lost)
    return {
        "directory": str(directory.path),
        "cell": dict(cell),
        "status": status,
        "history": read(lambda: directory.history, list[dict[str, Any]]()),
        "metrics": metrics,
        "per_class": read(lambda: _per_class(directory), dict[str, Any]()),
        "timing": read(lambda: finished_timing(directory) if ok else directory.timing, None),
        "environment": read(lambda: directory.environment, None),
        "damaged": damaged,
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
