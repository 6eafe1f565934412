"""Prompt files: sentences per class, one ``class: sentence`` a line, ``#`` for comments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

import harness


def read_prompts(names: Sequence[str], classes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Sentences of every class, in the order of ``classes``, from all the named prompt sets.

    Raises:
        HarnessError: there is no such set, a line of it is not of the format, or it has no sentence
            for one of the classes.
    """
    sentences: dict[str, tuple[str, ...]] = dict.fromkeys(classes, ())
    for name in names:
        for label, found in _read_set(name, classes).items():
            sentences[label] += found
    return sentences


def _read_set(name: str, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    file = files("harness_clip") / "prompts" / f"{name}.txt"
    if not file.is_file():
        raise harness.HarnessError(f"there is no prompt set {name!r}: {file} is missing")
    found: dict[str, tuple[str, ...]] = dict.fromkeys(classes, ())
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        label, colon, sentence = (part.strip() for part in line.partition(":"))
        if not colon or not label or not sentence:
            raise harness.HarnessError(f"{file}, line {number}: write 'class: sentence'")
        if label in found:
            found[label] += (sentence,)
    for label, own in found.items():
        if not own:
            raise harness.HarnessError(
                f"{file} has no sentence for the class {label!r}; add a line '{label}: …'"
            )
    return found
