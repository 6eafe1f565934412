"""Bundled plugin: every network of segmentation-models-pytorch, on every encoder it takes."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_families.strategies import OFFERED

HARNESS_API = 1


@harness.hookimpl
def harness_families() -> Iterator[harness.FamilySpec]:
    yield harness.FamilySpec(
        pattern="<architecture>/<encoder>",
        summary="Segmenters of segmentation-models-pytorch; tu-… encoders are timm's",
        resolve="harness_families.smp_names:resolve",
        search="harness_families.smp_names:search",
        library="segmentation-models-pytorch",
        strategies=OFFERED,
    )
