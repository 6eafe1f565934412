"""Real studies for tests of the page, each run once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_tools import harness
from tests.image_files import lungs, noise, write, write_table

METHODS = "baselines/pixels,segmentation/pspnet,multitask/unet_multitask,supervised/vit_b_16"
FEW = ("--set", "epochs=2", "--set", "train_images=48", "--set", "test_images=96")
HOSTILE = "<script>alert(1)</script>"
"""Name of a class."""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four kinds of method, two seeds and two fractions, on the embedded dataset."""
    folder = tmp_path_factory.mktemp("page")
    done = harness(
        "run", "--plugins", METHODS, *FEW, "--seeds", "0,1", "--fractions", "0.5,1", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results" / "phantom-quick"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of one's own with masks, and names that mean something to a browser or a sheet."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [("path", "label", "mask", "group")]
    for index in range(24):
        write(folder / "films" / f"{index}.png", noise(index))
        write(folder / "films" / f"{index}-mask.png", lungs())
        label = HOSTILE if index % 2 else '=1+1"&\u202e'
        rows.append((f"{index}.png", label, f"{index}-mask.png", f"p{index}"))
    write_table(folder / "films" / "dataset.csv", *rows)
    done = harness(
        "run", "--plugins", "baselines,segmentation/pspnet", *FEW, "--set", "epochs=1",
        "--dataset", "csv", "--data-root", folder / "films", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = (folder / "results").glob("*/report.html")
    return page.parent
