"""Names drawn by a seed over everything that the families list."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import segmentation_models_pytorch as smp
import timm
from torchvision import models

from harness import MethodSpec
from harness_families import clip_names, smp_names, timm_names, torchvision_names

SEED = 15
STRATEGIES = ("full", "freeze1", "linear", "lpft", "lora")


@dataclass(frozen=True)
class Family:
    """How many of a family's names are drawn, and from which."""

    resolve: Callable[[str], MethodSpec]
    names: tuple[str, ...]
    count: int


FAMILIES: Mapping[str, Family] = {
    "timm": Family(timm_names.resolve, tuple(timm.list_models()), 16),
    "torchvision": Family(torchvision_names.resolve, tuple(models.list_models(module=models)), 10),
    "smp": Family(
        smp_names.resolve,
        tuple(
            f"{cls.__name__}/{encoder}"
            for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()
            for encoder in smp.encoders.get_encoder_names()
            if smp_names.goes_with(cls.__name__, encoder)
        ),
        10,
    ),
    "hf-clip": Family(clip_names.resolve, tuple(clip_names.KNOWN), 4),
}


def drawn() -> list[tuple[str, str]]:
    """Forty pairs of a family and a name with a strategy."""
    random_ = random.Random(SEED)
    return [
        (family, f"{name}@{random_.choice(STRATEGIES)}")
        for family, of in FAMILIES.items()
        for name in random_.sample(of.names, of.count)
    ]


def method(family: str, name: str) -> MethodSpec:
    return FAMILIES[family].resolve(name)
