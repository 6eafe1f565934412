"""What each set of small weights was made by."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from torch.optim import Optimizer

import harness_ssl
import harness_supervised
from harness_clip import VIT_L14
from harness_phantom.dataset import VERSION as PHANTOM_VERSION
from harness_ssl.cards import BEITV2_BASE, DINOV2_BASE

SIZE = 64
"""Pixels per side of the images, as in the preset ``quick``."""
WARM_UP = 100
"""Steps in which the learning rate rises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the weights; raise ``version`` where code changes them."""

    name: str
    """The weights card's id, and the folder's name."""
    kind: Literal["encoder", "backbone", "clip"]
    family: str
    arguments: Mapping[str, Any]
    """Of the network's ``build``, those of the small member."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    steps: int
    batch: int
    learning_rate: float
    hidden: float = 0.0
    """Share of an image's patches that the network does not see."""
    images: int = 8000
    data_seed: int = 1001
    """Of the phantoms; a test holds that no preset and no document evaluates on it."""
    seed: int = 0
    version: int = 1
    phantom_version: int = field(default=PHANTOM_VERSION)

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the recipe."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def scheduled(optimizer: Optimizer, recipe: Recipe, step: int) -> None:
    """Set the learning rate of a step: a linear rise, then half a cosine down to 0."""
    rise = min(1.0, (step + 1) / WARM_UP)
    fall = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * rise * fall


def _encoder(method: str, steps: int, hidden: float) -> Recipe:
    params = {**harness_ssl.MEMBERS[method].params, **harness_ssl.SMALL}
    card = {"dinov2_base": DINOV2_BASE, "beitv2_base": BEITV2_BASE}[method]
    return Recipe(
        name=f"{method}.small",
        kind="encoder",
        family=params["encoder"],
        arguments={name: params[name] for name in ("patch", "width", "heads", "layer_scale")},
        mean=card.mean,
        std=card.std,
        steps=steps,
        batch=32,
        learning_rate=2e-3,
        hidden=hidden,
    )


def _backbone(method: str, steps: int) -> Recipe:
    member = harness_supervised.MEMBERS[method]
    assert member.small is not None, "has no small member"
    return Recipe(
        name=f"{method}.small",
        kind="backbone",
        family=member.family,
        arguments=member.small,
        mean=member.weights.mean,
        std=member.weights.std,
        steps=steps,
        batch=32,
        learning_rate=1e-3,
    )


_CLIP = {
    "projection_dim": 64,
    "logit_scale_init_value": 2.3,
    "vision_config": {
        "image_size": SIZE,
        "patch_size": 8,
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "projection_dim": 64,
        "hidden_act": "gelu",
    },
    "text_config": {
        "max_position_embeddings": 96,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 64,
        "hidden_act": "gelu",
    },
}
"""As transformers' ``CLIPConfig`` takes it; the vocabulary is learned."""

_ALL = (
    _encoder("dinov2_base", steps=3000, hidden=0.0),
    _encoder("beitv2_base", steps=3000, hidden=0.25),
    *(
        _backbone(method, steps=1000)
        for method, member in harness_supervised.MEMBERS.items()
        if member.small is not None
    ),
    Recipe(
        name="clip.small",
        kind="clip",
        family="clip",
        arguments=_CLIP,
        mean=VIT_L14.mean,
        std=VIT_L14.std,
        steps=400,
        batch=64,
        learning_rate=1e-3,
    ),
)

RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in _ALL})
