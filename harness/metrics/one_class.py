"""Rows whose method predicts one class for every image: a score that no image had a part in."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import HarnessError
from harness.metrics.observations import predicts_one_class
from harness.results.rundir import CellDirectory

ONE_CLASS = "(one class only)"
"""Follows the id of such a method in tables."""


def is_one_class(
    directory: CellDirectory, part: str, recalls: Mapping[str, float | None]
) -> bool | None:
    """Whether the set's stored predictions are all of one class, where it holds several; None where
    the file cannot be read.

    Args:
        recalls: of each class. Only where every one is 0 or 1 is the file read.
    """
    known = [value for value in recalls.values() if value is not None]
    if known and (len(known) < 2 or any(0 < value < 1 for value in known) or sum(known) > 1):
        return False
    try:
        found = directory.predictions(part, bits=False).class_predictions()
    except HarnessError:
        return None
    return None if found is None else predicts_one_class(found)
