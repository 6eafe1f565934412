"""Segmenters of segmentation-models-pytorch: sizes and encoder checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from segmentation_models_pytorch.encoders import encoders

import harness_segmentation
from harness import HarnessError
from harness_segmentation.models import Segmenter
from tests.checkpoints import make_problem, parameter_count, save_safetensors, tiny_params

SPECS = {spec.name: spec for spec in harness_segmentation.harness_methods()}
UNET = SPECS["unet"]


def test_the_full_network_has_the_published_parameters_and_gives_a_mask() -> None:
    method = Segmenter(make_problem("segmentation", 224), **UNET.params)
    network = method.build().eval()
    assert parameter_count(network) == 32_521_105
    with torch.inference_mode():
        mask = method.forward(network, torch.zeros(1, 3, 224, 224))["mask"]
    assert mask.shape == (1, 1, 224, 224)


def test_the_card_names_the_repository_and_revision_that_the_library_pins() -> None:
    pinned = encoders["resnet50"]["pretrained_settings"]["imagenet"]
    card = UNET.weights
    assert card is not None
    assert (card.location, card.revision) == (pinned["repo_id"], pinned["revision"])


@pytest.mark.parametrize("size", [64, 75])
def test_the_small_network_gives_a_mask_of_the_size_of_the_image(size: int) -> None:
    method = Segmenter(make_problem("segmentation", size), **tiny_params(UNET))
    mask = method.forward(method.build(), torch.zeros(2, 3, size, size))["mask"]
    assert mask.shape == (2, 1, size, size)


def test_a_checkpoint_fills_the_encoder_and_leaves_the_decoder(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = Segmenter(make_problem("segmentation", 64), **tiny_params(UNET)).build()
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    network = Segmenter(make_problem("segmentation", 64, files), **tiny_params(UNET)).build()
    state = network.state_dict()
    for name, value in source.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(state[name], value), name
    name = "decoder.blocks.0.conv1.0.weight"
    assert not torch.equal(state[name], source.state_dict()[name])


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path: Path) -> None:
    source = Segmenter(make_problem("segmentation", 64), **tiny_params(UNET)).build()
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    method = Segmenter(make_problem("segmentation", 64, files), **UNET.params)
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit ResNetEncoder"):
        method.build()


def test_masks_are_needed() -> None:
    assert "masks" in UNET.needs
