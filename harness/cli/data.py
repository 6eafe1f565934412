"""``harness data``"""

from __future__ import annotations

import json

import click

from harness.cli.data_get import get_command
from harness.cli.data_info import info_command
from harness.cli.data_prepare import prepare_command
from harness.cli.data_verify import verify_command
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.words.verb_group import VerbGroup


@click.group(name="data", cls=VerbGroup)
def command() -> None:
    """List, check, describe, prepare and download datasets.

    \b
    harness data list
    harness data verify radiography --data-root DIR
    harness data info folder --data-root DIR
    harness data prepare csv --data-root table.csv --size 224
    """


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with parameters and licences.")
def list_command(as_json: bool) -> None:
    """Show every dataset that an installed plugin offers."""
    from tabulate import tabulate

    from harness.specs import to_json

    plugins = found_plugins()
    entries = plugins.datasets.values()
    if as_json:
        facts = [{**to_json(entry.spec), "plugin": entry.plugin} for entry in entries]
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [
        (
            entry.spec.name,
            entry.plugin,
            _root(entry.spec.needs_root, entry.spec.accepts_file),
            ", ".join(f"{name}={json.dumps(v)}" for name, v in entry.spec.params.items()),
            entry.spec.summary,
        )
        for entry in entries
    ]
    click.echo(
        tabulate(rows, headers=("dataset", "plugin", "--data-root", "parameters", "summary"))
    )
    for record in plugins.broken:
        click.echo(f"note: plugin {record.name!r} did not load: {record.reason}", err=True)


def _root(needed: bool, accepts_file: bool) -> str:
    if not needed:
        return "none"
    return "folder or file" if accepts_file else "folder"


for _verb in (verify_command, info_command, prepare_command, get_command):
    command.add_command(_verb)
