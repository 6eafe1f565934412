"""``harness report``"""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.page_file import page_of, refuse_for_page
from harness.cli.shared.past_runs import results_arguments
from harness.cli.shared.plugin_options import local_option
from harness.cli.shared.print_report import print_report
from harness.cli.words.stray_words import ListsCommand
from harness.errors import HarnessError
from harness.report.file_format import FORMATS, SUFFIXES, Format, format_of
from harness.report.table.view import Layout, Over, View
from harness.results.rundir import find_cells


@click.command(name="report", cls=ListsCommand)
@results_arguments
@local_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: that of the suffix of --output, or else text.",
)
@click.option(
    "--columns",
    metavar="NAME,NAME",
    help="In this order, e.g. method,label.f1,mask.dice,minutes_per_epoch,latency_ms. Of names "
    "with commas, the longest match counts.",
)
@click.option("--sort", metavar="[-]NAME", help="A column to sort by; with - the highest first.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="Rows to show, e.g. 'method=ssl/*', status=ok, 'label.f1>0.9'; repeated: all must hold. "
    "Of names with operators, the longest match counts.",
)
@click.option(
    "--aggregate",
    type=click.Choice(["seeds", "folds"]),
    help="One row for all seeds, or for all folds and seeds: mean, lowest, highest and number.",
)
@click.option(
    "--layout",
    type=click.Choice(["wide", "long"]),
    help="Of csv and json: a row per cell, or a row per cell and value.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Write to FILE, in the format of its suffix: {', '.join(SUFFIXES)}. Default: print.",
)
@click.option(
    "--html",
    "page",
    is_flag=True,
    help="Write the page, report.html, into the study folder (of several studies: into RESULTS), "
    "or into --output FILE.",
)
@click.option("--open", "opened", is_flag=True, help="Open the newest page in a browser.")
@click.option(
    "--pictures",
    is_flag=True,
    help="With --html: images of a dataset of your own, too, and not their outlines alone.",
)
def command(
    results: tuple[Path, ...],
    plugin: tuple[Path, ...],
    form: Format | None,
    columns: str | None,
    sort: str | None,
    filters: tuple[str, ...],
    aggregate: Over | None,
    layout: Layout | None,
    output: Path | None,
    page: bool,
    opened: bool,
    pictures: bool,
) -> None:
    """Print the table of finished runs, or write it to a file; or write the page, or open it.

    RESULTS is the results folder (default: results), a study folder in it, or several of both.

    \b
    harness report
    harness report --output table.xlsx
    harness report --output table.tex --columns method,label.f1,mask.dice --sort -label.f1
    harness report laptop/results server/results --filter 'method=ssl/*' --aggregate seeds
    harness report --html --open

    Exit codes: 0, 1 where a file of a cell is damaged (its row says which), or 2 for bad input.
    """
    if page or opened:
        only = {
            "--format": form,
            "--columns": columns,
            "--sort": sort,
            "--filter": filters,
            "--aggregate": aggregate,
            "--layout": layout,
        }
        refuse_for_page([name for name, value in only.items() if value])
    if pictures and not page:
        raise HarnessError("--pictures is about the page: add --html")
    if page or opened:
        code = page_of(results, output, plugin, written=page, opened=opened, pictures=pictures)
        raise SystemExit(code)
    form = format_of(output, form)
    names = () if columns is None else tuple(columns.split(","))
    view = View(columns=names, sort=sort, filters=filters, aggregate=aggregate, layout=layout)
    cells = {cell.path.resolve(): cell for folder in results for cell in find_cells(folder)}
    plugins = found_plugins(plugin=plugin)
    damaged = print_report(cells.values(), plugins, form=form, output=output, view=view)
    if damaged:
        raise SystemExit(1)
