"""A cell's hash, and whether a ``cell.json`` is the one that its directory is named by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

SHORT = 12
"""Digits of the hash in a directory's name."""


def cell_hash(identity: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """SHA-256 of what was asked and of what code answers."""
    value = {"identity": identity, "provenance": provenance}
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_identity(directory: Path, record: Mapping[str, Any]) -> None:
    """Refuse a record that is not the one that ``directory`` is named by, or whose fields
    disagree with the identity that was hashed.

    Raises:
        HarnessError: what differs.
    """
    path = directory / "cell.json"
    digest = cell_hash(record["identity"], record["provenance"])
    if record["hash"] != digest or not directory.name.endswith(f"-{digest[:SHORT]}"):
        raise HarnessError(
            f"{path}: was changed after it was planned: identity and provenance have the hash "
            f"{digest[:SHORT]}; repeat the run"
        )
    identity = record["identity"]
    for name, value in _stated(record).items():
        if json.dumps(value, sort_keys=True) != json.dumps(identity[name], sort_keys=True):
            raise HarnessError(
                f"{path}: was changed after it was planned: {name} is {value!r:.60}, and "
                f"{identity[name]!r:.60} in the identity; repeat the run"
            )


def _stated(record: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the record that the identity holds as well."""
    changed = {name: pair[1] for name, pair in record["changed_params"].items()}
    return {
        "method": record["id"],
        "dataset": record["dataset"]["name"],
        "dataset_fingerprint": record["dataset"]["fingerprint"],
        "protocol": record["protocol"],
        "params": changed,
        "weights": record["weights"],
        "device": record["device"],
        "precision": record["precision"],
        "split": record["split"]["digest"],
        "seed": record["seed"],
        "fraction": record["fraction"],
    }
