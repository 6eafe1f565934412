"""Zero-shot classification with a CLIP checkpoint of the transformers library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, PreTrainedTokenizerBase

import harness
from harness_clip import VIT_L14
from harness_clip.prompt_sets import read_prompts

TEXT_BATCH = 64
"""Sentences that are encoded together."""


class ImageEncoder(nn.Module):
    """Images [B, 3, H, W] -> embeddings [B, D], whatever the sentences."""

    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.vision_model = clip.vision_model
        self.visual_projection = clip.visual_projection

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.vision_model(pixel_values=images).pooler_output
        embeddings: Tensor = self.visual_projection(pooled)
        return embeddings


class ImageClassifier(nn.Module):
    """Cosine similarity of images with one text embedding per class, times CLIP's temperature."""

    classes: Tensor
    """Unit vectors [C, D]."""

    def __init__(self, clip: CLIPModel, classes: Tensor) -> None:
        super().__init__()
        self.clip = clip
        self.encoder = ImageEncoder(clip)
        self.register_buffer("classes", classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.compare(self.encoder(images))

    def compare(self, embeddings: Tensor) -> Tensor:
        """Logits [B, C] of image embeddings [B, D]."""
        # In half precision, logits this large would be rounded to eighths.
        similarity = F.cosine_similarity(embeddings.float()[:, None], self.classes, dim=2)
        return self.clip.logit_scale.exp() * similarity


class ZeroShot(harness.TorchMethod):
    """CLIP with sentences instead of training.

    With unit embeddings ``t`` of sentences and ``unit(v) = v / |v|``, a prompt set stands for a
    class by ``unit(mean over its sentences of t)`` (Radford et al. 2021, section 3.1.4), and
    several sets by ``unit(mean over the sets of that)``: each set has the same say, however many
    sentences it has.

    Args:
        problem: what to predict; its weights files lie in one folder.
        prompts: names of prompt sets, or the text of a prompt file in their place.
    """

    stages = (harness.Stage(name="zero-shot", trainable=lambda module: ()),)

    def __init__(self, problem: harness.Problem, *, prompts: Sequence[str] | str) -> None:
        super().__init__(problem)
        if problem.weights != "pretrained":
            raise harness.HarnessError("zero-shot classification needs pretrained weights")
        self._prompts = read_prompts(prompts)
        self._folder = problem.weights_files["config.json"].parent

    def skip(self) -> str | None:
        for where, sentences in self._prompts.items():
            for label in self.problem.classes:
                if label not in sentences:
                    return (
                        f"{where} has no sentence for the class {label!r}; "
                        "give sentences of your own with --prompts FILE"
                    )
        return None

    @cached_property
    def _config(self) -> Any:
        with _reading(self._folder, "config.json"):
            return CLIPConfig.from_pretrained(self._folder, local_files_only=True)

    @property
    def input(self) -> harness.InputSpec:
        """The checkpoint's own image size: its positions are not interpolated."""
        return harness.InputSpec(
            size=self._config.vision_config.image_size,
            mean=VIT_L14.mean,
            std=VIT_L14.std,
            interpolation=VIT_L14.interpolation,
        )

    def build(self) -> nn.Module:
        clip = load_clip(self._config, self._folder)
        with _reading(self._folder, "vocab.json, merges.txt or tokenizer_config.json"):
            tokenizer = CLIPTokenizer.from_pretrained(self._folder, local_files_only=True)
        sets = [
            class_embeddings(clip, tokenizer, [sentences[label] for label in self.problem.classes])
            for sentences in self._prompts.values()
        ]
        return ImageClassifier(clip, unit_mean(torch.stack(sets)))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}

    def split(
        self, module: nn.Module, stage: harness.Stage
    ) -> tuple[nn.Module, Callable[..., Any]]:
        """Behind the image embedding: all prompt sets share what lies before it."""
        assert isinstance(module, ImageClassifier)
        return module.encoder, lambda embeddings: {"label": module.compare(embeddings)}


def class_embeddings(
    clip: CLIPModel, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sequence[str]]
) -> Tensor:
    """Unit vectors [C, D] from the sentences of each of C classes."""
    embeddings = encode(clip, tokenizer, [sentence for own in sentences for sentence in own])
    per_class = torch.split(embeddings, [len(own) for own in sentences])
    return torch.stack([unit_mean(own) for own in per_class])


def unit_mean(vectors: Tensor) -> Tensor:
    """Mean over the first axis, scaled to unit length along the last."""
    return F.normalize(vectors.mean(dim=0), dim=-1)


@torch.no_grad()
def encode(clip: CLIPModel, tokenizer: PreTrainedTokenizerBase, sentences: list[str]) -> Tensor:
    """Unit embeddings [N, D] of sentences, each read at its end-of-text token.

    Raises:
        HarnessError: a sentence is longer than the text encoder reads.
    """
    longest = clip.text_model.config.max_position_embeddings
    for sentence, ids in zip(sentences, tokenizer(sentences)["input_ids"], strict=True):
        if len(ids) > longest:
            raise harness.HarnessError(
                f"a prompt has {len(ids)} tokens, but CLIP reads {longest}: {sentence!r}"
            )
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    # Padding may be the same token, so the first one counts. The model's own pooled output trusts
    # the end-of-text id in its configuration, which is wrong in many published files.
    ends = (tokens["input_ids"] == tokenizer.eos_token_id).int().argmax(dim=1)
    batches = zip(
        tokens["input_ids"].split(TEXT_BATCH),
        tokens["attention_mask"].split(TEXT_BATCH),
        ends.split(TEXT_BATCH),
        strict=True,
    )
    pooled = [
        clip.text_model(input_ids=ids, attention_mask=mask).last_hidden_state[
            torch.arange(len(last)), last
        ]
        for ids, mask, last in batches
    ]
    return F.normalize(clip.text_projection(torch.cat(pooled)), dim=1)


def load_clip(config: Any, folder: Path) -> CLIPModel:
    """The CLIP model in a folder, in float32 and evaluation mode.

    Its activation is the one of the configuration: OpenAI's models were trained with quick-GELU,
    most later ones with GELU.

    Raises:
        HarnessError: the folder holds no such model, or not all of its parameters.
    """
    with _reading(folder, "config.json"):
        clip: Any = _without_values(config)
    harness.load_checkpoint(clip, folder / "model.safetensors", _without_positions)
    ready: CLIPModel = clip.eval()
    return ready


def _without_values(config: Any) -> CLIPModel:
    """A model whose parameters have no values yet: random ones would take longer than the file."""
    with torch.device("meta"):
        clip = CLIPModel(config)
    clip.to_empty(device="cpu")
    for name, buffer in clip.named_buffers():
        # Not in the file: they count from 0.
        if name.endswith(".position_ids"):
            buffer.copy_(torch.arange(buffer.shape[1]))
    return clip


def _without_positions(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Older files list the numbers 0, 1, 2, … of the positions beside the parameters."""
    return {name: value for name, value in state.items() if not name.endswith(".position_ids")}


@contextmanager
def _reading(folder: Path, files: str) -> Iterator[None]:
    """Names the files in errors of the library, whose kind depends on what is wrong with them."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise harness.HarnessError(
            f"{folder}: {files} does not fit CLIP ({type(error).__name__}: {reason})"
        ) from error
