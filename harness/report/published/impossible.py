"""Published values that no set of predictions can have, found by arithmetic alone."""

from __future__ import annotations

import math

from harness.report.published.study import Published, PublishedRow

_ROUNDING = 1e-9
"""Of the computer's, far below that of the print."""


def impossible(row: PublishedRow, study: Published) -> list[str]:
    """How the row's values contradict each other, in a clause each; empty where they do not.

    The F1 of a class is the harmonic mean of its precision and recall and so at most their
    arithmetic mean, and that holds for the means over classes. An accuracy is a whole number of
    images over all of them. Both are judged to the last printed digit.
    """
    half = 0.5 * 10.0**-study.decimals + _ROUNDING
    return [*_too_high(row, study.decimals, half), *_no_count(row, study, half)]


def _too_high(row: PublishedRow, decimals: int, half: float) -> list[str]:
    names = ("label.f1", "label.precision", "label.recall")
    f1, precision, recall = (row.values.get(name) for name in names)
    if f1 is None or precision is None or recall is None:
        return []
    most = (precision + recall) / 2
    if f1 - half <= most + half:
        return []
    return [
        f"macro F1 {f1:.{decimals}f} is above {most:.{decimals}f}, the mean of precision and "
        "recall, which it can reach at most"
    ]


def _no_count(row: PublishedRow, study: Published, half: float) -> list[str]:
    accuracy, count = row.values.get("label.accuracy"), row.images or study.images
    if accuracy is None or count is None:
        return []
    fewest = math.ceil((accuracy - half) * count)
    if fewest <= (accuracy + half) * count:
        return []
    digits = study.decimals
    return [
        f"accuracy {accuracy:.{digits}f} is not a whole number of {count:,} images: {fewest - 1:,} "
        f"give {(fewest - 1) / count:.{digits}f} and {fewest:,} give {fewest / count:.{digits}f}"
    ]
