"""Finished runs that several files of tests look at and none changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_tools import TINY, harness

APPLIED = ("segmentation/unet", "supervised/convnext_base", "baselines/pixels")


@pytest.fixture(scope="session")
def finished_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose ``results`` holds a segmenter, a classifier and a method without torch."""
    folder = tmp_path_factory.mktemp("finished")
    done = harness(
        "run", "--plugins", ",".join(APPLIED), *TINY, "--set", "probe_seconds=0.1", cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
