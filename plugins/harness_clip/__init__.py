"""Bundled plugin: CLIP classifies by comparing images with sentences; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator

import harness
from harness_phantom.own_weights import own_card

HARNESS_API = 1

VIT_L14 = harness.WeightsCard(
    id="clip-vit-large-patch14",
    source="transformers",
    location="openai/clip-vit-large-patch14",
    revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
    files=(
        harness.WeightsFile(
            name="config.json",
            sha256="8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a",
        ),
        harness.WeightsFile(
            name="model.safetensors",
            sha256="a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
            size=1_710_540_580,
        ),
        harness.WeightsFile(
            name="vocab.json",
            sha256="3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69",
        ),
        harness.WeightsFile(
            name="merges.txt",
            sha256="9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        ),
        harness.WeightsFile(
            name="tokenizer_config.json",
            sha256="deef455e52fa5e8151e339add0582e4235f066009601360999d3a9cda83b1129",
        ),
    ),
    pretraining_method="contrastive image-text (CLIP)",
    pretraining_data="400M image-text pairs of the web (WIT)",
    labels_used=False,
    licence="MIT",
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    native_size=224,
    interpolation="bicubic",
)

# The captions say what is to be seen and name no class, but which of them a picture gets follows
# from its class.
SMALL = own_card(
    "clip.small",
    VIT_L14,
    method="contrastive image-text (CLIP), helped by the simulator's maps of filled lung",
    labels_used=True,
)

PROMPT_SETS = {
    "photo": "a plain caption for each class",
    "short": "a very short caption for each class",
    "signs": "a caption with the signs of each class",
    "findings": "a radiologist's description of each class",
}


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    for name, description in PROMPT_SETS.items():
        yield _method(name, description, (name,))
    yield _method("ensemble", "the mean of the four prompt sets", tuple(PROMPT_SETS))


def _method(name: str, description: str, prompts: tuple[str, ...]) -> harness.MethodSpec:
    return harness.MethodSpec(
        name=f"vit_l14@{name}",
        factory="harness_clip.models:ZeroShot",
        task="classification",
        family="zero-shot",
        summary=f"CLIP ViT-L/14 zero-shot: {description}",
        params={"prompts": prompts},
        prompts_param="prompts",
        needs=frozenset({"pretrained"}),
        files=tuple(f"harness_clip:prompts/{prompt_set}.txt" for prompt_set in prompts),
        weights=VIT_L14,
        tiny_weights=SMALL,
        reference="https://arxiv.org/abs/2103.00020",
    )
