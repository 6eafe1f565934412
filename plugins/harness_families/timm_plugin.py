"""Bundled plugin: every network of timm by its name."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_families.strategies import OFFERED

HARNESS_API = 1


@harness.hookimpl
def harness_families() -> Iterator[harness.FamilySpec]:
    yield harness.FamilySpec(
        pattern="<model>",
        summary="Networks of timm, by model or model.tag, as timm names them",
        resolve="harness_families.timm_names:resolve",
        search="harness_families.timm_names:search",
        library="timm",
        strategies=OFFERED,
        requires=("timm>=1.0.15",),
    )
