"""``harness predict``"""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.cells import cell_argument, results_option
from harness.cli.counting import counting
from harness.data.newimages import new_images
from harness.execution.devices import resolve_device
from harness.execution.finished import finished
from harness.results.finding import find_cell
from harness.staged import staged


@click.command(name="predict")
@cell_argument
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("predictions"),
    metavar="DIR",
    help="Where predictions.csv and masks go (default: predictions).",
)
@results_option("--results")
@click.option("--device", default="cpu", metavar="NAME", help="auto, cpu (default), cuda, cuda:N.")
@click.option("--force", is_flag=True, help="Go on although the method's code has changed.")
def command(
    cell: str, images: tuple[Path, ...], out: Path, results: Path, device: str, force: bool
) -> None:
    """Apply a finished model to image files: research only, not for diagnosis.

    CELL is its folder, the beginning of its name or hash, or the id of a method with one cell.
    IMAGES are files, or folders with files at any depth.

    \b
    harness predict segmentation/unet films/ --out lungs
    harness predict 7915b8 a.png b.jpg
    """
    model_of = finished(find_cell(cell, results, "--results"), force=force)
    where = resolve_device(device)
    files = new_images(images)
    with staged(out, model_of.writes) as folder:
        for warning in model_of.warnings:
            click.echo(f"warning: {warning}", err=True)
        from harness.execution.apply import predict_files, rebuild

        model = rebuild(model_of, device=where)
        with counting("predicting") as progress:
            predict_files(model, files, folder, progress)
    click.echo(f"{len(files)} images: {' and '.join(str(out / name) for name in model_of.writes)}")
