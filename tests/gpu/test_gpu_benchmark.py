"""``python -m benchmarks.gpu`` runs anywhere, though its figures mean nothing without a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.gpu.bench import Bench, Settings
from benchmarks.gpu.catalogue import TRAINED, catalogue
from benchmarks.gpu.derive import derive
from benchmarks.gpu.flops import counter
from benchmarks.gpu.measure import measure

ROOT = Path(__file__).parents[2]
SMALL = (
    "--device", "cpu", "--tiny", "--images", "32", "--size", "64", "--batch", "4",
    "--blocks", "2", "--seconds-per-method", "2",
)  # fmt: skip


def test_one_method_is_measured_into_the_documented_keys(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks.gpu", *SMALL, "--methods", "supervised/vit_b_16",
            "--json", file, "--markdown", tmp_path / "table.md",
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(file.read_text())
    keys = {"machine", "settings", "precision", "seconds", "matrix_flops", "methods"}
    assert keys <= document.keys()
    found = document["methods"]["supervised/vit_b_16"]
    assert found["errors"] == {}
    for section in ("training", "inference"):
        for contestant in ("harness", "bare"):
            assert found[section][contestant]["images_per_second"] > 0
            assert found[section][contestant]["timed_steps"] >= 20
        assert found[section]["ratio"]["low"] <= found[section]["ratio"]["median"]
    assert found["training_flops_per_image"] > 0 and found["mfu"] > 0
    assert 0 < found["data_wait"]["device_share"] < 1
    assert found["parameters_trainable"] == found["parameters_total"] > 0
    assert {"memory", "joules_per_image"} <= found.keys()
    assert "supervised/vit_b_16" in (tmp_path / "table.md").read_text()


def test_every_trained_method_and_clip_are_in_the_catalogue() -> None:
    names = [name.partition("/")[0] for name in catalogue()]
    assert {plugin: names.count(plugin) for plugin in (*TRAINED, "clip")} == {
        "supervised": 7, "ssl": 8, "segmentation": 9, "multitask": 2, "clip": 1,
    }  # fmt: skip


def test_what_a_method_fails_with_is_its_own_record(tmp_path: Path) -> None:
    settings = Settings(
        images=8, size=64, batch=4, tiny=True, blocks=2, seconds_per_method=1, compile=False
    )
    entry = catalogue()["supervised/vit_b_16"]
    broken = replace(entry, spec=replace(entry.spec, params={"family": "none"}))
    found = measure(Bench(settings, torch.device("cpu"), tmp_path), broken, matrix_flops=1e9)
    assert "build" in found["errors"]
    assert "training" not in found


def test_a_training_on_activations_pays_for_making_them() -> None:
    def method(rate: float) -> dict[str, object]:
        return {"training": {"harness": {"images_per_second": rate}}}

    frozen = {
        "prefix_images_per_second": 500.0,
        "placing_images_per_second": 1000.0,
        "fixed_seconds": 1.0,
    }
    document = {
        "settings": {"images": 1000},
        "methods": {"ssl/x@full": method(100.0), "ssl/x@linear": {**method(1e4), "frozen": frozen}},
    }
    derive(document)
    # 2 s of computing, 1 s of placing, 1 s whatever their number, and 20 epochs of 0.1 s; of 200 s.
    assert document["methods"]["ssl/x@linear"]["frozen"]["training_seconds"] == 6.0
    assert document["methods"]["ssl/x@linear"]["frozen"]["share_of_full"] == 0.03


@pytest.mark.parametrize("groups", [1, 4, 8])
@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
def test_each_gradient_of_a_convolution_takes_what_its_forward_pass_takes(
    layer: type[nn.Conv2d] | type[nn.ConvTranspose2d], groups: int
) -> None:
    convolution = layer(8, 16, 3, stride=2, groups=groups)
    images = torch.randn(2, 8, 9, 9, requires_grad=True)
    with counter() as forward:
        output = convolution(images)
    with counter() as backward:
        output.sum().backward()
    assert backward.get_total_flops() == 2 * forward.get_total_flops() > 0
