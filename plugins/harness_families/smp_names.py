"""The names of segmentation-models-pytorch: architectures, encoders and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import segmentation_models_pytorch as smp
from segmentation_models_pytorch.encoders._base import EncoderMixin
from torch import nn

import harness
from harness_families import fitted, timm_names
from harness_families.strategies import strategy_of, summary

TIMM = "tu-"
"""Before the names of timm's encoders."""
CONFIG, CHECKPOINT = "config.json", "model.safetensors"
HEAD = ("decoder", "segmentation_head")
NATIVE = 224
UNKNOWN = "unknown"


def resolve(name: str) -> harness.MethodSpec:
    """The method of ``<architecture>/<encoder>[.<weights>][@<strategy>]``; capitals of the
    architecture do not matter.

    Raises:
        HarnessError: there is no such architecture, encoder, weights or strategy, or they do not go
            together.
    """
    full, strategy = strategy_of(name)
    wanted, _, base = full.partition("/")
    known = smp.MODEL_ARCHITECTURES_MAPPING
    if wanted.lower() not in known:
        offered = ", ".join(cls.__name__ for cls in known.values())
        raise harness.HarnessError(f"smp has no architecture {wanted!r}; it has {offered}")
    architecture = known[wanted.lower()].__name__
    card, prepared = timm_start(base) if base.startswith(TIMM) else start(base)
    encoder = base.partition(".")[0] if not base.startswith(TIMM) else base
    try:
        facts = fitted.facts(
            partial(_created, architecture, encoder), NATIVE, sized=False, maps=True
        )
    except Exception as error:
        raise harness.HarnessError(
            f"smp builds no {architecture} on {encoder!r} ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]})"
        ) from error
    return harness.MethodSpec(
        name=f"{architecture}/{base}@{strategy.name}",
        factory="harness_families.smp_models:Segmenter",
        task="segmentation",
        family="smp",
        summary=summary(f"{architecture} on {base}", strategy.words("decoder", "encoder")),
        params={
            "architecture": architecture,
            "encoder": encoder,
            "strategy": strategy.name,
            **prepared,
            "sizes": facts["sizes"],
            "convolutional": facts["convolutional"],
            **strategy.params,
        },
        protocol=strategy.protocol,
        needs=frozenset({"masks"}),
        weights=card,
        requires=strategy.requires,
        install=strategy.install,
        reference="https://github.com/qubvel-org/segmentation_models.pytorch",
    )


def search() -> Iterator[tuple[str, str]]:
    """Every architecture on every encoder of the library's own that it can be built on."""
    for cls in smp.MODEL_ARCHITECTURES_MAPPING.values():
        for encoder in smp.encoders.get_encoder_names():
            if goes_with(cls.__name__, encoder):
                weights = ", ".join(_settings(encoder))
                yield f"{cls.__name__}/{encoder}", f"weights {weights}" if weights else "no weights"


def goes_with(architecture: str, encoder: str) -> bool:
    """Whether the library builds the one on the other, its own, encoder."""
    if architecture == "DPT":
        return False  # On encoders of timm alone.
    if encoder.startswith("mit_b"):
        return architecture in ("Unet", "MAnet", "FPN", "PSPNet", "Segformer", "UPerNet")
    # An encoder whose strides cannot be taken away says so in a method of its own.
    own = smp.encoders.encoders[encoder]["encoder"].make_dilated
    fixed = own is not EncoderMixin.make_dilated
    return not (fixed and architecture in ("DeepLabV3", "DeepLabV3Plus", "PAN"))


def create(architecture: str, encoder: str, classes: int) -> nn.Module:
    """The network with random weights: images [B, 3, H, W] -> logits [B, classes, H, W]."""
    network: nn.Module = smp.create_model(
        architecture, encoder_name=encoder, encoder_weights=None, in_channels=3, classes=classes
    )
    return network


def _created(architecture: str, encoder: str, size: int, classes: int) -> nn.Module:
    return create(architecture, encoder, classes)


def start(base: str) -> tuple[harness.WeightsCard | None, dict[str, Any]]:
    """The card of one of the library's own encoders, and how images are prepared.

    Means are ImageNet's until the weights are there: their configuration on the hub says which.
    """
    encoder, dot, wanted = base.partition(".")
    if encoder not in smp.encoders.get_encoder_names():
        raise harness.HarnessError(
            f"smp {smp.__version__} has no encoder {encoder!r}; timm's are called {TIMM}<model>"
        )
    settings = _settings(encoder)
    if dot and wanted not in settings:
        raise harness.HarnessError(
            f"smp's encoder {encoder} has no weights {wanted!r}; it has "
            f"{', '.join(settings) or 'none'}"
        )
    prepared = {
        "mean": list(harness.IMAGENET_MEAN),
        "std": list(harness.IMAGENET_STD),
        "interpolation": "bilinear",
    }
    if not settings:
        return None, prepared
    weights = wanted or ("imagenet" if "imagenet" in settings else next(iter(settings)))
    card = harness.WeightsCard(
        id=f"{encoder}.{weights}",
        source="smp",
        location=settings[weights]["repo_id"],
        revision=settings[weights]["revision"],
        files=(harness.WeightsFile(name=CONFIG), harness.WeightsFile(name=CHECKPOINT)),
        pretraining_method=f"smp's weights {weights}",
        pretraining_data=UNKNOWN,
        labels_used=None,
        licence=UNKNOWN,
        mean=harness.IMAGENET_MEAN,
        std=harness.IMAGENET_STD,
        native_size=NATIVE,
        interpolation="bilinear",
    )
    return card, prepared


def timm_start(base: str) -> tuple[harness.WeightsCard | None, dict[str, Any]]:
    """The same for an encoder of timm's."""
    model = base.removeprefix(TIMM)
    cfg = timm_names.config_of(model)
    return timm_names.card(model, cfg), timm_names.preprocessing(cfg)


def _settings(encoder: str) -> dict[str, Any]:
    found: dict[str, Any] = smp.encoders.encoders[encoder].get("pretrained_settings", {})
    return found
