"""The page of a study, written: what ``harness run`` leaves and ``harness report --html`` makes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.left_out import leave_out
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.progress.counting import counting
from harness.report.page.blocks.sources import Films
from harness.report.page.page import FILE, Asked, page_html
from harness.report.screen.screen import has_screen
from harness.report.table.rows import Row, rows
from harness.results.rundir import find_cells
from harness.results.spec_record import LeftOut
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import undisturbed
from harness.storage.json_files import write_bytes
from harness.study import Study

if TYPE_CHECKING:
    from harness.data.dataset import Dataset
    from harness.results.spec_record import DatasetRecord

MANY = 50_000
"""Predictions whose reading takes a second or two, and so is shown."""


def leave_page(
    study: Study, plugins: Plugins, warn: Callable[[str], None], *, shown: bool
) -> Path | None:
    """Write ``report.html`` into the study's folder, of all that lies there.

    Args:
        warn: takes the reason where the page cannot be written; the results are whole all the same.
        shown: whether progress is shown.

    Returns:
        The page, or None where there is none: only time was measured, or nothing has begun.
    """
    path = study.directory / FILE
    try:
        found = rows(find_cells(study.directory))
    except HarnessError:  # Nothing has begun.
        return None
    if not has_page(found):
        return None
    predictions = sum(row.images[row.part]["images"] for row in found if row.part in row.images)
    try:
        with counting("writing the page", shown=shown and predictions > MANY) as report:
            there = {study.dataset.fingerprint: study.dataset}
            write_page(found, plugins, path, datasets=there, report=report)
    except HarnessError as error:
        warn(str(error))
        return None
    except Exception as error:
        # The results are whole and the screen is still to come; what is wrong is said, and where.
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        warn(f"{path} was not written: {said}; file a bug report")
        return None
    return path


def has_page(found: Sequence[Row]) -> bool:
    """Whether a page can say anything: not where only time was measured, or nothing began."""
    return has_screen(found)


def write_page(
    found: Sequence[Row],
    plugins: Plugins,
    path: Path,
    *,
    pictures: bool = False,
    datasets: Mapping[str, Dataset] | None = None,
    report: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """Write the page of these rows, whole or not at all.

    Args:
        found: rows, as the table has them.
        path: of the file.
        pictures: whether images of datasets that do not come with the harness are on it, too.
        datasets: those that are open, by fingerprint.
        report: called with the prediction files read and all there are.

    Raises:
        HarnessError: the file cannot be written.
    """
    metrics = [entry.spec for entry in plugins.metrics.values()]
    there = datasets or {}
    asked = Asked(
        films=Films(
            open=lambda record: there.get(record["fingerprint"]) or _open(record, plugins),
            shown=lambda name: pictures or name in plugins.embedded,
        ),
        broken=[(one.name, one.status, one.reason) for one in plugins.broken],
        summaries={name: entry.spec.summary for name, entry in plugins.datasets.items()},
    )
    html = page_html(found, metrics, asked, report)
    try:
        # In the place of a link, and not of what it points to.
        write_bytes(path.absolute(), html.encode())
    except OSError as error:
        raise HarnessError(f"{path}: the page cannot be written ({error.strerror})") from error


def _open(record: DatasetRecord, plugins: Plugins) -> Dataset:
    """The dataset as it was recorded, by the code of the installed plugin that has its name: what a
    record says is never run."""
    name = record["name"]
    if name not in plugins.datasets:
        raise HarnessError(f"no installed plugin offers the dataset {name}")
    spec = plugins.datasets[name].spec
    if unknown := sorted(record["params"].keys() - spec.params.keys()):
        raise HarnessError(f"the dataset {name} has no parameter {unknown[0]} now")
    root = None if record["root"] is None else Path(record["root"])
    left_out = record.get("left_out") or LeftOut(images=[], masks=[])
    try:
        with undisturbed():
            dataset: Dataset = resolve(spec.factory)(root, **{**spec.params, **record["params"]})
        if left_out["images"] or left_out["masks"]:
            dataset = leave_out(dataset, left_out["images"], left_out["masks"])
        fingerprint = dataset.fingerprint
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:  # A plugin's own code may raise anything.
        raise HarnessError(f"{type(error).__name__}: {error}") from error
    if fingerprint != record["fingerprint"]:
        raise HarnessError("its images are others than those that were used")
    return dataset
