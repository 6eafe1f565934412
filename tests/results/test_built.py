"""What is said of a network: its size, its start and whether it is a small one, as it was built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp

import harness_segmentation
from harness.discovery.registry import discover
from harness.inference.model_card import card_markdown, model_card
from harness.planning.plan import plan
from harness.protocol import PAPER, QUICK
from harness.results.browse.network_title import sentence, title
from harness.results.rundir import CellDirectory
from harness.study import Request
from harness_segmentation.models import Segmenter
from tests.checkpoints import make_problem, parameter_count, save_in_hub_cache, save_safetensors

METHOD = "segmentation/unet"
(UNET,) = (spec for spec in harness_segmentation.harness_methods() if spec.name == "unet")
FILES = {
    "preprocessing": {"steps": []},
    "onnx": {"written": False, "reason": "not asked for"},
    "files": {},
}


def record_of(**changes: Any) -> dict[str, Any]:
    request = replace(Request(methods=(METHOD,), protocol=PAPER, out=Path("results")), **changes)
    (cell,) = plan(request, discover()).cells
    return {**cell.record, "created": "2026-01-01T10:00:00+00:00"}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that holds the encoder's checkpoint."""
    encoder = smp.Unet("resnet50", encoder_weights=None).encoder
    assert UNET.weights is not None
    save_in_hub_cache(encoder.state_dict(), UNET.weights, tmp_path / "hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def built(record: dict[str, Any]) -> int:
    """Parameters of the network that the record asks for."""
    return parameter_count(
        Segmenter(make_problem("segmentation", 64), **record["method"]["params"]).build()
    )


def card_of(record: dict[str, Any], folder: Path) -> tuple[dict[str, Any], str]:
    cell = CellDirectory(folder / "cell")
    cell.write_cell(record)
    cell.write_timing({"parameters_total": built(record)})
    card = model_card(cell, FILES)
    return card, card_markdown(card)


@pytest.mark.usefixtures("published")
def test_the_card_of_the_full_network_from_published_weights_says_so(tmp_path: Path) -> None:
    card, text = card_of(record_of(), tmp_path)
    assert card["name"].startswith("segmentation/unet seed0")
    assert card["method"]["summary"] == (
        "U-Net on a ResNet-50 encoder; 32.5 M parameters; started from pretrained weights "
        "resnet50.imagenet (supervised, ImageNet-1k)"
    )
    assert card["initial_weights"]["licence"] == "BSD-3-Clause"
    assert "ResNet-50" in text
    assert "ImageNet" in text
    assert "random weights" not in text


def test_the_full_network_from_random_weights_claims_no_others(tmp_path: Path) -> None:
    card, text = card_of(record_of(weights="random"), tmp_path)
    assert card["method"]["summary"] == (
        "U-Net on a ResNet-50 encoder; 32.5 M parameters; started from random weights"
    )
    assert "ImageNet" not in text


def test_what_a_folder_of_the_user_holds_is_not_what_the_card_describes(tmp_path: Path) -> None:
    assert UNET.weights is not None
    folder = tmp_path / "weights" / UNET.weights.id
    folder.mkdir(parents=True)
    save_safetensors(
        smp.Unet("resnet50", encoder_weights=None).encoder, folder / "mine.safetensors"
    )
    card, text = card_of(record_of(weights=str(tmp_path / "weights")), tmp_path)
    start = "weights of the user's (mine.safetensors) instead of resnet50.imagenet"
    assert card["initial_weights"]["start"] == start
    assert start in text
    assert card["initial_weights"]["pretraining_data"] is None
    assert "supervised" not in text
    assert "BSD-3-Clause" not in text


def test_a_small_network_is_described_by_what_makes_it_small() -> None:
    record = record_of(protocol=QUICK)
    assert title(record) == "segmentation/unet (small)"
    assert sentence(record, {"parameters_total": 741_497}) == (
        "Small network instead of the full one: encoder tu-resnet10t, arguments channels "
        "[32, 64, 96, 128], stem_width 16, decoder_channels [64, 32, 24, 16, 8]; 0.741 M "
        "parameters; started from random weights"
    )


def test_a_method_that_has_no_small_member_or_no_network_is_what_its_summary_says() -> None:
    record = record_of(methods=("baselines/majority",), protocol=QUICK)
    assert title(record) == "baselines/majority"
    assert sentence(record, {"parameters_total": None}) == (
        "Class frequencies of the training images, whatever the image"
    )


def test_no_summary_claims_weights() -> None:
    for entry in discover().methods.values():
        for word in ("ImageNet", "weights", "pretrained", "fine-tuned)"):
            assert word not in entry.spec.summary, entry.id
