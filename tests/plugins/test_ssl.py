"""Self-supervised encoders: what each strategy freezes, where it splits, what it loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import nn

import harness_ssl
from harness import HarnessError
from harness.training.freeze import apply_stage
from harness_ssl.models import Classifier
from tests.checkpoints import make_problem, parameter_count, save_safetensors, tiny_params

SPECS = {spec.name.partition("@")[2]: spec for spec in harness_ssl.harness_methods()}

BLOCK = 12 * 768**2 + 13 * 768 + 2 * 768
"""Weights and biases of a ViT-B block with its two layer scales."""
HEAD = 4 * (768 + 1)
PUBLISHED = 86_580_480
"""Parameters of the encoder with the 37x37 positions of its native 518 pixels, and with the token
that stood for masked patches while it was pretrained."""
MASK_TOKEN = 768
AT_224 = PUBLISHED - MASK_TOKEN - (37**2 - 16**2) * 768


def small(strategy: str, size: int = 64, files: dict[str, Path] | None = None) -> Classifier:
    return Classifier(make_problem("classification", size, files), **tiny_params(SPECS[strategy]))


def full_on_meta(strategy: str, size: int) -> tuple[Classifier, nn.Module]:
    method = Classifier(make_problem("classification", size), **SPECS[strategy].params)
    with torch.device("meta"):
        return method, method.build()


def test_the_full_encoder_has_the_published_parameters_but_for_the_mask_token() -> None:
    _, network = full_on_meta("full", 518)
    assert parameter_count(network.encoder) == PUBLISHED - MASK_TOKEN
    assert parameter_count(network) == PUBLISHED - MASK_TOKEN + HEAD


def test_the_full_encoder_has_the_names_and_shapes_of_timm() -> None:
    _, network = full_on_meta("full", 224)
    with torch.device("meta"):
        published = timm.create_model("vit_base_patch14_dinov2", num_classes=0, img_size=224)
    shapes = {name: value.shape for name, value in network.encoder.state_dict().items()}
    assert shapes == {name: value.shape for name, value in published.state_dict().items()}


def test_the_card_repeats_what_timm_says_of_its_weights() -> None:
    published = timm.get_pretrained_cfg("vit_base_patch14_dinov2.lvd142m")
    card = SPECS["full"].weights
    assert published is not None
    assert card is not None
    assert card.location == published.hf_hub_id
    assert (card.mean, card.std) == (published.mean, published.std)
    assert card.interpolation == published.interpolation
    assert (3, card.native_size, card.native_size) == published.input_size
    assert card.licence.lower() == published.license


def test_the_full_network_classifies_an_image_at_the_size_of_the_protocol() -> None:
    method = Classifier(make_problem("classification", 224), **SPECS["freeze8"].params)
    network = method.build().eval()
    assert method.input.size == 224
    with torch.inference_mode():
        assert method.forward(network, torch.zeros(1, 3, 224, 224))["label"].shape == (1, 4)


@pytest.mark.parametrize(("asked", "used"), [(224, 224), (230, 224), (100, 98), (518, 518)])
def test_images_are_a_multiple_of_the_patch(asked: int, used: int) -> None:
    method = Classifier(make_problem("classification", asked), **SPECS["full"].params)
    assert method.input.size == used
    assert method.input.interpolation == "bicubic"


@pytest.mark.parametrize(
    ("strategy", "stage", "expected"),
    [
        ("full", 0, AT_224 + HEAD),
        ("freeze8", 0, 4 * BLOCK + 2 * 768 + HEAD),
        ("linear", 0, HEAD),
        ("lpft", 0, HEAD),
        ("lpft", 1, AT_224 + HEAD),
    ],
)
def test_each_stage_trains_so_many_parameters(strategy: str, stage: int, expected: int) -> None:
    method, network = full_on_meta(strategy, 224)
    trained = apply_stage(network, method.stages[stage])
    assert sum(parameter.numel() for parameter in trained) == expected


def test_freeze8_freezes_embeddings_tokens_and_the_first_eight_blocks_and_nothing_else() -> None:
    method = small("freeze8")
    network = method.build()
    apply_stage(network, method.stages[0])
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    embeddings = {"patch_embed.proj.weight", "patch_embed.proj.bias", "cls_token", "pos_embed"}
    blocks = {
        f"blocks.{i}.{name}"
        for i in range(8)
        for name, _ in network.encoder.blocks[i].named_parameters()
    }
    assert frozen == {f"encoder.{name}" for name in embeddings | blocks}


@pytest.mark.parametrize(
    ("strategy", "boundary"), [("freeze8", (3, 65, 64)), ("linear", (3, 64)), ("lpft", (3, 64))]
)
def test_the_two_halves_of_a_split_are_the_whole(strategy: str, boundary: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    method = small(strategy)
    network = method.build().eval()
    apply_stage(network, method.stages[0])
    halves = method.split(network, method.stages[0])
    assert halves is not None
    prefix, suffix = halves
    assert not any(parameter.requires_grad for parameter in prefix.parameters())
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        activations = prefix.eval()(images)
        assert activations.shape == boundary
        whole = method.forward(network, images)["label"]
        torch.testing.assert_close(suffix(activations)["label"], whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("strategy", "stage"), [("full", 0), ("lpft", 1)])
def test_a_stage_that_trains_everything_has_no_boundary(strategy: str, stage: int) -> None:
    method = small(strategy)
    assert method.split(method.build(), method.stages[stage]) is None


def test_a_probe_learns_at_its_own_rate_in_either_strategy() -> None:
    assert SPECS["linear"].protocol == {"learning_rate": 1e-3}
    assert all(not SPECS[strategy].protocol for strategy in ("full", "freeze8", "lpft"))
    method, _ = full_on_meta("lpft", 224)
    probe, finetune = method.stages
    assert 5e-5 * probe.lr_scale == pytest.approx(1e-3)
    assert finetune.lr_scale == 1
    assert probe.share_of_epochs + finetune.share_of_epochs == 1


def test_a_checkpoint_fills_the_encoder_and_its_positions_are_interpolated(tmp_path: Path) -> None:
    source = small("full", size=96).build().encoder
    ramp = torch.linspace(0, 1, 12).expand(12, 12).reshape(1, 144, 1)
    source.pos_embed.data[:, 1:] = ramp
    files = save_safetensors(source, tmp_path / "model.safetensors")
    encoder = small("full", 64, dict(files)).build().encoder
    for name, value in source.state_dict().items():
        if name != "pos_embed":
            assert torch.equal(encoder.state_dict()[name], value), name
    assert torch.equal(encoder.pos_embed[:, 0], source.pos_embed[:, 0])
    columns = encoder.pos_embed[0, 1:, 0].reshape(8, 8)
    torch.testing.assert_close(columns, columns[:1].expand(8, 8))
    assert (columns[0].diff() > 0).all()


def test_a_checkpoint_of_the_same_size_is_loaded_bit_by_bit(tmp_path: Path) -> None:
    source = small("full").build().encoder
    files = save_safetensors(source, tmp_path / "model.safetensors")
    encoder = small("linear", 64, dict(files)).build().encoder
    assert torch.equal(encoder.pos_embed, source.pos_embed)


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path: Path) -> None:
    wide = {**tiny_params(SPECS["full"]), "patch": 16}
    source = Classifier(make_problem("classification", 64), **wide).build().encoder
    files = save_safetensors(source, tmp_path / "model.safetensors")
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit"):
        small("full", 64, dict(files)).build()


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(HarnessError, match=r"model\.safetensors"):
        small("full", 64, {path.name: path}).build()


def test_an_unknown_strategy_is_refused() -> None:
    params = {**tiny_params(SPECS["full"]), "strategy": "half"}
    with pytest.raises(HarnessError, match="freeze8"):
        Classifier(make_problem("classification", 64), **params)
