"""What tells a cell from others of its method besides seed and fraction: its fold, and the values
of swept fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fold_number(record: Mapping[str, Any]) -> int | None:
    """From 1; None where the cell's split is no fold of a cross-validation.

    Args:
        record: as in ``cell.json``.
    """
    fold = record["split"].get("fold")
    return None if fold is None else int(fold["number"])


def swept_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """Field of the protocol that the cell's run swept -> the value that the cell used.

    Args:
        record: as in ``cell.json``.
    """
    return {field: record["protocol"][field] for field in record.get("sweep", ())}
