"""What must be equal before a published value and one of ours may be subtracted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.published.study import Asked, Published, PublishedRow
from harness.report.table.rows import Row
from harness.values.wording import counted

SMALL = "small networks instead of the full ones"

_TRAINING = ("batch_size", "learning_rate", "weight_decay", "flip", "select_by")
"""Fields of a protocol that decide the results of a method that trains. The number of epochs is the
study's own. How fast or how exactly a machine computes does not count."""
_LIMITS = {"train": "train_images", "test": "test_images"}
_WORDS = {
    "batch_size": "batch size",
    "learning_rate": "learning rate",
    "weight_decay": "weight decay",
    "image_size": "image size",
}
_PARTS = {"train": "training images", "test": "test images"}


def differences(row: PublishedRow, own: Row, study: Published) -> tuple[str, ...]:
    """In what the conditions of ours differ from those of the published row, each as
    ``epochs 3 (published: 20)``; empty where the two may be compared.

    Known of the published values is what the study's file says (its dataset, epochs, and numbers
    of images) and what its commands ask of the method. A row counts under the conditions of any of
    the commands that run its method: the nearest one is given.
    """
    facts = [*_dataset(own, study), *_size(own), *_epochs(own, study)]
    settings = (
        (*_limits(row, own, study, one), *_settings(own, one))
        for one in study.asked.get(own.method, ())
    )
    return (*facts, *_counts(row, own, study), *min(settings, key=len, default=()))


def sentences(labels: Sequence[str], differ: Sequence[tuple[str, ...]]) -> list[str]:
    """A sentence for all rows that differ from their published ones in the same.

    Args:
        labels: of the rows.
        differ: of each, what :func:`differences` found.
    """
    rows: dict[tuple[str, ...], list[str]] = {}
    for label, found in zip(labels, differ, strict=True):
        if found:
            rows.setdefault(found, []).append(label)
    return [
        f"No difference is taken for {', '.join(dict.fromkeys(same))}, as ours ran under other "
        f"conditions: {'; '.join(found)}."
        for found, same in rows.items()
    ]


def _dataset(own: Row, study: Published) -> Iterator[str]:
    if own.dataset != study.dataset:
        yield _differ("dataset", own.dataset, study.dataset)


def _size(own: Row) -> Iterator[str]:
    if own.small:
        yield SMALL


def _epochs(own: Row, study: Published) -> Iterator[str]:
    if not _trains(own):
        return
    # A method that trains itself is timed as one epoch, and was handed the protocol's number.
    ran = own.timing.get("epochs") if own.timing.get("stages") else _used(own, "epochs")
    if ran != study.epochs:
        yield _differ("epochs", ran, study.epochs)


def _counts(row: PublishedRow, own: Row, study: Published) -> Iterator[str]:
    for part, wanted in _published_counts(row, study).items():
        for what in ("images", "masks") if own.mask else ("images",):
            counts = own.images.get(own.part if part == "test" else part)
            found = None if counts is None else counts["masks" if what == "masks" else "images"]
            # A fraction of an odd number is rounded, up or down.
            if found is None or abs(found - wanted) >= 1:
                name = _PARTS[part] if what == "images" else f"{_PARTS[part]} with a mask"
                yield _differ(name, _number(found), _number(round(wanted)))


def _published_counts(row: PublishedRow, study: Published) -> dict[str, float]:
    """Images by part, as far as they are known."""
    found: dict[str, float] = {}
    if study.train_images is not None:
        found["train"] = row.fraction * study.train_images
    if (test := row.images or study.images) is not None:
        found["test"] = test
    return found


def _limits(row: PublishedRow, own: Row, study: Published, asked: Asked) -> Iterator[str]:
    """The caps on parts of which the study does not say how large they were."""
    known = _published_counts(row, study)
    for part, field in _LIMITS.items():
        if part not in known and _used(own, field) != asked.protocol[field]:
            name = f"at most so many {_PARTS[part]}"
            yield _differ(name, _number(_used(own, field)), _number(asked.protocol[field]))


def _settings(own: Row, asked: Asked) -> Iterator[str]:
    """What was set in another way than the study's command sets it."""
    for field in ("image_size", *(_TRAINING if _trains(own) else ())):
        if _used(own, field) != asked.protocol[field]:
            yield _differ(_WORDS.get(field, field), _used(own, field), asked.protocol[field])
    if (seen := own.normalised_over) is not None:
        yield _differ(
            "batch normalisation over", counted(seen, "image"), asked.protocol["batch_size"]
        )
    if own.weights != asked.weights and (
        own.weights_digest is None or own.weights_digest != asked.digest
    ):
        yield _differ("initial weights", own.weights, asked.weights)
    changed = {name: pair[1] for name, pair in own.changed_params.items()}
    for name in sorted(changed.keys() | asked.params.keys()):
        used, wanted = changed.get(name), asked.params.get(name)
        if used != wanted:
            default = own.changed_params.get(name, (None,))[0]
            yield _differ(
                name,
                used if name in changed else "unchanged",
                wanted if name in asked.params else default,
            )
    if asked.selected_on_test not in (None, own.selected_on_test):
        sets = ("a validation set of its own", "the test set")
        yield _differ(
            "epoch selected on", sets[own.selected_on_test], sets[bool(asked.selected_on_test)]
        )


def _trains(own: Row) -> bool:
    """False for a method that is known to have trained in no epoch."""
    return own.timing.get("epochs") != 0


def _used(own: Row, field: str) -> Any:
    """A field of the protocol, as the method was trained by it."""
    if field in own.deviations:
        return own.deviations[field][1]
    return own.protocol.get(field)


def _number(count: int | None) -> str:
    return "all" if count is None else f"{count:,}"


def _differ(name: str, ours: Any, published: Any) -> str:
    return f"{name} {_plain(ours)} (published: {_plain(published)})"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping | list | tuple | bool):
        return json.dumps(value)
    return str(value)
