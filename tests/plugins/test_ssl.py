"""Self-supervised encoders: what is offered, their sizes, and how much each stage trains."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

import harness_ssl
from harness import HarnessError
from harness.training.frozen.freeze import apply_stage
from harness_ssl.models import Classifier
from tests.checkpoints import make_problem, parameter_count, tiny_params

SPECS = {spec.name: spec for spec in harness_ssl.harness_methods()}
ENCODERS = ("dinov2_base", "beitv2_base")

each_encoder = pytest.mark.parametrize("encoder", ENCODERS)


def full_on_meta(name: str, size: int = 224) -> tuple[Classifier, nn.Module]:
    method = Classifier(make_problem("classification", size), **SPECS[name].params)
    with torch.device("meta"):
        return method, method.build()


@each_encoder
def test_every_encoder_comes_with_every_strategy(encoder: str) -> None:
    strategies = [name.partition("@")[2] for name in SPECS if name.startswith(f"{encoder}@")]
    assert strategies == ["full", "freeze8", "linear", "lpft"]


def test_the_card_says_which_encoder_has_seen_labels() -> None:
    for name, spec in SPECS.items():
        assert spec.weights is not None
        assert spec.weights.labels_used == name.startswith("beitv2"), name
        assert ("labels" in spec.weights.pretraining_method) == spec.weights.labels_used, name


@pytest.mark.parametrize(
    ("name", "timm_name", "size", "parameters"),
    [
        ("dinov2_base@full", "vit_base_patch14_dinov2", 518, 86_579_712),
        ("dinov2_base@full", "vit_base_patch14_dinov2", 224, 85_724_928),
        ("beitv2_base@full", "beitv2_base_patch16_224", 224, 85_761_984),
    ],
)
def test_the_full_encoder_is_that_of_timm(
    name: str, timm_name: str, size: int, parameters: int
) -> None:
    _, network = full_on_meta(name, size)
    with torch.device("meta"):
        published = timm.create_model(timm_name, num_classes=0, img_size=size)
    assert parameter_count(network.encoder) == parameter_count(published) == parameters
    shapes = {key: value.shape for key, value in network.encoder.state_dict().items()}
    assert shapes == {key: value.shape for key, value in published.state_dict().items()}
    assert network.encoder.global_pool == published.global_pool


@each_encoder
def test_the_full_network_classifies_an_image_at_the_size_of_the_protocol(encoder: str) -> None:
    method = Classifier(make_problem("classification", 224), **SPECS[f"{encoder}@freeze8"].params)
    network = method.build().eval()
    assert method.input.size == 224
    with torch.inference_mode():
        assert method.forward(network, torch.zeros(1, 3, 224, 224))["label"].shape == (1, 4)


@each_encoder
def test_the_small_encoder_has_twelve_blocks_too(encoder: str) -> None:
    problem = make_problem("classification", 64)
    network = Classifier(problem, **tiny_params(SPECS[f"{encoder}@full"])).build()
    assert len(network.encoder.blocks) == 12
    assert parameter_count(network) < 1_000_000


@pytest.mark.parametrize(
    ("encoder", "asked", "used"),
    [
        ("dinov2_base", 224, 224),
        ("dinov2_base", 230, 224),
        ("dinov2_base", 100, 98),
        ("dinov2_base", 518, 518),
        ("beitv2_base", 224, 224),
        ("beitv2_base", 230, 224),
        ("beitv2_base", 100, 96),
    ],
)
def test_images_are_a_multiple_of_the_patch(encoder: str, asked: int, used: int) -> None:
    method = Classifier(make_problem("classification", asked), **SPECS[f"{encoder}@full"].params)
    assert method.input.size == used
    assert method.input.interpolation == "bicubic"


@pytest.mark.parametrize(
    ("name", "stage", "expected"),
    [
        ("dinov2_base@full", 0, 85_728_004),
        ("dinov2_base@freeze8", 0, 28_362_244),
        ("dinov2_base@linear", 0, 3_076),
        ("dinov2_base@lpft", 0, 3_076),
        ("dinov2_base@lpft", 1, 85_728_004),
        ("beitv2_base@full", 0, 85_765_060),
        ("beitv2_base@freeze8", 0, 28_394_308),
        ("beitv2_base@linear", 0, 3_076),
        ("beitv2_base@lpft", 0, 3_076),
        ("beitv2_base@lpft", 1, 85_765_060),
    ],
)
def test_each_stage_trains_so_many_parameters(name: str, stage: int, expected: int) -> None:
    method, network = full_on_meta(name)
    trained = apply_stage(network, method.stages[stage])
    assert sum(parameter.numel() for parameter in trained) == expected


@each_encoder
def test_a_probe_learns_at_its_own_rate_in_either_strategy(encoder: str) -> None:
    assert SPECS[f"{encoder}@linear"].protocol == {"learning_rate": 1e-3}
    assert all(not SPECS[f"{encoder}@{name}"].protocol for name in ("full", "freeze8", "lpft"))
    method, _ = full_on_meta(f"{encoder}@lpft")
    probe, finetune = method.stages
    assert 5e-5 * probe.lr_scale == pytest.approx(1e-3)
    assert finetune.lr_scale == 1
    assert probe.share_of_epochs + finetune.share_of_epochs == 1


@pytest.mark.parametrize(
    ("change", "known"), [({"strategy": "half"}, "freeze8"), ({"encoder": "mae"}, "beitv2")]
)
def test_an_unknown_strategy_or_encoder_is_refused(change: dict[str, str], known: str) -> None:
    params = {**tiny_params(SPECS["dinov2_base@full"]), **change}
    with pytest.raises(HarnessError, match=known):
        Classifier(make_problem("classification", 64), **params)
