"""The page on the command line: written, and opened in a browser."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import click

from harness.api.page import has_page, write_page
from harness.cli.shared.found_plugins import found_plugins
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.progress.counting import counting
from harness.report.page.page import FILE, SUFFIXES
from harness.report.table.rows import rows
from harness.results.checks.finished_cell import DAMAGED
from harness.results.rundir import CellDirectory, find_cells


def refuse_for_page(options: Sequence[str]) -> None:
    """HarnessError where options are given that a page cannot follow."""
    if options:
        raise HarnessError(
            f"the page holds everything and takes no {', '.join(options)}; leave out --html and "
            "--open for a table of your own"
        )


def page_of(
    results: Sequence[Path],
    output: Path | None,
    plugin: tuple[Path, ...],
    *,
    written: bool,
    opened: bool,
    pictures: bool,
) -> int:
    """Write the page of the studies in the folders, or open the newest one there; says where it is.

    Args:
        output: of the page; None for its usual place.
        plugin: files and folders of plugins that are not installed.
        written: whether it is written though there may be one.

    Returns:
        The exit code: 1 where a file of a cell is damaged, or no browser was found.

    Raises:
        HarnessError: no place for it, or nothing to say on it.
    """
    cells = {cell.path.resolve(): cell for folder in results for cell in find_cells(folder)}
    path = None if written or output is not None else _newest(list(cells.values()))
    code = 0
    if path is None:
        path = _place(results, list(cells.values()), output)
        plugins = found_plugins(plugin=plugin)
        code = _write(list(cells.values()), path, plugins, pictures=pictures)
    click.echo(os.path.relpath(path))
    if opened and not webbrowser.open(path.resolve().as_uri()):
        click.echo("harness: no browser was found; open the file yourself", err=True)
        return 1
    return code


def _newest(cells: Sequence[CellDirectory]) -> Path | None:
    """The page that was written last, of those in the folders of the cells' studies."""
    pages = {cell.path.parents[3] / FILE for cell in cells}
    there = [page for page in pages if page.is_file()]
    return max(there, key=lambda page: page.stat().st_mtime_ns, default=None)


def _place(results: Sequence[Path], cells: Sequence[CellDirectory], output: Path | None) -> Path:
    if output is not None:
        if output.suffix.lower() not in SUFFIXES:
            raise HarnessError(f"--output {output}: a page ends with {' or '.join(SUFFIXES)}")
        if not output.parent.is_dir():
            raise HarnessError(f"--output {output}: cannot be written (no folder {output.parent})")
        return output
    studies = {cell.path.parents[3].resolve() for cell in cells}
    if len(studies) == 1:
        return studies.pop() / FILE
    if len(results) > 1:
        raise HarnessError(
            f"--html: {len(studies)} studies in {len(results)} folders; name the page with --output"
        )
    return results[0] / FILE


def _write(cells: Sequence[CellDirectory], path: Path, plugins: Plugins, *, pictures: bool) -> int:
    found = rows(cells)
    if not has_page(found):
        raise HarnessError(
            "only time was measured here, and a page is about scores: harness report"
        )
    if pictures and (names := sorted({row.dataset for row in found} - plugins.embedded)):
        click.echo(
            f"warning: the page will show images of {', '.join(names)}; pass it on only as far as "
            "the dataset's licence and the people on them allow",
            err=True,
        )
    with counting("writing the page", shown=True) as report:
        write_page(found, plugins, path, pictures=pictures, report=report)
    return 1 if any(row.status == DAMAGED for row in found) else 0
