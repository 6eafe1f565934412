"""``harness data verify``"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.options import DATA_OPTIONS
from harness.cli.shared.plugin_options import local_option
from harness.cli.words.stray_words import ListsCommand
from harness.errors import HarnessError
from harness.planning.datasets import find_dataset, open_dataset
from harness.planning.params import column_settings
from harness.progress.counting import counting
from harness.specs import to_json
from harness.values.wording import counted

if TYPE_CHECKING:
    from harness.data.sources.defect import Defect

_ALIKE = 10
"""Notes of one kind that are shown unless --all asks for every one."""
_WIDTHS = (None, 48, 48, 44)


def data_options(command: Any) -> Any:
    """NAME, --data-root and --data-param."""
    for option in reversed((click.argument("name", metavar="NAME"), *DATA_OPTIONS)):
        command = option(command)
    return command


@click.command(name="verify", cls=ListsCommand)
@data_options
@local_option
@click.option("--json", "as_json", is_flag=True, help="All findings as JSON.")
@click.option("--all", "every", is_flag=True, help=f"Every note, not only {_ALIKE} of a kind.")
def verify_command(
    name: str,
    data_root: Path | None,
    data_params: tuple[str, ...],
    columns: tuple[str, ...],
    plugin: tuple[Path, ...],
    as_json: bool,
    every: bool,
) -> None:
    """Read every file of a dataset and list what is wrong with it.

    A run stops at an error, or leaves the file out under --skip-bad. A note says what was found
    and how it is handled. Exit code 1 on errors, 0 otherwise.
    """
    from harness.data.defects.admission import SEEN, remember
    from harness.data.defects.verify import Verified, inspect
    from harness.data.sources.mask_notes import mask_notes
    from harness.data.splits.duplicates import duplicate_notes
    from harness.storage.cache import cache_directory

    settings = (*data_params, *column_settings(columns))
    spec = find_dataset(found_plugins(plugin=plugin), name, settings, option="")
    dataset = open_dataset(spec, data_root)
    found = Verified(())
    if spec.needs_root:
        with counting("checking files") as report:
            found = inspect(dataset, report)
        try:
            remember(dataset, found, cache_directory())
        except HarnessError as error:
            click.echo(f"note: a run will verify again: {error}", err=True)
    errors = [defect for defect in found.defects if defect.severity == "error"]
    notes = [defect for defect in found.defects if defect.severity == "note"]
    samples = replace(dataset.samples, **{name: getattr(found, name) for name in SEEN})
    said = [*samples.notes, *duplicate_notes(samples), *mask_notes(samples)]
    counts = {
        "images": len(samples),
        "masks": int(samples.has_mask.sum()),
        "errors": len(errors),
        "notes": len(notes),
    }
    if as_json:
        root = None if data_root is None else str(data_root)
        told = {"dataset": name, "root": root, **counts, "dataset_notes": said}
        listed = [to_json(defect) for defect in (*errors, *notes)]
        click.echo(json.dumps({**told, "defects": listed}, indent=2))
    elif not spec.needs_root:
        click.echo(f"dataset {name!r} is made by its plugin: there are no files to verify")
    else:
        _print(errors, notes, said, counts, every)
    raise SystemExit(1 if errors else 0)


def _print(
    errors: Sequence[Defect],
    notes: Sequence[Defect],
    said: Sequence[str],
    counts: dict[str, int],
    every: bool,
) -> None:
    from tabulate import tabulate

    rows = [*map(_row, errors), *_note_rows(notes, every)]
    if rows:
        heads = ("", "file", "problem", "remedy")
        click.echo(tabulate(rows, headers=heads, maxcolwidths=list(_WIDTHS), disable_numparse=True))
        click.echo()
    for note in said:
        click.echo(f"note: {note}")
    click.echo(", ".join(counted(count, what.removesuffix("s")) for what, count in counts.items()))


def _row(defect: Defect) -> tuple[str, str, str, str]:
    from harness.storage.names import on_one_line

    return defect.severity, on_one_line(defect.file), on_one_line(defect.problem), defect.remedy


def _note_rows(notes: Sequence[Defect], every: bool) -> Iterator[tuple[str, str, str, str]]:
    """One row per note; of many notes of one kind the first, and how many there are."""
    counts = Counter(note.kind for note in notes)
    shown: Counter[str] = Counter()
    for note in notes:
        shown[note.kind] += 1
        more = counts[note.kind] - _ALIKE
        if every or more <= 1 or shown[note.kind] <= _ALIKE:
            yield _row(note)
        elif shown[note.kind] == _ALIKE + 1:
            yield note.severity, f"and {more} more files", note.problem, "--all shows them"
