"""Bundled plugin: every classifier of torchvision by its name."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_families.strategies import OFFERED

HARNESS_API = 1


@harness.hookimpl
def harness_families() -> Iterator[harness.FamilySpec]:
    yield harness.FamilySpec(
        pattern="<model>",
        summary="Classifiers of torchvision, by model or model.weights",
        resolve="harness_families.torchvision_names:resolve",
        search="harness_families.torchvision_names:search",
        library="torchvision",
        strategies=OFFERED,
    )
