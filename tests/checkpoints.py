"""Small checkpoints in the formats of the libraries, and problems that start from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from safetensors.torch import save_file
from torch import Tensor, nn

from harness import MethodSpec, Problem, TargetSpec, WeightsCard, WeightsFile

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")

LABEL = TargetSpec(
    name="label",
    kind="classes",
    names=CLASSES,
    loss="harness.tasks.losses:cross_entropy",
    activation="softmax",
)
MASK = TargetSpec(
    name="mask",
    kind="binary-mask",
    loss="harness.tasks.losses:bce_dice",
    activation="sigmoid",
)
TARGETS = {
    "classification": {"label": LABEL},
    "segmentation": {"mask": MASK},
    "multitask": {"label": LABEL, "mask": MASK},
}


def make_problem(
    task: str,
    size: int,
    files: Mapping[str, Path] | None = None,
    targets: Mapping[str, TargetSpec] | None = None,
) -> Problem:
    """The task's problem at ``size`` pixels, from the checkpoint's files or from random weights."""
    return Problem(
        task=task,
        targets=targets or TARGETS[task],
        image_size=size,
        weights="pretrained" if files else "random",
        weights_files=files or {},
        seed=0,
    )


def tiny_params(spec: MethodSpec) -> dict[str, Any]:
    """What the quick preset hands the spec's factory."""
    return {**spec.params, **spec.tiny}


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def save_torch(module: nn.Module, path: Path) -> Mapping[str, Path]:
    """The module's state as torchvision publishes it."""
    torch.save(module.state_dict(), path)
    return {path.name: path}


def save_safetensors(module: nn.Module, path: Path) -> Mapping[str, Path]:
    """The module's state as timm and segmentation-models-pytorch publish it."""
    save_file(_whole(module.state_dict()), path)
    return {path.name: path}


def save_in_hub_cache(state: Mapping[str, Tensor], card: WeightsCard, cache: Path) -> WeightsCard:
    """Write a checkpoint of timm as the hub's library caches it: the content under its digest, a
    link to it in the folder of the revision, and the newest revision's name.

    Returns the card with digest and size of this file in the place of the published one's.
    """
    (name,) = (file.name for file in card.files)
    content = safetensors_bytes(_whole(state))
    digest = hashlib.sha256(content).hexdigest()
    repository = cache / f"models--{card.location.replace('/', '--')}"
    revision = card.revision or "0" * 40
    for folder in ("blobs", "refs", f"snapshots/{revision}"):
        (repository / folder).mkdir(parents=True)
    (repository / "blobs" / digest).write_bytes(content)
    (repository / "refs" / "main").write_text(revision)
    (repository / "snapshots" / revision / name).symlink_to(Path("../../blobs") / digest)
    return replace(card, files=(WeightsFile(name=name, sha256=digest, size=len(content)),))


def make_clip(
    folder: Path,
    *,
    seed: int = 0,
    text: Mapping[str, Any] | None = None,
    vision: Mapping[str, Any] | None = None,
    without: str | None = None,
) -> Mapping[str, Path]:
    """A CLIP checkpoint of 32 features whose tokenizer reads letter by letter.

    Args:
        folder: where its files go.
        seed: of its random parameters.
        text: changes to the configuration of the text encoder.
        vision: changes to that of the image encoder.
        without: name of a parameter that the file shall lack.
    """
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _letters()
    start, end = vocabulary["<|startoftext|>"], vocabulary["<|endoftext|>"]
    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    ids = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    config = CLIPConfig(
        text_config={
            **small,
            **ids,
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 160,
            **(text or {}),
        },
        vision_config={**small, "image_size": 32, "patch_size": 8, **(vision or {})},
        projection_dim=16,
    )
    torch.manual_seed(seed)
    state = CLIPModel(config).state_dict()
    if without is not None:
        del state[without]
    config.save_pretrained(folder)
    save_file(_whole(state), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "CLIPTokenizer",
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
            }
        )
    )
    return {path.name: path for path in folder.iterdir()}


def _letters() -> dict[str, int]:
    """Every printable character, within a word and at its end, and the two special tokens."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    return {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}


def _whole(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that own their memory, which the format asks for."""
    return {name: value.detach().clone().contiguous() for name, value in state.items()}
