"""``harness run --time-only``: speed and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import harness

METHODS = ("baselines/pixels", "ssl/dinov2_base@linear", "segmentation/unet")
QUICKER = ("--set", "probe_warmup=1", "--set", "probe_iterations=4", "--set", "test_images=16")


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(folder, printed report)"""
    folder = tmp_path_factory.mktemp("timed")
    done = harness("run", "--plugins", ",".join(METHODS), "--time-only", *QUICKER, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def timings(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        json.loads(path.with_name("cell.json").read_text())["id"]: json.loads(path.read_text())
        for path in folder.rglob("timing.json")
    }


def test_a_step_the_model_alone_and_the_whole_way_are_timed(timed: tuple[Path, str]) -> None:
    found = timings(timed[0])
    for method in ("ssl/dinov2_base@linear", "segmentation/unet"):
        assert found[method]["step_ms"]["calls"] == 4
        assert found[method]["latency_ms"]["calls"] == 4
        assert found[method]["images_per_second_train"] > 0
        assert found[method]["throughput_images_per_second"] > 0
        assert found[method]["end_to_end_images_per_second"] > 0
    assert found["baselines/pixels"]["step_ms"] is None


def test_nothing_is_trained_or_predicted(timed: tuple[Path, str]) -> None:
    assert not list(timed[0].rglob("predictions-*.npz"))
    assert not list(timed[0].rglob("metrics.json"))
    assert timings(timed[0])["segmentation/unet"]["epochs"] == 0


def test_the_table_has_the_speeds_and_no_metric(timed: tuple[Path, str]) -> None:
    for words in (*METHODS, "step", "latency", "end-to-end", "time_only True"):
        assert words in timed[1]
    for words in ("F1", "Dice", "Ranked by"):
        assert words not in timed[1]


def test_activations_of_frozen_layers_keep_their_price(timed: tuple[Path, str]) -> None:
    found = timings(timed[0])
    assert found["ssl/dinov2_base@linear"]["activation_seconds"] > 0
    assert found["segmentation/unet"]["activation_seconds"] == 0


def test_the_speed_of_a_step_has_its_share_of_the_frozen_pass(timed: tuple[Path, str]) -> None:
    found = timings(timed[0])
    linear, unet = found["ssl/dinov2_base@linear"], found["segmentation/unet"]
    for name in ("images_per_second_train", "images_per_cpu_second_train"):
        assert linear[name] < linear[f"{name}_steps"]
        assert unet[name] == unet[f"{name}_steps"]


def test_a_real_run_does_not_take_speed_alone_for_a_result(timed: tuple[Path, str]) -> None:
    planned = harness("plan", "--plugins", "baselines/pixels", *QUICKER, cwd=timed[0])
    assert "1 to run" in planned.stdout


def test_there_is_nothing_to_score(timed: tuple[Path, str]) -> None:
    done = harness("score", "results", cwd=timed[0])
    assert done.returncode == 2
    assert "no finished cell has predictions" in done.stderr
