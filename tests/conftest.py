"""Every test run has a cache of its own and one thread per process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder that all tests of this process share and nobody else sees."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("CXR_HARNESS_CACHE")
    os.environ["CXR_HARNESS_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CXR_HARNESS_CACHE"]
    else:
        os.environ["CXR_HARNESS_CACHE"] = before
