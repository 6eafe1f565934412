"""One method of every family on a GPU: half precision, agreement with the CPU, memory and clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.execution.devices import cuda_count
from harness.results.rundir import CellDirectory
from tests.checkpoints import make_clip
from tests.cli_tools import harness

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        cuda_count() == 0 or not torch.cuda.is_available(), reason="there is no CUDA device"
    ),
]

FAMILIES = (
    "supervised/convnext_base",
    "ssl/dinov2_base@freeze8",
    "ssl/dinov2_base@full",
    "segmentation/unet",
    "multitask/unet_multitask",
    "baselines/pixels",
)
FEWER = ("supervised/convnext_base", "ssl/dinov2_base@freeze8", "segmentation/unet")
"""Suffice where only the arithmetic is another: a cell takes about ten seconds on a GPU."""
METHODS = {"bf16": FAMILIES, "fp32": FEWER, "fp16": FEWER}
FEW = ("--set", "epochs=2", "--set", "train_images=64", "--set", "test_images=32")
TOLERANCE = {"fp32": 0.02, "bf16": 0.12, "fp16": 0.12}
"""Largest mean difference of class probabilities after eight steps from the same weights."""


def cells(folder: Path) -> dict[str, Path]:
    """Method id -> folder of its one cell."""
    return {json.loads(path.read_text())["id"]: path.parent for path in folder.rglob("cell.json")}


def record(cell: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((cell / name).read_text())
    return value


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cpu")
    done = harness("run", "--plugins", ",".join(FAMILIES), "--device", "cpu", *FEW, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return cells(folder)


@pytest.fixture(scope="module", params=METHODS)
def on_gpu(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Path]]:
    """(precision, cells)"""
    folder = tmp_path_factory.mktemp(request.param)
    done = harness(
        "run", "--plugins", ",".join(METHODS[request.param]), "--device", "cuda", "--precision",
        request.param, *FEW, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return request.param, cells(folder)


def test_every_family_trains_and_predicts(on_gpu: tuple[str, dict[str, Path]]) -> None:
    assert set(on_gpu[1]) == set(METHODS[on_gpu[0]])
    assert {record(c, "status.json")["status"] for c in on_gpu[1].values()} == {"ok"}


def test_probabilities_are_near_those_of_the_cpu(
    on_gpu: tuple[str, dict[str, Path]], on_cpu: dict[str, Path]
) -> None:
    precision, found = on_gpu
    for method, cell in found.items():
        ours = CellDirectory(cell).predictions("test")
        theirs = CellDirectory(on_cpu[method]).predictions("test")
        assert ours.ids == theirs.ids
        if ours.probabilities is not None and theirs.probabilities is not None:
            apart = np.abs(ours.probabilities - theirs.probabilities).mean()
            assert apart < TOLERANCE[precision], (method, apart)


def test_memory_and_clock_are_those_of_the_gpu(on_gpu: tuple[str, dict[str, Path]]) -> None:
    for method, cell in on_gpu[1].items():
        if method.startswith("baselines/"):
            continue
        timing = record(cell, "timing.json")
        assert timing["memory_kind"] == "cuda"
        parameters = 4 * timing["parameters_total"]
        assert timing["peak_memory_bytes"] > parameters, method
        assert timing["minutes_per_epoch"] > 0
        assert timing["latency_ms"]["p50"] <= timing["latency_ms"]["p95"]
        assert timing["buckets"]["train"] > 0
        environment = record(cell, "environment.json")
        assert environment["gpu"] and environment["cuda"]


def test_clip_runs_in_half_precision(tmp_path: Path) -> None:
    make_clip(tmp_path / "weights" / "clip-vit-large-patch14")
    done = harness(
        "run",
        "--plugins",
        "clip/vit_l14@photo",
        "--weights",
        "weights",
        "--device",
        "cuda",
        *FEW,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_does_not_fit_the_memory_is_streamed_to_the_same_predictions(tmp_path: Path) -> None:
    files = []
    for name, memory in (("resident", "8GB"), ("streamed", "1KB")):
        done = harness(
            "run", "--plugins", "supervised/convnext_base,ssl/dinov2_base@linear", "--device",
            "cuda", "--precision", "fp32", "--deterministic", "--device-memory", memory,
            "--name", name, *FEW, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        folder = tmp_path / "results" / name
        files.append({p.parent.name: p.read_bytes() for p in folder.rglob("predictions-test.npz")})
    assert files[0] == files[1]


def test_speed_alone_is_measured_on_the_gpu(tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "supervised/convnext_base", "--time-only", "--device", "cuda",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = cells(tmp_path).values()
    timing = record(cell, "timing.json")
    assert timing["step_ms"]["calls"] == timing["latency_ms"]["calls"] == 40
