"""Bundled plugin: chest radiographs made on the fly, the dataset of a run that names none."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_datasets() -> Iterator[harness.DatasetSpec]:
    yield harness.DatasetSpec(
        name="phantom",
        factory="harness_phantom.dataset:open_phantom",
        summary="Made-up X-rays, exact lung masks; no files",
        embedded=True,
        needs_root=False,
        params={"images": 1320, "size": 128, "seed": 0},
    )
