"""Prompt files: sentences that describe a class, for methods that compare images with text.

One ``class: sentence`` a line, as many lines for a class as it needs. Blank lines and lines that
start with ``#`` are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.errors import HarnessError, did_you_mean


def parse_prompts(
    text: str, where: str, classes: Sequence[str] | None = None
) -> Mapping[str, tuple[str, ...]]:
    """Sentences of every class in the text of a prompt file.

    Args:
        text: content of the file.
        where: what messages call it.
        classes: must all have sentences, and no others may; None where any will do.

    Returns:
        Class -> its sentences, at least one; in the order of ``classes``, or else of the text.

    Raises:
        HarnessError: a malformed line, an unknown class or one without a sentence, or no
            sentence at all; names the line where there is one.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        label, colon, sentence = (part.strip() for part in line.partition(":"))
        if not colon or not label or not sentence:
            raise HarnessError(
                f"{where}, line {number}: write 'class: sentence', not {_shown(line)}"
            )
        if classes is not None and label not in classes:
            raise HarnessError(
                f"{where}, line {number}: {_shown(label)} is not a class of the dataset"
                f"{_suggestion(label, classes)}; classes: {', '.join(classes)}"
            )
        found[label] = (*found.get(label, ()), sentence)
    if not found:
        raise HarnessError(f"{where}: has no prompts; write lines 'class: sentence'")
    if classes is None:
        return found
    if missing := [name for name in classes if name not in found]:
        raise HarnessError(
            f"{where}: no sentence for {', '.join(map(repr, missing))}; "
            f"add a line '{missing[0]}: sentence'"
        )
    return {name: found[name] for name in classes}


def _suggestion(label: str, classes: Sequence[str]) -> str:
    """The class that was meant; upper and lower case alone make words strangers to difflib."""
    same = {name.casefold(): name for name in classes}
    return did_you_mean(same.get(label.casefold(), label), classes)


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:59]}…")
