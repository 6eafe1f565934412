"""A dataset's errors: a verb stops at them, or leaves the files out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.progress.counting import counting
from harness.specs import DatasetSpec

if TYPE_CHECKING:
    from harness.data.dataset import Dataset
    from harness.data.sources.defect import Defect

_LISTED = 50


def admission(skip_bad: bool, *, shown: bool = True) -> Callable[[DatasetSpec, Dataset], Dataset]:
    """The check of a dataset before it is used: its files are looked into once for their content,
    and the findings are kept in the cache. A dataset that needs no folder is not checked.

    The function raises HarnessError with the list of errors, unless ``skip_bad``: then it returns
    the dataset without the files that have one. ``shown``: whether its progress is.
    """

    def admit(spec: DatasetSpec, dataset: Dataset) -> Dataset:
        from harness.data.defects.admission import verified, with_found, without
        from harness.storage.cache import cache_directory
        from harness.storage.names import on_one_line
        from harness.values.wording import counted

        if not spec.needs_root:
            return dataset
        with counting("checking files", shown=shown) as report:
            found = verified(dataset, cache_directory(), report)
        dataset, errors = with_found(dataset, found), found.errors
        if not errors:
            return dataset
        if skip_bad:
            return without(dataset, errors)
        lines = [f"  {on_one_line(error.file)}: {_said(error)}" for error in errors[:_LISTED]]
        if len(errors) > _LISTED:
            lines.append(f"  and {len(errors) - _LISTED} more")
        raise HarnessError(
            f"dataset {spec.name!r} has {counted(len(errors), 'error')}:\n"
            + "\n".join(lines)
            + "\n"
            f"repair the files (harness data verify {spec.name} says how), "
            "or leave them out: --skip-bad",
            about="dataset",
        )

    return admit


def _said(error: Defect) -> str:
    """Of a file that may be whole also what reads it."""
    return f"{error.problem}; {error.remedy}" if error.kind == "decoder" else error.problem


def recollection(spec: DatasetSpec, dataset: Dataset) -> Dataset:
    """The dataset with the findings of earlier checks; no file is read."""
    from harness.data.defects.admission import remembered, with_found
    from harness.storage.cache import cache_directory

    found = remembered(dataset, cache_directory()) if spec.needs_root else None
    return dataset if found is None else with_found(dataset, found)
