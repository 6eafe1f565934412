"""Ids of CLIP and SigLIP models on the Hugging Face hub. Their files say what the networks are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import harness
from harness_families.clip_plugin import PROMPT_SETS
from harness_families.strategies import named, summary

CONFIG, CHECKPOINT, IMAGES = "config.json", "model.safetensors", "preprocessor_config.json"
FILES = (CONFIG, CHECKPOINT, IMAGES, "tokenizer.json", "tokenizer_config.json")
"""Of every repository."""
ZERO_SHOT = "ensemble"
"""What an id without a strategy means."""
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)
UNKNOWN = "unknown"

KNOWN = {
    "openai/clip-vit-base-patch16": "CLIP ViT-B/16, 224 px",
    "openai/clip-vit-base-patch32": "CLIP ViT-B/32, 224 px",
    "openai/clip-vit-large-patch14": "CLIP ViT-L/14, 224 px",
    "openai/clip-vit-large-patch14-336": "CLIP ViT-L/14, 336 px",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": "CLIP ViT-B/32, LAION-2B",
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": "CLIP ViT-B/16, LAION-2B",
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K": "CLIP ViT-L/14, LAION-2B",
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": "CLIP ViT-H/14, LAION-2B",
    "google/siglip-base-patch16-224": "SigLIP ViT-B/16, 224 px",
    "google/siglip-base-patch16-256": "SigLIP ViT-B/16, 256 px",
    "google/siglip-base-patch16-384": "SigLIP ViT-B/16, 384 px",
    "google/siglip-base-patch16-512": "SigLIP ViT-B/16, 512 px",
    "google/siglip-large-patch16-256": "SigLIP ViT-L/16, 256 px",
    "google/siglip-large-patch16-384": "SigLIP ViT-L/16, 384 px",
    "google/siglip-so400m-patch14-224": "SigLIP So400m/14, 224 px",
    "google/siglip-so400m-patch14-384": "SigLIP So400m/14, 384 px",
    "google/siglip2-base-patch16-224": "SigLIP 2 ViT-B/16, 224 px",
    "google/siglip2-large-patch16-256": "SigLIP 2 ViT-L/16, 256 px",
    "google/siglip2-so400m-patch14-384": "SigLIP 2 So400m/14, 384 px",
}
"""Repository -> what is in it. Any other of the same kind works, too; the hub has hundreds."""


def resolve(name: str) -> harness.MethodSpec:
    """The method of ``<owner>/<model>[@<strategy>]``; without a strategy it is zero-shot.

    Whether there is such a repository is known only once its files are here.

    Raises:
        HarnessError: there is no such strategy.
    """
    base, _, wanted = name.partition("@")
    wanted = wanted or ZERO_SHOT
    if wanted in (ZERO_SHOT, *PROMPT_SETS):
        prompts = PROMPT_SETS if wanted == ZERO_SHOT else (wanted,)
        words = "mean of 4 prompt sets" if wanted == ZERO_SHOT else f"prompt set {wanted}"
        return harness.MethodSpec(
            name=f"{base}@{wanted}",
            factory="harness_families.clip_models:ZeroShot",
            task="classification",
            family="hf-clip",
            summary=summary(base, f"zero-shot, {words}"),
            params={"prompts": list(prompts)},
            prompts_param="prompts",
            needs=frozenset({"pretrained"}),
            files=tuple(f"harness_clip:prompts/{one}.txt" for one in prompts),
            weights=card(base),
        )
    strategy = named(wanted)
    return harness.MethodSpec(
        name=f"{base}@{strategy.name}",
        factory="harness_families.clip_models:Classifier",
        task="classification",
        family="hf-clip",
        summary=summary(base, strategy.words("classifier", "encoder")),
        params={"strategy": strategy.name, **strategy.params},
        protocol=strategy.protocol,
        # What the network is, is in the repository too.
        needs=frozenset({"pretrained"}),
        weights=card(base),
        requires=strategy.requires,
        install=strategy.install,
    )


def search() -> Iterator[tuple[str, str]]:
    """The best-known models; no list of all is in the library."""
    yield from KNOWN.items()


def card(base: str) -> harness.WeightsCard:
    """The card of a repository. How images are prepared is in its files, and is as usual for its
    kind here."""
    sigmoid = "siglip" in base.lower()
    sizes = re.findall(r"(?<![0-9])[0-9]{3}(?![0-9])", base)
    return harness.WeightsCard(
        id=base.replace("/", "--"),
        source="transformers",
        location=base,
        files=tuple(harness.WeightsFile(name=name) for name in FILES),
        pretraining_method="contrastive image-text (SigLIP)"
        if sigmoid
        else "contrastive image-text (CLIP)",
        pretraining_data=UNKNOWN,
        labels_used=None,
        licence=UNKNOWN,
        mean=HALF if sigmoid else CLIP_MEAN,
        std=HALF if sigmoid else CLIP_STD,
        native_size=int(sizes[-1]) if sizes else 224,
        interpolation="bicubic",
    )
