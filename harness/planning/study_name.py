"""The name of a study's folder, where the user gives none."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.results.browse.study_facts import read_study
from harness.results.validate import as_cell
from harness.storage.json_files import read_json

LONGEST = 60
"""Characters of a root's name."""


def default_name(
    out: Path, dataset: str, root: Path | None, fingerprint: str, protocol: str
) -> str:
    """``phantom-quick``; with a root ``folder-hospital-a-quick``.

    Where a study of another root has that name already, six digits of a digest of the root's path
    are added. The same data under another path, moved or copied, counts as the same root.

    Args:
        out: the folder that studies lie in.
        root: of the dataset; None where its plugin makes it.
    """
    if root is None:
        return f"{dataset}-{protocol}"
    path = root.resolve()
    label = _plain(path.stem if path.is_file() else path.name)
    digest = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:6]
    own = f"{dataset}-{label}-{digest}-{protocol}"
    shared = f"{dataset}-{label}-{protocol}"
    if (out / own).is_dir() or _is_of_another(out / shared, str(path), fingerprint):
        return own
    return shared


def _is_of_another(study: Path, root: str, fingerprint: str) -> bool:
    found = list(_datasets(study))
    return bool(found) and not any(
        entry["root"] == root or entry["fingerprint"] == fingerprint for entry in found
    )


def _datasets(study: Path) -> Iterator[Mapping[str, Any]]:
    """What the study's cells were run on; nothing where there is no study."""
    if not (study / "study.json").is_file():
        return
    runs = read_study(study / "study.json").get("runs", [])
    if runs:
        yield from (run["dataset"] for run in runs)
        return
    for record in sorted((study / "cells").glob("*/*/*/cell.json")):
        try:
            yield as_cell(record, read_json(record))["dataset"]
            return
        except HarnessError:
            continue  # A damaged cell says nothing; the report names it.


def _plain(name: str) -> str:
    """Letters and digits of any script, dots, underscores and hyphens: safe in every file system
    and on every command line."""
    text = unicodedata.normalize("NFC", name)
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in text)
    return safe.strip(".-")[:LONGEST] or "data"
