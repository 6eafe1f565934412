"""Segmenters of segmentation-models-pytorch: sizes, training steps and encoder checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import encoders
from torchvision.models import resnet18

import harness_segmentation
from harness import Batch, HarnessError
from harness_segmentation.architectures import ARCHITECTURES
from harness_segmentation.models import Segmenter
from tests.checkpoints import make_problem, parameter_count, save_safetensors, tiny_params

SPECS = {spec.name: spec for spec in harness_segmentation.harness_methods()}

PARAMETERS = {
    "unet": 32_521_105,
    "unetplusplus": 48_985_745,
    "manet": 147_439_993,
    "linknet": 31_177_777,
    "fpn": 26_116_033,
    "pspnet": 24_300_993,
    "pan": 24_259_816,
    "deeplabv3": 39_633_729,
    "deeplabv3plus": 26_677_585,
}
"""Of the library's networks with ``encoder_name="resnet50", classes=1``."""

SIZES = {
    "unet": {32: 32, 64: 64, 75: 75, 224: 224, 299: 299},
    "unetplusplus": {32: 32, 64: 64, 75: 64, 224: 224, 299: 288},
    "manet": {32: 32, 64: 64, 75: 64, 224: 224, 299: 288},
    "linknet": {32: 32, 64: 64, 75: 64, 224: 224, 299: 288},
    "fpn": {32: 32, 64: 64, 75: 64, 224: 224, 299: 288},
    "pspnet": {32: 32, 64: 64, 75: 72, 224: 224, 299: 296},
    "pan": {32: 128, 64: 128, 75: 128, 224: 224, 299: 304},
    "deeplabv3": {32: 32, 64: 64, 75: 72, 224: 224, 299: 296},
    "deeplabv3plus": {32: 32, 64: 64, 75: 80, 224: 224, 299: 304},
}
"""The protocol's image size -> what the method takes."""

every = pytest.mark.parametrize("name", SPECS)


def small(name: str, size: int = 64, files: Mapping[str, Path] | None = None) -> Segmenter:
    """The method as the quick preset makes it."""
    return Segmenter(make_problem("segmentation", size, files), **tiny_params(SPECS[name]))


def test_the_nine_networks_of_the_study_are_offered() -> None:
    assert set(SPECS) == set(PARAMETERS)


@every
def test_the_full_network_has_the_library_s_parameters_and_gives_a_mask(name: str) -> None:
    method = Segmenter(make_problem("segmentation", 224), **SPECS[name].params)
    network = method.build().eval()
    assert parameter_count(network) == PARAMETERS[name]
    with torch.inference_mode():
        mask = method.forward(network, torch.zeros(1, 3, 224, 224))["mask"]
    assert mask.shape == (1, 1, 224, 224)


def test_the_full_pspnet_has_two_encoder_stages_that_never_train() -> None:
    method = Segmenter(make_problem("segmentation", 32), **SPECS["pspnet"].params)
    network = method.build()
    method.forward(network, torch.randn(2, 3, 32, 32))["mask"].sum().backward()
    without = {name: p for name, p in network.named_parameters() if p.grad is None}
    assert {".".join(name.split(".")[:2]) for name in without} == {
        "encoder.layer3",
        "encoder.layer4",
    }
    assert sum(p.numel() for p in without.values()) == 7_098_368 + 14_964_736


@every
def test_the_size_is_the_nearest_that_the_network_takes(name: str) -> None:
    assert {asked: small(name, asked).input.size for asked in SIZES[name]} == SIZES[name]


@every
def test_the_mask_has_the_size_of_the_image(name: str) -> None:
    method = small(name)
    network = method.build().eval()
    for size in sorted(set(SIZES[name].values())):
        with torch.inference_mode():
            mask = method.forward(network, torch.zeros(1, 3, size, size))["mask"]
        assert mask.shape == (1, 1, size, size)


@every
def test_sizes_are_as_fine_as_the_library_allows(name: str) -> None:
    network = small(name).build()
    multiple = network.encoder.output_stride if network.requires_divisible_input_shape else 1
    assert ARCHITECTURES[name].multiple_of == multiple


def test_pan_fails_on_images_smaller_than_it_takes() -> None:
    method = small("pan")
    assert method.input.size == 128
    with pytest.raises(RuntimeError, match="too small"):
        method.forward(method.build(), torch.zeros(2, 3, 112, 112))


