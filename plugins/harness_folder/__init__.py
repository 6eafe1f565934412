"""Bundled plugin: datasets of the user's own, as class folders or as a table."""

from __future__ import annotations

from collections.abc import Iterable

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_datasets() -> Iterable[harness.DatasetSpec]:
    yield harness.DatasetSpec(
        name="folder",
        factory="harness_folder.dataset:open_folder",
        summary="Your images, one folder per class; masks, groups, split if you have",
        params={"pad": False, "columns": {}},
        licence="yours",
    )
    yield harness.DatasetSpec(
        name="csv",
        factory="harness_folder.dataset:open_table",
        summary="Your images, listed in a table with path and label",
        accepts_file=True,
        params={"pad": False, "columns": {}},
        licence="yours",
    )
