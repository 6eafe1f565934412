"""The harness's own plugins do what the contract says."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.discovery.registry import discover
from tests.cli_tools import inside

MINI = os.environ.get("HARNESS_RADIOGRAPHY_MINI")
BUNDLED = sorted(record.name for record in discover().records if record.bundled)
UNPINNED = "neither the digest nor the revision of the published file is known"
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "ssl": {
        f"ssl/beitv2_base@{strategy}:card": UNPINNED
        for strategy in ("full", "freeze8", "linear", "lpft")
    }
}
"""Plugin -> check -> why it fails."""


def make_data(folder: Path) -> None:
    """Two class folders, and a table that lists their images."""
    lines = ["path,label"]
    for number in range(8):
        name = ("clear", "opaque")[number % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name / f"{number}.png")
        lines.append(f"{name}/{number}.png,{name}")
    (folder / "images.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_plugin_passes_every_check(name: str, tmp_path: Path) -> None:
    words = [f"--expect-failure={check}={why}" for check, why in EXPECTED.get(name, {}).items()]
    if name == "folder":
        make_data(tmp_path / "data")
        words += ["--data-root=folder=data", "--data-root=csv=data/images.csv"]
    if name == "radiography":
        if MINI is None:
            pytest.skip("HARNESS_RADIOGRAPHY_MINI does not name the folder")
        words += [f"--data-root={MINI}"]
    done = inside("check", name, "--json", *words, cwd=tmp_path)
    facts = json.loads(done.stdout)
    assert [one for one in facts["checks"] if one["verdict"] == "failed"] == []
    assert done.returncode == 0
    assert facts["counts"]["passed"] > facts["counts"]["skipped"]
