"""The page of a study, written: what ``harness run`` leaves and ``harness report --html`` makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.report.page.page import FILE, Asked, page_html
from harness.report.page.sources import Films
from harness.report.screen.screen import has_screen
from harness.report.table.rows import Row
from harness.runtime.resolve import resolve
from harness.runtime.surroundings import undisturbed
from harness.storage.json_files import write_bytes

if TYPE_CHECKING:
    from harness.data.dataset import Dataset
    from harness.results.spec_record import DatasetRecord

__all__ = ["FILE", "has_page", "write_page"]


def has_page(rows: Sequence[Row]) -> bool:
    """Whether a page can say anything: not where only time was measured, or nothing began."""
    return has_screen(rows)


def write_page(
    rows: Sequence[Row],
    plugins: Plugins,
    path: Path,
    *,
    pictures: bool = False,
    datasets: Mapping[str, Dataset] | None = None,
    report: Callable[[int, int], None] = lambda done, count: None,
) -> None:
    """Write the page of these rows, whole or not at all.

    Args:
        rows: as the table has them.
        path: of the file.
        pictures: whether images of datasets that do not come with the harness are on it, too.
        datasets: those that are open, by fingerprint.
        report: called with the prediction files read and all there are.

    Raises:
        HarnessError: the file cannot be written.
    """
    metrics = [entry.spec for entry in plugins.metrics.values()]
    embedded = {name for name, entry in plugins.datasets.items() if entry.spec.embedded}
    there = datasets or {}
    asked = Asked(
        films=Films(
            open=lambda record: there.get(record["fingerprint"]) or _open(record),
            shown=lambda name: pictures or name in embedded,
        ),
        broken=[(one.name, one.status, one.reason) for one in plugins.broken],
        summaries={name: entry.spec.summary for name, entry in plugins.datasets.items()},
    )
    html = page_html(rows, metrics, asked, report)
    try:
        write_bytes(path.resolve(), html.encode())
    except OSError as error:
        raise HarnessError(f"{path}: the page cannot be written ({error.strerror})") from error


def _open(record: DatasetRecord) -> Dataset:
    """The dataset as it was recorded."""
    root = None if record["root"] is None else Path(record["root"])
    if root is not None and not root.exists():
        raise HarnessError(f"{root} is not there")
    try:
        with undisturbed():
            dataset: Dataset = resolve(record["factory"])(root, **record["params"])
        fingerprint = dataset.fingerprint
    except HarnessError:
        raise
    except Exception as error:  # A plugin's own code may raise anything.
        raise HarnessError(f"{type(error).__name__}: {error}") from error
    if fingerprint != record["fingerprint"]:
        raise HarnessError("its images are others than those that were used")
    return dataset
