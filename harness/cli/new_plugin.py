"""``harness new-plugin``"""

from __future__ import annotations

from pathlib import Path

import click

from harness.authoring.scaffold import KINDS, new_plugin


@click.command(name="new-plugin")
@click.argument("name", metavar="NAME")
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="method",
    help="What it offers (default: method).",
)
def command(name: str, kind: str) -> None:
    """Write a plugin to begin with, into a new folder NAME: it works as it is.

    A method and a segmenter are networks that the harness trains; plain is a method without torch.
    Five files: pyproject.toml, README.md, the light module with what the plugin offers, its code,
    and a test. Asks nothing, installs nothing, and refuses a folder that exists.

    \b
    harness new-plugin my_net
    harness new-plugin my_data --kind dataset

    Exit codes: 0, or 2 where the name cannot be used or the folder exists.
    """
    folder, steps = new_plugin(name, kind, Path())
    click.echo(f"{folder}/ is a plugin of kind {kind}. Next:\n")
    click.echo("\n".join(f"    {step}" for step in steps))
