"""timm's names: what a network, its pretrained weights and their images are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import timm
from timm.models import PretrainedCfg, get_pretrained_cfg
from torch import Tensor, nn

import harness
from harness_families import fitted
from harness_families.strategies import strategy_of, summary

UNKNOWN = "unknown"


def resolve(name: str) -> harness.MethodSpec:
    """The method of ``<model>[.<tag>][@<strategy>]``.

    Raises:
        HarnessError: there is no such model, tag or strategy, or it does not classify images.
    """
    base, strategy = strategy_of(name)
    cfg = config_of(base)
    native = max(cfg.input_size[1:])
    sized = cfg.fixed_input_size
    make = partial(create, base, sized=sized)
    try:
        facts = fitted.facts(make, native, sized=sized)
    except Exception as error:
        raise harness.HarnessError(
            f"{base} is no network with one output per class for images of {native} pixels "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from error
    return harness.MethodSpec(
        name=f"{base}@{strategy.name}",
        factory="harness_families.timm_models:TimmClassifier",
        task="classification",
        family="timm",
        summary=summary(base, strategy.words("classifier", "network")),
        params={
            "model": base,
            "strategy": strategy.name,
            **preprocessing(cfg),
            **facts,
            "sized": sized,
            **strategy.params,
        },
        protocol=strategy.protocol,
        weights=card(base, cfg),
        requires=("timm>=1.0.15", *strategy.requires),
        install=strategy.install,
        reference=cfg.origin_url or "",
    )


def search() -> Iterator[tuple[str, str]]:
    """Every model, and every model with each of its tags."""
    tagged = set(timm.list_models(pretrained=True))
    for name in timm.list_models():
        cfg = get_pretrained_cfg(name)
        yield name, f"weights {cfg.tag}" if cfg and cfg.tag and has_weights(cfg) else _told(cfg)
        for full in sorted(one for one in tagged if one.partition(".")[0] == name):
            yield full, _told(get_pretrained_cfg(full))


def config_of(base: str) -> PretrainedCfg:
    """What timm knows of a model, or of a model with a tag.

    Raises:
        HarnessError: timm has no such model or tag.
    """
    model, dot, tag = base.partition(".")
    if not timm.is_model(model):
        raise harness.HarnessError(f"timm {timm.__version__} has no model {model!r}")
    tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{model}.*")]
    if dot and tag not in tags:
        raise harness.HarnessError(
            f"timm's {model} has no weights {tag!r}; it has {', '.join(tags) or 'none'}"
        )
    return get_pretrained_cfg(base) or PretrainedCfg()


def create(base: str, size: int, classes: int, *, sized: bool) -> nn.Module:
    """The network with random weights, for images of ``size`` pixels per side where it must be
    built for one."""
    network: nn.Module = timm.create_model(base, num_classes=classes, **_size(size, sized=sized))
    return network


def created_from(base: str, size: int, state: dict[str, Tensor], *, sized: bool) -> nn.Module:
    """The network with the weights and the classifier of a checkpoint, as timm loads them: names
    changed, positions interpolated, and nothing missing or left over."""
    cfg = config_of(base)
    names = [cfg.classifier] if isinstance(cfg.classifier, str) else list(cfg.classifier or ())
    weights = [state[f"{name}.weight"] for name in (*names, "head") if f"{name}.weight" in state]
    classes = len(weights[0]) if weights else 0 if names else cfg.num_classes
    overlay = {
        "state_dict": state,
        "num_classes": classes,
        "label_offset": 0,
        "custom_load": False,
        "source": None,
    }
    network: nn.Module = timm.create_model(
        base,
        pretrained=True,
        num_classes=classes,
        pretrained_cfg_overlay=overlay,
        **_size(size, sized=sized),
    )
    return network


def _size(size: int, *, sized: bool) -> dict[str, Any]:
    return {"img_size": size} if sized else {}


def preprocessing(cfg: PretrainedCfg) -> dict[str, Any]:
    """How images are prepared for the weights."""
    bilinear = cfg.interpolation == "bilinear"
    return {
        "mean": list(cfg.mean),
        "std": list(cfg.std),
        "interpolation": "bilinear" if bilinear else "bicubic",
    }


def has_weights(cfg: PretrainedCfg) -> bool:
    return bool(cfg.hf_hub_id or cfg.url)


def card(base: str, cfg: PretrainedCfg) -> harness.WeightsCard | None:
    """The card of the pretrained weights; None where timm names none.

    What timm does not know of them, as whether labels took part, is unknown here, too.
    """
    if not has_weights(cfg):
        return None
    model = base.partition(".")[0]
    on_hub = bool(cfg.hf_hub_id)
    address = str(cfg.hf_hub_id if on_hub else cfg.url)
    file = "model.safetensors" if on_hub else PurePosixPath(urlsplit(address).path).name
    values = preprocessing(cfg)
    return harness.WeightsCard(
        id=f"{model}.{cfg.tag}" if cfg.tag else model,
        source="timm" if on_hub else "file",
        location=address,
        files=(harness.WeightsFile(name=cfg.hf_hub_filename or file),),
        pretraining_method=f"tag {cfg.tag}" if cfg.tag else UNKNOWN,
        pretraining_data=UNKNOWN,
        labels_used=None,
        licence=cfg.license or UNKNOWN,
        mean=tuple(values["mean"]),
        std=tuple(values["std"]),
        native_size=max(cfg.input_size[1:]),
        interpolation=values["interpolation"],
    )


def _told(cfg: PretrainedCfg | None) -> str:
    if cfg is None or not has_weights(cfg):
        return "no weights"
    return f"{max(cfg.input_size[1:])} px, licence {cfg.license or UNKNOWN}"