@every
def test_images_are_prepared_as_the_weights_want_them(name: str) -> None:
    card, spec = SPECS[name].weights, small(name).input
    assert card is not None
    assert (spec.mean, spec.std, spec.interpolation) == (card.mean, card.std, card.interpolation)


@every
def test_a_batch_of_two_reaches_every_parameter_of_the_small_network(name: str) -> None:
    torch.manual_seed(0)
    method = small(name)
    network, size = method.build().train(), method.input.size
    images = torch.randn(2, 3, size, size)
    batch = Batch(
        images=images, targets={"mask": (images[:, :1] > 0).float()}, present={"mask": None}
    )
    loss = method.loss(method.forward(network, images), batch)["mask"]
    loss.backward()
    assert torch.isfinite(loss)
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert torch.isfinite(value.grad).all(), parameter


def test_the_dice_loss_is_taken_per_image_or_over_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((3, 1, 8, 8), generator=generator)
    masks = (torch.rand((3, 1, 8, 8), generator=generator) < 0.3).float()
    masks[0] = 0
    batch = Batch(images=logits, targets={"mask": masks}, present={"mask": None})
    p, bce = logits.sigmoid(), torch.nn.functional.binary_cross_entropy_with_logits(logits, masks)
    each = [
        (2 * (a * m).sum() + 1) / (a.sum() + m.sum() + 1) for a, m in zip(p, masks, strict=True)
    ]
    expected = {
        "image": bce + 1 - torch.stack(each).mean(),
        "batch": bce + 1 - (2 * (p * masks).sum() + 1e-5) / (p.sum() + masks.sum() + 1e-5),
    }
    for dice, loss in expected.items():
        params = {**tiny_params(SPECS["unet"]), "dice": dice}
        method = Segmenter(make_problem("segmentation", 64), **params)
        assert torch.isclose(method.loss({"mask": logits}, batch)["mask"], loss)


@every
def test_the_small_network_is_small(name: str) -> None:
    assert parameter_count(small(name).build()) < 1_500_000


def test_the_card_names_the_repository_and_revision_that_the_library_pins() -> None:
    pinned = encoders["resnet50"]["pretrained_settings"]["imagenet"]
    for spec in SPECS.values():
        assert spec.weights is not None
        assert (spec.weights.location, spec.weights.revision) == (
            pinned["repo_id"],
            pinned["revision"],
        )


@every
def test_a_checkpoint_fills_the_encoder_and_leaves_the_decoder(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = small(name).build()
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    network = small(name, files=files).build()
    before, after = source.state_dict(), network.state_dict()
    for key in before:
        if key.startswith("encoder."):
            assert torch.equal(after[key], before[key]), key
    # Biases and scales start alike everywhere; convolutions differ from network to network.
    decoder = [key for key in before if not key.startswith("encoder.") and before[key].dim() == 4]
    assert decoder
    assert not any(torch.equal(after[key], before[key]) for key in decoder)


@pytest.mark.parametrize("without", ["nothing", "fc.", "num_batches_tracked"])
def test_a_published_resnet_fits_with_and_without_its_classifier(
    without: str, tmp_path: Path
) -> None:
    published = resnet18().state_dict()
    stored = {name: value for name, value in published.items() if without not in name}
    save_file(stored, tmp_path / "model.safetensors")
    files = {"model.safetensors": tmp_path / "model.safetensors"}
    problem = make_problem("segmentation", 64, files)
    encoder = (
        Segmenter(problem, architecture="pspnet", encoder="resnet18", arguments={}).build().encoder
    )
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, published[name]), name


@every
def test_a_checkpoint_of_another_encoder_is_refused(name: str, tmp_path: Path) -> None:
    source = smp.Unet("mobilenet_v2", encoder_weights=None)
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    method = Segmenter(make_problem("segmentation", 64, files), **SPECS[name].params)
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit ResNetEncoder"):
        method.build()


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(HarnessError, match="no architecture 'vnet'; architectures: unet, "):
        Segmenter(
            make_problem("segmentation", 64), architecture="vnet", encoder="resnet50", arguments={}
        )


@every
def test_masks_are_needed(name: str) -> None:
    assert "masks" in SPECS[name].needs
