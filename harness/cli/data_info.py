"""``harness data info``"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harness.api.skip_bad import recollection
from harness.cli.data_verify import data_options
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.plugin_options import local_option
from harness.cli.words.stray_words import ListsCommand
from harness.planning.datasets import find_dataset, open_dataset
from harness.planning.params import column_settings
from harness.progress.counting import counting
from harness.specs import DatasetSpec
from harness.storage.names import on_one_line
from harness.values.wording import counted

_SHOWN = 8
_UNKNOWN = "unknown"


@click.command(name="info", cls=ListsCommand)
@data_options
@local_option
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def info_command(
    name: str,
    data_root: Path | None,
    data_params: tuple[str, ...],
    columns: tuple[str, ...],
    plugin: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Describe a dataset: classes, sources, sizes, masks, groups, fingerprint, licence."""
    from harness.data.defects.dataset_card import dataset_card

    settings = (*data_params, *column_settings(columns))
    spec = find_dataset(found_plugins(plugin=plugin), name, settings, option="")
    dataset = recollection(spec, open_dataset(spec, data_root))
    with counting("reading headers") as report:
        card = dataset_card(dataset, report)
    if as_json:
        about = {
            "name": spec.name,
            "summary": spec.summary,
            "root": None if data_root is None else str(data_root),
            "params": dict(spec.params),
            "reference": spec.reference or None,
            "licence": spec.licence or None,
        }
        click.echo(json.dumps({**about, **card}, indent=2))
    else:
        click.echo(_text(spec, data_root, card))


def _text(spec: DatasetSpec, root: Path | None, card: Mapping[str, Any]) -> str:
    from tabulate import tabulate

    classes = [
        (on_one_line(name), c["images"], c["masks"], _listed(c["sources"]))
        for name, c in card["classes"].items()
    ]
    masks = f"{card['masks']}, on {card['mask_size']} x {card['mask_size']} pixels"
    facts = (
        ("root", root if root is not None else "none: made by its plugin"),
        ("parameters", ", ".join(f"{k}={json.dumps(v)}" for k, v in spec.params.items()) or "none"),
        ("images", card["images"]),
        ("image sizes", _listed(card["image_sizes"])),
        ("masks", masks if card["masks"] else "none"),
        ("groups", _UNKNOWN if card["groups"] is None else card["groups"]),
        ("own split", "none" if card["split"] is None else _listed(card["split"])),
        ("fingerprint", card["fingerprint"]),
        ("licence", spec.licence or _UNKNOWN),
        ("reference", spec.reference or "none"),
    )
    heads = ("class", "images", "masks", "sources")
    widths = [None, None, None, 72]
    # Names stay as they are, also those that look like numbers.
    aligned = ("left", "right", "right", "left")
    blocks = [
        f"{spec.name}: {spec.summary}",
        tabulate(facts, tablefmt="plain", maxcolwidths=[None, 88], disable_numparse=True),
        tabulate(
            classes, headers=heads, maxcolwidths=widths, disable_numparse=True, colalign=aligned
        ),
    ]
    notes = "\n".join(f"note: {note}" for note in card["notes"])
    return "\n\n".join([*blocks, *([notes] if notes else [])])


def _listed(counts: Mapping[str, int] | None) -> str:
    """``"299 x 299: 750, 1024 x 1024: 3"``"""
    if counts is None:
        return _UNKNOWN
    shown = [f"{on_one_line(name)}: {count}" for name, count in list(counts.items())[:_SHOWN]]
    if len(counts) > _SHOWN:
        shown.append(counted(len(counts) - _SHOWN, "other"))
    return ", ".join(shown)
