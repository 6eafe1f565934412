"""The ``paper`` preset: all methods of the study at their real size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import make_clip
from tests.cli_tools import ROOT, harness
from tests.markdown import tables

# Of DINOv2, a block has 2 x 2 x 768 (norms) + 768 x 2304 + 2304 (queries, keys, values) +
# 768 x 768 + 768 (projection) + 2 x 768 x 3072 + 3072 + 768 (two layers) + 2 x 768 (layer scales)
# = 7,089,408; twelve of them, 452,352 of the patches, 768 of the class token, 257 x 768 of the
# positions, 1,536 of the last norm and 3,076 of the head make 85,728,004. Four blocks, norm and
# head are what freeze8 trains. BEiT v2 has no positions but a table of 732 x 12 in every block,
# biases for queries and values alone, and a class token.
PARAMETERS = {
    "supervised/swin_b": (86_747_324, 86_747_324),
    "supervised/vit_b_16": (85_801_732, 85_801_732),
    "supervised/convnext_base": (87_570_564, 87_570_564),
    "supervised/densenet161": (26_480_836, 26_480_836),
    "supervised/efficientnet_v2_l": (117_239_396, 117_239_396),
    "supervised/resnext101_64x4d": (81_414_468, 81_414_468),
    "ssl/dinov2_base@full": (85_728_004, 85_728_004),
    "ssl/dinov2_base@freeze8": (28_362_244, 85_728_004),
    "ssl/dinov2_base@linear": (3_076, 85_728_004),
    "ssl/dinov2_base@lpft": (85_728_004, 85_728_004),
    "ssl/beitv2_base@full": (85_765_060, 85_765_060),
    "ssl/beitv2_base@freeze8": (28_394_308, 85_765_060),
    "ssl/beitv2_base@linear": (3_076, 85_765_060),
    "ssl/beitv2_base@lpft": (85_765_060, 85_765_060),
    "segmentation/unet": (32_521_105, 32_521_105),
    "segmentation/unetplusplus": (48_985_745, 48_985_745),
    "segmentation/manet": (147_439_993, 147_439_993),
    "segmentation/linknet": (31_177_777, 31_177_777),
    "segmentation/fpn": (26_116_033, 26_116_033),
    "segmentation/pspnet": (24_300_993, 24_300_993),
    "segmentation/pan": (24_259_816, 24_259_816),
    "segmentation/deeplabv3": (39_633_729, 39_633_729),
    "segmentation/deeplabv3plus": (26_677_585, 26_677_585),
    "multitask/unet_multitask": (31_169_349, 31_169_349),
    "multitask/unet_resnet50_aux": (32_529_301, 32_529_301),
}
"""Trainable and all parameters of the 25 networks that train, with 4 classes."""

ONE_STEP = (
    "--preset", "paper", "--time-only", "--set", "batch_size=2", "--set", "train_images=8",
    "--set", "test_images=4", "--set", "probe_warmup=0", "--set", "probe_iterations=1",
)  # fmt: skip
"""The real networks at 224 px, and no more of them than it takes."""


def timings(folder: Path) -> dict[str, Any]:
    return {
        json.loads(path.with_name("cell.json").read_text())["id"]: json.loads(path.read_text())
        for path in folder.rglob("timing.json")
    }


def test_all_methods_of_the_study_are_planned(tmp_path: Path) -> None:
    done = harness("plan", "--plugins", "all", "--preset", "paper", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "33 cells" in done.stdout
    for method in PARAMETERS:
        assert method in done.stdout


def test_the_documented_table_has_these_parameters() -> None:
    (rows,) = tables((ROOT / "docs" / "full-networks.md").read_text())
    shown = {row["method"]: (row["trainable"], row["parameters"]) for row in rows}
    expected = {m: (f"{t:,}", f"{a:,}") for m, (t, a) in PARAMETERS.items()}
    assert {method: shown[method] for method in PARAMETERS} == expected


@pytest.mark.slow
def test_every_full_network_takes_a_training_step(tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "supervised,ssl,segmentation,multitask", "--weights", "random",
        "--exclude", "supervised/efficientnet_lite0",
        *ONE_STEP, cwd=tmp_path, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = timings(tmp_path)
    assert {
        method: (timing["parameters_trainable"], timing["parameters_total"])
        for method, timing in found.items()
    } == PARAMETERS
    for method, timing in found.items():
        assert timing["step_ms"]["p50"] > 0, method
        assert timing["input_size"] == 224, method


@pytest.mark.slow
def test_clip_of_the_published_size_classifies(tmp_path: Path) -> None:
    make_clip(
        tmp_path / "weights" / "clip-vit-large-patch14",
        text={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
        },
        vision={
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 224,
            "patch_size": 14,
        },
    )
    done = harness(
        "run", "--plugins", "clip", "--weights", "weights", *ONE_STEP, cwd=tmp_path, timeout=3600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = timings(tmp_path)
    assert len(found) == 5
    assert {timing["parameters_trainable"] for timing in found.values()} == {0}
    assert {timing["step_ms"] for timing in found.values()} == {None}
