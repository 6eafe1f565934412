"""CLIP and SigLIP models of the transformers library, read from a folder."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    CLIPModel,
    PreTrainedTokenizerFast,
    SiglipModel,
)

import harness
from harness_families.clip_names import CHECKPOINT, CONFIG, IMAGES

MODELS = {"clip": CLIPModel, "siglip": SiglipModel}
"""Type in the configuration -> class."""
TEXT_BATCH = 64
"""Sentences that are encoded together."""


class Block(nn.Module):
    """A layer of the encoder: tokens [B, T, D] -> tokens [B, T, D]."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, tokens: Tensor) -> Tensor:
        found = self.layer(tokens, attention_mask=None)
        changed: Tensor = found[0] if isinstance(found, tuple) else found
        return changed


class Pooling(nn.Module):
    """Tokens [B, T, D] -> features [B, D]: CLIP reads its class token, SigLIP attends to all."""

    def __init__(self, vision: Any) -> None:
        super().__init__()
        self.norm = vision.post_layernorm
        self.attention = getattr(vision, "head", None)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.attention is None:
            features: Tensor = self.norm(tokens[:, 0])
            return features
        attended: Tensor = self.attention(self.norm(tokens))
        return attended


class Encoder(nn.Module):
    """The image encoder: images [B, 3, H, W] -> features [B, D]."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        vision = model.vision_model
        self.embeddings = vision.embeddings
        self.before = getattr(vision, "pre_layrnorm", nn.Identity())
        self.blocks = nn.Sequential(*map(Block, vision.encoder.layers))
        self.pooling = Pooling(vision)
        self.features = int(model.config.vision_config.hidden_size)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.pooling(self.blocks(self.before(self.embeddings(images))))
        return features


def read_model(folder: Path) -> Any:
    """The model in a folder, in float32 and evaluation mode, with every parameter of its file.

    Raises:
        HarnessError: the folder holds neither a CLIP nor a SigLIP model, or another one.
    """
    config = read_config(folder)
    with reading(folder, CONFIG), torch.device("meta"):
        model: Any = MODELS[config.model_type](config)
    model.to_empty(device="cpu")
    for name, buffer in model.named_buffers():
        # Not in the file: they count from 0.
        if name.endswith(".position_ids"):
            buffer.copy_(torch.arange(buffer.shape[1]))
    harness.load_checkpoint(model, folder / CHECKPOINT, _without_positions)
    return model.eval()


def read_config(folder: Path) -> Any:
    """The configuration in a folder.

    Raises:
        HarnessError: it is that of no CLIP or SigLIP model.
    """
    with reading(folder, CONFIG):
        config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    if config.model_type not in MODELS:
        raise harness.HarnessError(
            f"{folder / CONFIG}: is that of a model of type {config.model_type!r}; the plugin "
            f"reads {' and '.join(MODELS)}"
        )
    return config


def image_input(folder: Path) -> harness.InputSpec:
    """Images as the model was trained on; positions are not interpolated.

    Raises:
        HarnessError: the files do not say.
    """
    config = read_config(folder)
    with reading(folder, IMAGES):
        said = json.loads((folder / IMAGES).read_bytes())
        return harness.InputSpec(
            size=config.vision_config.image_size,
            mean=tuple(float(value) for value in said["image_mean"]),
            std=tuple(float(value) for value in said["image_std"]),
            # 2 is Pillow's number of it.
            interpolation="bilinear" if said.get("resample") == 2 else "bicubic",
        )


@torch.no_grad()
def class_embeddings(model: Any, folder: Path, sentences: Sequence[Sequence[str]]) -> Tensor:
    """Unit vectors [C, D] from the sentences of each of C classes: the mean of theirs.

    Raises:
        HarnessError: a sentence is longer than the text encoder reads, or there is no tokenizer.
    """
    with reading(folder, "tokenizer.json or tokenizer_config.json"):
        tokenizer, prepared = _tokenizer(folder, model.config.model_type)
    flat = [prepared(sentence) for own in sentences for sentence in own]
    longest = model.config.text_config.max_position_embeddings
    for sentence, ids in zip(flat, tokenizer(flat)["input_ids"], strict=True):
        if len(ids) > longest:
            raise harness.HarnessError(
                f"a prompt has {len(ids)} tokens, but the model reads {longest}: {sentence!r}"
            )
    encode = _siglip_text if model.config.model_type == "siglip" else _clip_text
    parts = [flat[i : i + TEXT_BATCH] for i in range(0, len(flat), TEXT_BATCH)]
    found = torch.cat([encode(model, tokenizer, part, longest) for part in parts])
    per_class = torch.split(F.normalize(found, dim=1), [len(own) for own in sentences])
    return torch.stack([F.normalize(own.mean(dim=0), dim=0) for own in per_class])


def _tokenizer(folder: Path, kind: str) -> tuple[Any, Callable[[str], str]]:
    """The tokenizer, and what prepares a sentence for it."""
    if kind == "clip":
        return AutoTokenizer.from_pretrained(folder, local_files_only=True), str
    # By its file alone: SigLIP's own class needs one more library to read an older one.
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    named = json.loads((folder / "tokenizer_config.json").read_bytes())["tokenizer_class"]
    marks = str.maketrans("", "", string.punctuation)
    # SigLIP was trained on small letters, and the first of them without punctuation, too.
    if str(named).startswith("Siglip"):
        return tokenizer, lambda sentence: " ".join(sentence.lower().translate(marks).split())
    return tokenizer, str.lower


def _clip_text(model: Any, tokenizer: Any, sentences: list[str], longest: int) -> Tensor:
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    # Padding may be the same token, so the first one counts. The model's own pooled output trusts
    # the end-of-text id in its configuration, which is wrong in many published files.
    ends = (tokens["input_ids"] == tokenizer.eos_token_id).int().argmax(dim=1)
    mask = tokens["attention_mask"]
    states = model.text_model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
    embeddings: Tensor = model.text_projection(states[torch.arange(len(ends)), ends])
    return embeddings


def _siglip_text(model: Any, tokenizer: Any, sentences: list[str], longest: int) -> Tensor:
    # It was trained on sentences padded to the longest, and without a mask for the padding.
    tokens = tokenizer(
        sentences, padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
    )
    embeddings: Tensor = model.text_model(input_ids=tokens["input_ids"]).pooler_output
    return embeddings


def _without_positions(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Older files list the numbers 0, 1, 2, … of the positions beside the parameters."""
    return {name: value for name, value in state.items() if not name.endswith(".position_ids")}


@contextmanager
def reading(folder: Path, files: str) -> Iterator[None]:
    """Names the files in errors of the library, whose kind depends on what is wrong with them."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise harness.HarnessError(
            f"{folder}: {files} does not fit CLIP or SigLIP ({type(error).__name__}: {reason})"
        ) from error
