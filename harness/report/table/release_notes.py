"""What a reader must know of results that another release of the harness has made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.provenance import RESULTS_VERSION, harness_version
from harness.report.table.rows import Row
from harness.runtime.distribution import DISTRIBUTION
from harness.values.wording import counted


def release_notes(rows: Iterable[Row]) -> list[str]:
    """One sentence for each other release, with the number of its results; nothing of results that
    are named by the harness's source, whose version says little."""
    here = harness_version()
    counts = Counter(
        (row.harness_version, row.results_version)
        for row in rows
        if row.results_version is not None and row.harness_version not in (None, here)
    )
    return [
        f"{counted(count, 'result')} {'was' if count == 1 else 'were'} made by {DISTRIBUTION} "
        f"{release}, {_beside(here, version)}."
        for (release, version), count in counts.items()
    ]


def _beside(here: str, results_version: int | None) -> str:
    if results_version == RESULTS_VERSION:
        return f"whose results equal those of the installed {here}"
    return (
        f"of results version {results_version}; the installed {here} is of {RESULTS_VERSION} and "
        "computes other values"
    )
