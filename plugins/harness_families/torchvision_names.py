"""torchvision's names: what a classifier, its pretrained weights and their images are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import torchvision
from torch import nn
from torchvision import models
from torchvision.models import get_model, get_model_weights, list_models

import harness
from harness_families import fitted
from harness_families.strategies import strategy_of, summary

SIZE_ARGUMENT = {"vit": "image_size", "maxvit": "input_size"}
"""Beginning of a model's name -> the argument that it is built for a size by."""
AUXILIARY = {"inception_v3": ("AuxLogits.",), "googlenet": ("aux1.", "aux2.")}
"""Classifiers beside the last one, which published files have; no strategy trains them."""
UNKNOWN = "unknown"


def resolve(name: str) -> harness.MethodSpec:
    """The method of ``<model>[.<weights>][@<strategy>]``.

    Raises:
        HarnessError: there is no such model, weights or strategy.
    """
    base, strategy = strategy_of(name)
    model, weights = weights_of(base)
    prepared = weights.transforms()
    native = prepared.crop_size[0]
    sized = model.partition("_")[0] in SIZE_ARGUMENT
    facts = fitted.facts(partial(create, model, sized=sized), native, sized=sized)
    way = "bilinear" if prepared.interpolation.value == "bilinear" else "bicubic"
    file = weights.url.rpartition("/")[2]
    card = harness.WeightsCard(
        id=f"{model}.{weights.name.lower()}",
        source="torchvision",
        location=weights.url,
        files=(harness.WeightsFile(name=file, sha256=_digest(file)),),
        pretraining_method=f"torchvision's {weights.name}",
        pretraining_data=weights.name.partition("_")[0].replace("IMAGENET1K", "ImageNet-1k"),
        # Every file ends in a classifier of ImageNet's classes.
        labels_used=True,
        licence=UNKNOWN,
        mean=tuple(prepared.mean),
        std=tuple(prepared.std),
        native_size=native,
        interpolation=_way(way),
    )
    return harness.MethodSpec(
        name=f"{base}@{strategy.name}",
        factory="harness_families.torchvision_models:TorchvisionClassifier",
        task="classification",
        family="torchvision",
        summary=summary(base, strategy.words("classifier", "network")),
        params={
            "model": model,
            "strategy": strategy.name,
            "mean": list(card.mean),
            "std": list(card.std),
            "interpolation": way,
            **facts,
            "sized": sized,
            **strategy.params,
        },
        protocol=strategy.protocol,
        weights=card,
        requires=strategy.requires,
        install=strategy.install,
        reference=weights.meta.get("recipe", ""),
    )


def search() -> Iterator[tuple[str, str]]:
    """Every classifier, and every one with each of its weights."""
    for model in list_models(module=models):
        weights = list(get_model_weights(model))
        default = get_model_weights(model).DEFAULT
        yield model, f"weights {default.name.lower()}"
        for one in weights:
            size, count = one.transforms().crop_size[0], one.meta["num_params"] / 1e6
            yield f"{model}.{one.name.lower()}", f"{size} px, {count:.3g} M parameters"


def weights_of(base: str) -> tuple[str, Any]:
    """The model, and its weights of that name; the library's default where there is none.

    Raises:
        HarnessError: torchvision has no such model or weights.
    """
    model, dot, wanted = base.partition(".")
    if model not in list_models(module=models):
        raise harness.HarnessError(f"torchvision {torchvision.__version__} has no model {model!r}")
    offered = get_model_weights(model)
    if not dot:
        return model, offered.DEFAULT
    known = {one.name.lower(): one for one in offered}
    if wanted.lower() not in known:
        raise harness.HarnessError(
            f"torchvision's {model} has no weights {wanted!r}; it has {', '.join(known)}"
        )
    return model, known[wanted.lower()]


def create(model: str, size: int, classes: int, *, sized: bool) -> nn.Module:
    """The network with random weights, for images of ``size`` pixels per side where it must be
    built for one."""
    options: dict[str, Any] = {}
    family = model.partition("_")[0]
    if sized:
        options[SIZE_ARGUMENT[family]] = (size, size) if family == "maxvit" else size
    if model in AUXILIARY:
        # As with weights, which were trained on images that are scaled otherwise.
        options |= {"aux_logits": False, "transform_input": True, "init_weights": True}
    network: nn.Module = get_model(model, weights=None, num_classes=classes, **options)
    return network


def _way(text: str) -> Literal["bilinear", "bicubic"]:
    return "bilinear" if text == "bilinear" else "bicubic"


def _digest(file: str) -> str:
    """The beginning of its SHA-256, which torchvision puts into the name of a file."""
    return file.rpartition(".")[0].rpartition("-")[2]
