"""``harness export``"""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.shared.past_runs import cell_argument, results_option
from harness.inference.finished import EXPORTED, finished
from harness.results.browse.lookup import find_cell
from harness.storage.staging import staged


@click.command(name="export")
@cell_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the files go.",
)
@results_option("Where to look for the cell")
@click.option("--force", is_flag=True, help="Export although the method's code has changed.")
def command(cell: str, out: Path, results: Path, force: bool) -> None:
    """Write a finished network and its card: for research only, not for diagnosis.

    CELL is a cell folder, the beginning of a cell's name or hash, or the id or name of a method
    with one cell. DIR gets model.safetensors, card.json, card.md and, where the network and the
    packages of 'cxr-harness[export]' allow it, model.onnx.

    \b
    harness export segmentation/unet --out lungs-model
    harness export 7915b8 --out lungs-model
    """
    model_of = finished(find_cell(cell, results), force=force)
    with staged(out, EXPORTED) as folder:
        for warning in model_of.warnings:
            click.echo(f"warning: {warning}", err=True)
        from harness.inference.export import export

        onnx = export(model_of, folder)
    click.echo(f"{out}: model.safetensors, card.json, card.md")
    if onnx.written:
        click.echo(
            f"{out}: model.onnx, checked on random images: largest difference "
            f"{onnx.max_abs_difference:.2g}"
        )
    else:
        click.echo(f"note: no model.onnx: {onnx.reason}", err=True)
