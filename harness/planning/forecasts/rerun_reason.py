"""Why a cell runs although a similar one has finished: where their names' identities differ.

Nothing here decides what runs; a cell's name does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.results.browse.told_apart import fold_number

_DIGEST = re.compile(r"[0-9a-f]{12,}(\+[0-9a-f]+)?")
_LONGEST = 32
_WORDS = {
    "dataset_fingerprint": "the dataset's content",
    "rows": "the order of the dataset's images",
    "split": "the split",
    "weights.digest": "the initial weights",
    "harness_source": "the harness's source",
    "source": "the plugin's source",
    "dataset.source": "the source of the dataset's plugin",
}
"""Fields whose values say nothing to a reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of a cell's identity or provenance that differs from a finished cell's."""

    field: str
    """Dotted, as in ``protocol.epochs``."""
    was: Any
    """None, too, where there was none."""
    now: Any

    def __str__(self) -> str:
        if self.field in _WORDS:
            return _WORDS[self.field]
        texts = [_text(value) for value in (self.was, self.now)]
        return self.field if None in texts else f"{self.field} {texts[0]} → {texts[1]}"


def nearest_differences(
    record: Mapping[str, Any], finished: Iterable[Mapping[str, Any]]
) -> tuple[Difference, ...]:
    """What of a cell differs from the finished one that it has most in common with, among those of
    its method, dataset, seed, fold, training fraction and value of a sweep; empty where there is
    none.

    Args:
        record: of the cell to run, as in ``cell.json``.
        finished: records of finished cells.
    """
    same = ("id", "seed", "fraction")
    rivals = [
        tuple(_differences(other, record))
        for other in finished
        if all(other[name] == record[name] for name in same)
        and fold_number(other) == fold_number(record)
        and _swept(other, record) == _swept(record, record)
        and other["dataset"]["name"] == record["dataset"]["name"]
        and other["hash"] != record["hash"]
    ]
    return min(rivals, key=len, default=())


def _swept(record: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Any]:
    """The values of fields that a cell to run is one of several values of."""
    return [record["protocol"].get(field) for field in asked.get("sweep", ())]


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for part in ("identity", "provenance"):
        before, after = dict(_leaves(was[part])), dict(_leaves(now[part]))
        for field in sorted(before.keys() | after.keys()):
            old, new = before.get(field), after.get(field)
            # One of both has been to a file and back, which tuples do not survive.
            if json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True):
                yield Difference(field=field, was=old, now=new)


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def _text(value: Any) -> str | None:
    """As people read it; None for a digest, or what is too long to be set in a line."""
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return None if len(text) > _LONGEST or _DIGEST.fullmatch(text) else text
