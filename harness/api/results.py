"""The results of runs: single cells, all of them as a data frame, and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from harness.discovery.registry import Plugins
from harness.errors import HarnessError, did_you_mean
from harness.planning.installed_plugins import installed_plugins
from harness.report.contents import contents
from harness.report.file_format import FORMATS, format_of
from harness.report.render import records, render
from harness.report.table.rows import Row, rows
from harness.report.table.view import Over, View
from harness.results.browse.lookup import method_of
from harness.results.rundir import CellDirectory, find_cells
from harness.specs import MetricSpec
from harness.storage.json_files import write_output
from harness.study import Cell

if TYPE_CHECKING:
    import pandas


class Results:
    """The cells of one or more studies. Files are read on every call.

    Made by :func:`harness.run` and :func:`harness.load`.
    """

    def __init__(self, cells: Sequence[Cell], plugins: Plugins, notes: Sequence[str] = ()) -> None:
        self.cells: tuple[Cell, ...] = tuple(cells)
        """Every cell, in the order of the run; of loaded ones sorted by folder. Older results of
        the same cell are among them; the report and the data frame show only the newest."""
        self.notes: tuple[str, ...] = tuple(notes)
        """The run's notes on the data, the plugins and this machine; empty for loaded
        results."""
        self._plugins = plugins

    def frame(self) -> pandas.DataFrame:
        """A row for each row of the report, unrounded; a column for each of its CSV: ``method``,
        ``seed``, ``status``, ``label.f1`` …, with ``study``, ``root``, ``fingerprint`` and
        ``split``. Unknown is NaN, or None among texts.

        Raises:
            HarnessError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise HarnessError(
                "a data frame needs pandas: pip install 'cxr-harness[pandas]'"
            ) from error
        found = records(self._rows(), self._metrics())
        return pandas.DataFrame.from_records(found, columns=list(found[0]) if found else None)

    def report(
        self,
        path: str | Path | None = None,
        format: str | None = None,
        *,
        columns: Iterable[str] = (),
        sort: str | None = None,
        filters: Iterable[str] = (),
        aggregate: bool | Over = False,
    ) -> str:
        """The report as text, as ``harness report`` prints it.

        Args:
            path: a file to write it to as well, in the format of its suffix: ``.txt``, ``.md``,
                ``.tex``, ``.csv``, ``.json``, ``.html`` or ``.xlsx``.
            format: ``text``, ``markdown``, ``latex``, ``csv``, ``json``, ``html`` or ``xlsx``; that
                of the file unless given, or else text.
            columns: names of columns, in this order; empty for the default ones.
            sort: a column; with ``-`` before it the highest first.
            filters: conditions that all must hold, such as ``label.f1>0.9``.
            aggregate: ``seeds``: one row for all seeds; ``folds`` or True: one for all seeds and
                folds.

        Returns:
            What is written, or of a workbook the same report as text.

        Raises:
            HarnessError: an unknown format, suffix or column, a format that is not that of the
                suffix, a condition that cannot be read, or a file that cannot be written.
        """
        if format is not None and format not in FORMATS:
            raise HarnessError(
                f"no format {format!r}{did_you_mean(format, FORMATS)}; formats: "
                f"{', '.join(FORMATS)}"
            )
        file = None if path is None else Path(path)
        form = format_of(file, format, option="path", by="format")
        over: Over | None = "folds" if aggregate is True else aggregate or None
        if over not in (None, *get_args(Over)):
            raise HarnessError(f"aggregate={aggregate!r}: use True, 'seeds' or 'folds'")
        view = View(columns=tuple(columns), sort=sort, filters=tuple(filters), aggregate=over)
        found, metrics = self._rows(), self._metrics()
        data = contents(found, metrics, format=form, view=view)
        if file is not None:
            try:
                write_output(file, data)
            except OSError as error:
                raise HarnessError(f"{path}: cannot be written ({error.strerror})") from error
        return render(found, metrics, view=view) if form == "xlsx" else data.decode()

    def page(self, path: str | Path, *, pictures: bool = False) -> Path:
        """Write the page of these cells, as ``harness report --html`` does.

        Args:
            path: the file; ends with ``.html``.
            pictures: whether images of datasets that do not come with the harness are on it, too.

        Raises:
            HarnessError: another suffix, nothing to say (only time was measured, or nothing has
                begun), or a file that cannot be written.
        """
        from harness.api.page import has_page, write_page
        from harness.report.page.page import SUFFIXES

        place = Path(path)
        if place.suffix.lower() not in SUFFIXES:
            raise HarnessError(f"{place}: a page ends with {' or '.join(SUFFIXES)}")
        found = self._rows()
        if not has_page(found):
            raise HarnessError(
                "a page has nothing to show: only time was measured, or nothing has begun"
            )
        write_page(found, self._plugins, place, pictures=pictures)
        return place

    def _repr_html_(self) -> str:
        """The report, as a notebook shows it."""
        return self.report(format="html")

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    def __repr__(self) -> str:
        counts = Counter(cell.status for cell in self.cells)
        states = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        return f"<Results: {states}>"

    def _rows(self) -> list[Row]:
        # A cell that has not begun has no folder, and so no row.
        return rows(CellDirectory(cell.directory) for cell in self.cells if cell.directory.exists())

    def _metrics(self) -> list[MetricSpec]:
        return [entry.spec for entry in self._plugins.metrics.values()]


def load(*folders: str | Path) -> Results:
    """The results in these folders: results folders, study folders, or cell folders.

    Args:
        folders: ``results`` unless given.

    Raises:
        HarnessError: a folder is missing, or holds no run.
    """
    found: dict[Path, CellDirectory] = {}
    for folder in map(Path, folders or ("results",)):
        if not folder.is_dir():
            raise HarnessError(f"{folder}: no such folder")
        # Also the folder of a single cell.
        alone = [CellDirectory(folder)] if (folder / "cell.json").is_file() else find_cells(folder)
        found |= {cell.path.resolve(): cell for cell in alone}
    return Results([_loaded(cell) for cell in found.values()], installed_plugins())


def as_recorded(cell: Cell) -> Cell:
    """A planned cell as its folder has it, where that has begun."""
    directory = CellDirectory(cell.directory)
    return _loaded(directory) if (directory.path / "cell.json").exists() else cell


def _loaded(directory: CellDirectory) -> Cell:
    try:
        record = directory.cell
    except (HarnessError, OSError):  # What is wrong with it is what its status says.
        method, name = method_of(directory), directory.path.name
        return Cell(method=method, key=f"{method}/{name}", directory=directory.path, record={})
    key = f"{record['id']}/{record['name']}"
    return Cell(method=record["id"], key=key, directory=directory.path, record=record)
