"""Our value for a published one, and whether the two may be subtracted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.metrics.classification import MACRO
from harness.report.published.study import MINUTES, Published, PublishedTable
from harness.report.table.catalogue import MEASURED
from harness.report.table.numbers import UNKNOWN
from harness.report.table.rows import Row
from harness.results.browse.decimals import decimals

(_MINUTES,) = (column for column in MEASURED if column.name == MINUTES)
"""The table's own column, so that a speed is here what it is there, with its mark."""


_OTHER_MACHINE = (
    "a time says how fast a machine is, and the published one is of another, so no difference is "
    "taken."
)


@dataclass(frozen=True, slots=True)
class Figure:
    """Our value, as text, and the difference from the published one."""

    text: str
    difference: str = UNKNOWN
    why: str = ""
    """Why there is no difference, although we have a value."""


def figure(
    name: str,
    published: float | None,
    own: Row | None,
    study: Published,
    table: PublishedTable,
    labels: Mapping[str, str],
    *,
    comparable: bool,
) -> Figure:
    """What a line says of ``name``, a metric or ``minutes_per_epoch``.

    Args:
        own: None where nothing has been run.
        comparable: whether ours ran under the conditions of the published row.
    """
    if own is None:
        return Figure(UNKNOWN)
    found = _figure(name, published, own, study, table, labels)
    return found if comparable else replace(found, difference=UNKNOWN)


def _figure(
    name: str,
    published: float | None,
    own: Row,
    study: Published,
    table: PublishedTable,
    labels: Mapping[str, str],
) -> Figure:
    if name == MINUTES:
        return _of_time(published, own, labels[name])
    value = own.metric(name)
    if value is None:
        return Figure(UNKNOWN, why=_missing(name, own, labels))
    text = decimals(value, study.decimals)
    if why := table.also.get(name) or _other_definition(name, own, study, labels):
        return Figure(text, why=why)
    if published is None:
        return Figure(text)
    return Figure(text, decimals(value - published, study.decimals, signed=True))


def _of_time(published: float | None, own: Row, label: str) -> Figure:
    text, minutes = _MINUTES.text([own]), speed(own)
    if text != UNKNOWN and minutes is None:
        why = f"{label}: a marked timing was taken while other work ran, so it is not compared."
        return Figure(text, why=why)
    if published is None or minutes is None:
        return Figure(text)
    return Figure(text, why=f"{label}: {_OTHER_MACHINE}")


def speed(row: Row) -> float | None:
    """Minutes per epoch as the table has them; None where it has none, or marks them."""
    value = _MINUTES.value(row)
    if not isinstance(value, int | float) or _MINUTES.text([row]) != _MINUTES.figure(value):
        return None
    return float(value)


def _missing(name: str, row: Row, labels: Mapping[str, str]) -> str:
    scored = row.mask if name.startswith("mask.") else row.label
    if not scored:
        return ""
    return (
        f"{labels.get(name, name)}: prediction files of an older version do not hold it; "
        "repeat the run."
    )


def _other_definition(
    name: str, row: Row, study: Published, labels: Mapping[str, str]
) -> str | None:
    """Why ours is defined differently from the one published under the same name."""
    label = labels.get(name, name)
    target, _, metric = name.partition(".")
    there, classes = len(row.classes_present or ()), len(row.classes)
    if target == "label" and metric in MACRO and there < classes:
        return f"{label}: ours is a mean over {there} of {classes} classes."
    pixels, own = study.pixels.get(name), row.timing.get("input_size")
    if pixels is not None and own != pixels:
        return (
            f"{label}: depends on the size of the images; published at {pixels} px, "
            f"ours at {own or 'unknown'} px."
        )
    return None
