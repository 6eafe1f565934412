"""The study's own networks by the names of families: equally many parameters, and from equal
weights equal logits."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from checkpoints import make_problem, parameter_count

import harness
from harness.planning.installed_plugins import installed_plugins
from harness_families import smp_names, timm_names, torchvision_names

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


def method_of(spec: harness.MethodSpec, size: int) -> Any:
    module, _, name = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), name)
    return factory(make_problem(spec.task, size), **spec.params)


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
