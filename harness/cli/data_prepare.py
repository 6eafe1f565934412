"""``harness data prepare``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.api.skip_bad import admission
from harness.cli.data_verify import data_options
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.plugin_options import local_option
from harness.cli.words.stray_words import ListsCommand
from harness.cli.words.value_types import Pixels
from harness.planning.datasets import find_dataset, open_dataset
from harness.planning.params import column_settings
from harness.progress.counting import counting
from harness.protocol import LARGEST_IMAGE
from harness.values.wording import counted

if TYPE_CHECKING:
    from harness.data.store.prepared import Interpolation


@click.command(name="prepare", cls=ListsCommand)
@data_options
@local_option
@click.option(
    "--size",
    "--image-size",
    "size",
    type=Pixels(8, LARGEST_IMAGE),
    default=224,
    metavar="PIXELS",
    help="Pixels per side (default: 224).",
)
@click.option(
    "--interpolation",
    type=click.Choice(("bilinear", "bicubic", "both")),
    default="both",
    help="Default: both, as methods differ.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out files that have errors.")
def prepare_command(
    name: str,
    data_root: Path | None,
    data_params: tuple[str, ...],
    columns: tuple[str, ...],
    plugin: tuple[Path, ...],
    size: int,
    interpolation: Literal["bilinear", "bicubic", "both"],
    skip_bad: bool,
) -> None:
    """Resize all images once and keep them, as the first run would.

    Preset paper uses 224 pixels, quick 64.
    """
    from harness.data.store.prepared import open_store
    from harness.storage.cache import cache_directory

    settings = (*data_params, *column_settings(columns))
    spec = find_dataset(found_plugins(plugin=plugin), name, settings, option="")
    dataset = admission(skip_bad)(spec, open_dataset(spec, data_root))
    for note in dataset.samples.notes:
        click.echo(f"note: {note}", err=True)
    wanted: tuple[Interpolation, ...] = (
        ("bilinear", "bicubic") if interpolation == "both" else (interpolation,)
    )
    for chosen in wanted:
        with counting(f"preparing images, {chosen}") as report:
            store = open_store(
                dataset, size=size, interpolation=chosen, cache=cache_directory(), progress=report
            )
        for note in store.notes:
            click.echo(f"note: {note}", err=True)
        click.echo(
            f"{counted(len(dataset.samples), 'image')} at {size} x {size}, {chosen}, "
            f"made in {store.build_seconds:.1f} s: {store.directory}"
        )
