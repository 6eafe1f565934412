"""Checkpoints of self-supervised encoders: timm's in the hub's cache, and the authors' own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from timm.models.beit import Beit
from torch import Tensor, nn

import harness_ssl
from harness import HarnessError
from harness.weights.locate import locate
from harness_ssl.models import Classifier
from tests.checkpoints import make_problem, save_in_hub_cache, save_safetensors, tiny_params

SPECS = {
    spec.name.partition("@")[0]: spec
    for spec in harness_ssl.harness_methods()
    if spec.name.endswith("@freeze8")
}
PUBLISHED = {"dinov2_base": "vit_base_patch14_dinov2", "beitv2_base": "beitv2_base_patch16_224"}
CLASSES_OF_TIMM = {"dinov2_base": 0, "beitv2_base": 21_841}

each_encoder = pytest.mark.parametrize("encoder", PUBLISHED)


def published(encoder: str, size: int = 64, **changes: int) -> nn.Module:
    """The small member as timm builds and publishes it, with parameters that no fresh one has."""
    arguments = {"img_size": size, "patch_size": 16, "embed_dim": 64, "num_heads": 2, **changes}
    torch.manual_seed(1)
    network = timm.create_model(
        PUBLISHED[encoder], num_classes=CLASSES_OF_TIMM[encoder], **arguments
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    return network


def encoder_from(
    encoder: str, files: Mapping[str, Path], size: int = 64, **changes: int
) -> nn.Module:
    """The small encoder, built from the checkpoint's files."""
    problem = make_problem("classification", size, files)
    return Classifier(problem, **{**tiny_params(SPECS[encoder]), **changes}).build().encoder


def loaded(
    encoder: str, files: Mapping[str, Path], size: int = 64, **changes: int
) -> dict[str, Tensor]:
    return encoder_from(encoder, files, size, **changes).state_dict()


def save_pretraining(path: Path, source: Beit, **more: Tensor) -> dict[str, Path]:
    """The state of ``source`` as the authors of BEiT v2 publish it before any fine-tuning: one
    table for all blocks (that of the first), and what masked image modelling needs besides."""
    state = source.state_dict()
    for name in [n for n in state if n.startswith(("head.", "fc_norm."))]:
        del state[name]
    table, *_ = [state.pop(n) for n in list(state) if n.endswith("relative_position_bias_table")]
    state["rel_pos_bias.relative_position_bias_table"] = table
    state["rel_pos_bias.relative_position_index"] = source.blocks[0].attn.relative_position_index
    for i in range(2):
        layer = source.blocks[i].state_dict(prefix=f"cls_pt_layers.{i}.")
        state |= {n: v for n, v in layer.items() if not n.endswith("table")}
    state |= {
        "mask_token": torch.ones(1, 1, 64),
        "norm.weight": torch.full((64,), 3.0),
        "norm.bias": torch.full((64,), 4.0),
        "lm_head.weight": torch.ones(8192, 64),
        "lm_head.bias": torch.ones(8192),
        **more,
    }
    torch.save({"model": state}, path)
    return {path.name: path}


@each_encoder
def test_the_card_repeats_what_timm_says_of_its_weights(encoder: str) -> None:
    card = SPECS[encoder].weights
    assert card is not None
    cfg = timm.get_pretrained_cfg(card.id)
    assert cfg is not None
    assert card.location == cfg.hf_hub_id
    assert (card.mean, card.std) == (cfg.mean, cfg.std)
    assert card.interpolation == cfg.interpolation
    assert (3, card.native_size, card.native_size) == cfg.input_size
    assert card.licence.lower() == cfg.license
    assert CLASSES_OF_TIMM[encoder] == cfg.num_classes


def test_the_cards_say_that_only_beitv2_of_timm_has_seen_labels() -> None:
    dinov2, beitv2 = (SPECS[encoder].weights for encoder in PUBLISHED)
    assert dinov2 is not None and not dinov2.labels_used
    assert beitv2 is not None and beitv2.labels_used
    assert "fine-tuned" in beitv2.pretraining_method
    assert "ImageNet-22k with its labels" in beitv2.pretraining_data


