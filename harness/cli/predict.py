"""``harness predict``"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.shared.past_runs import cell_argument, results_option
from harness.errors import HarnessError
from harness.execution.devices import resolve_device
from harness.inference.finished import Finished, finished, finished_seeds, trained_as
from harness.inference.images import new_images
from harness.progress.counting import counting
from harness.results.browse.lookup import find_cell, find_seeds
from harness.storage.names import on_one_line
from harness.storage.staging import staged
from harness.values.wording import counted

if TYPE_CHECKING:
    from harness.inference.images import BadImage

_LISTED = 20


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
@results_option("Where to look for the cell")
@click.option("--device", default="cpu", metavar="NAME", help="auto, cpu (default), cuda, cuda:N.")
@click.option("--force", is_flag=True, help="Predict although the method's code has changed.")
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out files that cannot be read; list them last.",
)
@click.option(
    "--average",
    type=click.Choice(["seeds"]),
    help="Average the probabilities of all cells that differ from CELL in the seed alone.",
)
def command(
    cell: str,
    images: tuple[Path, ...],
    out: Path,
    results: Path,
    device: str,
    force: bool,
    skip_bad: bool,
    average: str | None,
) -> None:
    """Apply a finished model to image files: research only, not for diagnosis.

    CELL is a cell folder, the beginning of a cell's name or hash, or the id or name of a method
    with one cell.
    IMAGES are files, or folders with files at any depth.

    \b
    harness predict segmentation/unet films/ --out lungs
    harness predict 7915b8 a.png b.jpg
    harness predict supervised/densenet121 films/ --average seeds --skip-bad

    Exit codes: 0 all images are predicted, 1 some could not be read and were left out (--skip-bad),
    2 bad input.
    """
    cells = _cells(cell, results, force, average)
    where = resolve_device(device)
    with counting("checking images") as progress:
        found = new_images(images, progress)
    if found.bad and not (skip_bad and found.images):
        raise HarnessError(_refusal(found.bad, len(found.images), skip_bad))
    with staged(out, cells[0].writes) as folder:
        for warning in dict.fromkeys(text for model in cells for text in model.warnings):
            click.echo(f"warning: {warning}", err=True)
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
        click.echo(f"note: {trained_as(cells)}; for research only, not for diagnosis", err=True)
        from harness.inference.predict import predict_files, rebuild

        models = [rebuild(model, device=where) for model in cells]
        with counting("predicting") as progress:
            predict_files(models, found.images, folder, progress)
    written = " and ".join(str(out / name) for name in cells[0].writes)
    click.echo(f"{counted(len(found.images), 'image')}: {written}")
    if found.bad:
        many = counted(len(found.bad), "file")
        click.echo("\n".join([f"{many} left out:", *_lines(found.bad)]), err=True)
        raise SystemExit(1)


def _cells(cell: str, results: Path, force: bool, average: str | None) -> Sequence[Finished]:
    if average is None:
        return [finished(find_cell(cell, results), force=force)]
    return finished_seeds(find_seeds(cell, results), force=force)


def _refusal(bad: Sequence[BadImage], good: int, skip_bad: bool) -> str:
    total = len(bad) + good
    if total == 1:
        return f"{on_one_line(str(bad[0].path))}: {bad[0].reason}"
    lines = _lines(bad[:_LISTED])
    if len(bad) > _LISTED:
        lines.append(f"  and {len(bad) - _LISTED} more")
    said = f"{len(bad)} of {total} files cannot be used, and nothing is predicted:"
    remedy = "repair or remove them" + ("" if skip_bad else ", or leave them out: --skip-bad")
    return "\n".join([said, *lines, remedy])


def _lines(bad: Sequence[BadImage]) -> list[str]:
    return [f"  {on_one_line(str(one.path))}: {one.reason}" for one in bad]
