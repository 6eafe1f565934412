"""The plugin's own prompt sets, and a user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

import harness

Sentences = Mapping[str, tuple[str, ...]]
"""Class -> its sentences."""


def read_prompts(prompts: Sequence[str] | str) -> Mapping[str, Sentences]:
    """Sets of sentences, by what messages call them.

    Args:
        prompts: names of the plugin's own sets, or the text of a prompt file.

    Raises:
        HarnessError: there is no such set, or a text is not of the format.
    """
    if isinstance(prompts, str):
        where = "the prompt file"
        return {where: harness.parse_prompts(prompts, where)}
    return {f"prompt set {name!r}": _own_set(name) for name in prompts}


def _own_set(name: str) -> Sentences:
    folder = files("harness_clip") / "prompts"
    known = sorted(file.name.removesuffix(".txt") for file in folder.iterdir())
    if name not in known:
        raise harness.HarnessError(f"there is no prompt set {name!r}; sets: {', '.join(known)}")
    file = folder / f"{name}.txt"
    return harness.parse_prompts(file.read_text("utf-8"), str(file))