@each_encoder
def test_a_checkpoint_of_timm_is_loaded_from_the_hub_s_cache_bit_by_bit(
    encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    source = published(encoder).state_dict()
    assert SPECS[encoder].weights is not None
    card = save_in_hub_cache(source, SPECS[encoder].weights, tmp_path)
    files = locate(card, "pretrained")
    name = card.files[0].name
    found = huggingface_hub.try_to_load_from_cache(card.location, name, tmp_path, card.revision)
    assert found == str(files[name])
    state = loaded(encoder, files)
    assert set(source) - set(state) <= {"head.weight", "head.bias"}
    assert all(torch.equal(state[name], source[name]) for name in state)


@each_encoder
def test_a_loaded_encoder_computes_the_features_of_timm(encoder: str, tmp_path: Path) -> None:
    source = published(encoder).eval()
    files = save_safetensors(source, tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        features = encoder_from(encoder, files).eval()(images)
        expected = source.forward_head(source.forward_features(images), pre_logits=True)
    assert features.isfinite().all()
    assert torch.equal(features, expected)


@each_encoder
def test_a_checkpoint_of_another_width_or_patch_is_refused(encoder: str, tmp_path: Path) -> None:
    for change in ({"embed_dim": 32}, {"num_heads": 4}, {"patch_size": 8}):
        if encoder == "dinov2_base" and "num_heads" in change:
            continue  # heads leave no trace in the shapes of a plain transformer
        files = save_safetensors(published(encoder, **change), tmp_path / "model.safetensors")
        with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit.*size mismatch"):
            loaded(encoder, files)


@pytest.mark.parametrize(
    ("encoder", "other"), [("dinov2_base", "beitv2_base"), ("beitv2_base", "dinov2_base")]
)
def test_a_checkpoint_of_the_other_encoder_is_refused(
    encoder: str, other: str, tmp_path: Path
) -> None:
    files = save_safetensors(published(other), tmp_path / "model.safetensors")
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit.*Missing key"):
        loaded(encoder, files)


@each_encoder
def test_a_file_that_is_no_checkpoint_is_refused(encoder: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(HarnessError, match=r"model\.safetensors"):
        loaded(encoder, {path.name: path})


def test_dinov2_positions_are_interpolated_from_518_to_224_pixels(tmp_path: Path) -> None:
    source = published("dinov2_base", size=518, patch_size=14)
    rows = torch.arange(37.0).view(37, 1).expand(37, 37)
    with torch.no_grad():
        source.pos_embed[0, 1:, 0] = rows.flatten()
        source.pos_embed[0, 1:, 1] = rows.T.flatten()
    files = save_safetensors(source, tmp_path / "model.safetensors")
    positions = loaded("dinov2_base", files, size=224, patch=14)["pos_embed"]
    assert positions.shape == (1, 1 + 16 * 16, 64)
    assert torch.equal(positions[:, 0], source.pos_embed[:, 0])
    # A linear ramp stays linear: patch i of 16 covers what was around i' of 37.
    expected = (torch.arange(16.0) + 0.5) * 37 / 16 - 0.5
    inner = slice(2, 14)
    down, right = positions[0, 1:, :2].view(16, 16, 2)[inner, inner].unbind(-1)
    torch.testing.assert_close(down, expected[inner].view(-1, 1).expand(12, 12), atol=0.01, rtol=0)
    torch.testing.assert_close(right, expected[inner].expand(12, 12), atol=0.01, rtol=0)


def test_dinov2_as_its_authors_publish_it_loses_its_mask_token(tmp_path: Path) -> None:
    path = tmp_path / "dinov2_vitb14_pretrain.pth"
    source = published("dinov2_base").state_dict()
    torch.save({**source, "mask_token": torch.ones(1, 64)}, path)
    state = loaded("dinov2_base", {path.name: path})
    assert set(state) == set(source)
    assert all(torch.equal(state[name], source[name]) for name in state)


def test_beitv2_before_fine_tuning_gives_every_block_the_shared_table(tmp_path: Path) -> None:
    source = published("beitv2_base")
    state = loaded("beitv2_base", save_pretraining(tmp_path / "beitv2_pt1k.pth", source))
    shared = source.blocks[0].attn.relative_position_bias_table
    for name, value in state.items():
        if name.endswith("relative_position_bias_table"):
            assert torch.equal(value, shared), name
        elif not name.startswith("fc_norm."):
            assert torch.equal(value, source.state_dict()[name]), name
    assert torch.equal(state["fc_norm.weight"], torch.ones(64))
    assert torch.equal(state["fc_norm.bias"], torch.zeros(64))


def test_beitv2_before_fine_tuning_holds_nothing_else(tmp_path: Path) -> None:
    path, source = tmp_path / "beitv2_pt1k.pth", published("beitv2_base")
    for name in ("pos_embed", "head.weight", "blocks.12.gamma_1"):
        files = save_pretraining(path, source, **{name: torch.ones(1)})
        with pytest.raises(HarnessError, match=rf"beitv2_pt1k\.pth.*Unexpected key.*{name}"):
            loaded("beitv2_base", files)


def test_a_fine_tuned_beitv2_without_its_last_norm_is_refused(tmp_path: Path) -> None:
    source = published("beitv2_base")
    source.fc_norm = nn.Identity()
    files = save_safetensors(source, tmp_path / "model.safetensors")
    with pytest.raises(HarnessError, match=r"Missing key.*fc_norm\.weight"):
        loaded("beitv2_base", files)


@pytest.mark.parametrize("kind", ["fine-tuned", "pretraining"])
def test_beitv2_tables_are_interpolated_between_grids(kind: str, tmp_path: Path) -> None:
    source = published("beitv2_base", size=224)
    offsets = torch.arange(-13.0, 14.0)
    table = torch.stack([offsets.view(27, 1).expand(27, 27), offsets.expand(27, 27)], -1)
    table = torch.cat([table.reshape(-1, 2), torch.tensor([[50.0, 60.0]] * 3)])
    with torch.no_grad():
        for block in source.blocks:
            block.attn.relative_position_bias_table.copy_(table)
    if kind == "pretraining":
        files = save_pretraining(tmp_path / "beitv2_pt1k.pth", source)
    else:
        files = dict(save_safetensors(source, tmp_path / "model.safetensors"))
    state = loaded("beitv2_base", files, size=128)
    near = torch.arange(-7.0, 8.0)
    for i in range(12):
        resized = state[f"blocks.{i}.attn.relative_position_bias_table"]
        assert torch.equal(resized[-3:], table[-3:])
        down, right = resized[:-3].view(15, 15, 2).unbind(-1)
        torch.testing.assert_close(down, near.view(-1, 1).expand(15, 15), atol=0.3, rtol=0)
        torch.testing.assert_close(right, near.expand(15, 15), atol=0.3, rtol=0)


def test_a_table_of_no_square_grid_is_refused(tmp_path: Path) -> None:
    source = published("beitv2_base")
    for block in source.blocks:
        block.attn.relative_position_bias_table = nn.Parameter(torch.zeros(200, 2))
    files = save_safetensors(source, tmp_path / "model.safetensors")
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit Beit"):
        loaded("beitv2_base", files)
