"""What the file of a report holds, in any format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.report.file_format import Format
from harness.report.formats.json import Broken
from harness.report.render import render
from harness.report.table.rows import Row
from harness.report.table.view import EVERYTHING, View
from harness.report.workbook import workbook
from harness.specs import MetricSpec


def contents(
    rows: Iterable[Row],
    metrics: Sequence[MetricSpec],
    *,
    broken: Broken = (),
    format: Format = "text",
    width: int | None = None,
    view: View = EVERYTHING,
) -> bytes:
    """The bytes of the file; text in UTF-8, with the line ends that are part of CSV.

    Arguments and errors are those of :func:`harness.report.render.render`, and of
    :func:`harness.report.workbook.workbook`.
    """
    if format == "xlsx":
        return workbook(rows, metrics, broken=broken, view=view)
    text = render(rows, metrics, broken=broken, format=format, width=width, view=view)
    return text.encode()
