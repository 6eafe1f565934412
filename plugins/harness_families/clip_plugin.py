"""Bundled plugin: image encoders of CLIP and SigLIP models on the Hugging Face hub, by their id."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_families.strategies import OFFERED

HARNESS_API = 1

PROMPT_SETS = ("photo", "short", "signs", "findings")
"""Those of the plugin ``clip``, zero-shot; ``ensemble`` is their mean."""


@harness.hookimpl
def harness_families() -> Iterator[harness.FamilySpec]:
    yield harness.FamilySpec(
        pattern="<owner>/<model>",
        summary="CLIP and SigLIP models of the Hugging Face hub; zero-shot alone",
        resolve="harness_families.clip_names:resolve",
        search="harness_families.clip_names:search",
        library="transformers",
        strategies=("ensemble", *PROMPT_SETS, *OFFERED),
    )
