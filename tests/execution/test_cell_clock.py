"""A cell's time is told apart, and nothing of it is missing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli_tools import harness, write_plugin

SHARE = 0.02
WATCHER = """
    import os
    import time
    from pathlib import Path

    import harness

    HARNESS_API = 1


    @harness.hookimpl
    def harness_cell_start(cell):
        Path(os.environ["STARTED"]).write_text(str(time.time()))
"""


def test_the_clock_accounts_for_the_whole_cell(tmp_path: Path) -> None:
    """From the request for a process until the status is written."""
    site = write_plugin(tmp_path / "site", "watch", WATCHER)
    done = harness(
        "run", "--plugins", "ssl/dinov2_base@lpft", "--set", "probe_seconds=2", "--set", "epochs=4",
        cwd=tmp_path, plugins=site,
        env={"STARTED": str(tmp_path / "started"), "CXR_HARNESS_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (status,) = tmp_path.rglob("status.json")
    buckets = json.loads(status.with_name("timing.json").read_text())["buckets"]
    wall = status.stat().st_mtime - float((tmp_path / "started").read_text())
    spent = sum(buckets.values())
    assert abs(spent - wall) <= SHARE * wall
    assert buckets["other"] <= SHARE * spent
    assert abs(json.loads(status.read_text())["seconds"] - spent) <= SHARE * wall
    assert min(buckets.values()) >= 0
    for name in ("start", "build", "data_prepare", "frozen_prefix", "train", "validate", "predict"):
        assert buckets[name] > 0, name
