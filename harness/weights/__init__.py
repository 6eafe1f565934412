"""Initial weights: where they lie on this machine, how they get there, and whether they are whole.

Files are looked for where the libraries themselves keep them, so weights that another program has
downloaded are found, and weights fetched here are there for other programs.
"""

from __future__ import annotations

from harness.weights.content import digest
from harness.weights.fetching import TIMEOUT_SECONDS, Watcher, fetch, fetch_all, fetch_missing
from harness.weights.locate import WeightsMissing, library_folder, locate

__all__ = [
    "TIMEOUT_SECONDS",
    "Watcher",
    "WeightsMissing",
    "digest",
    "fetch",
    "fetch_all",
    "fetch_missing",
    "library_folder",
    "locate",
]
