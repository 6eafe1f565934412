"""Zero-shot classification with a CLIP checkpoint of the transformers library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTokenizer, CLIPVisionConfig, PreTrainedTokenizerBase

import harness
from harness_clip import VIT_L14
from harness_clip.prompt_sets import read_prompts


class ImageClassifier(nn.Module):
    """Cosine similarity of images with one text embedding per class, times CLIP's temperature."""

    classes: Tensor
    """Unit vectors [C, D]."""

    def __init__(self, clip: CLIPModel, classes: Tensor) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("classes", classes)

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.clip.vision_model(pixel_values=images).pooler_output
        embeddings = self.clip.visual_projection(pooled).float()
        # In half precision, logits this large would be rounded to eighths.
        similarity = F.cosine_similarity(embeddings[:, None], self.classes, dim=2)
        return self.clip.logit_scale.exp() * similarity


class ZeroShot(harness.TorchMethod):
    """CLIP with sentences in place of training.

    Args:
        problem: what to predict; its weights files lie in one folder.
        prompts: names of prompt sets. A class is the mean of the unit embeddings of its sentences
            in all sets, scaled to a unit vector again (Radford et al. 2021, section 3.1.4).
    """

    stages = (harness.Stage(name="zero-shot", trainable=lambda module: ()),)

    def __init__(self, problem: harness.Problem, *, prompts: Sequence[str]) -> None:
        super().__init__(problem)
        self._prompts = prompts
        if problem.weights != "pretrained":
            raise harness.HarnessError("zero-shot classification needs pretrained weights")
        self._folder = problem.weights_files["config.json"].parent

    @property
    def input(self) -> harness.InputSpec:
        """The checkpoint's own image size: its positions are not interpolated."""
        config: Any = CLIPVisionConfig.from_pretrained(self._folder, local_files_only=True)
        return harness.InputSpec(
            size=config.image_size,
            mean=VIT_L14.mean,
            std=VIT_L14.std,
            interpolation=VIT_L14.interpolation,
        )

    def build(self) -> nn.Module:
        sentences = read_prompts(self._prompts, self.problem.classes)
        clip = load_checkpoint(self._folder)
        tokenizer = CLIPTokenizer.from_pretrained(self._folder, local_files_only=True)
        flat = [sentence for own in sentences.values() for sentence in own]
        per_class = torch.split(encode(clip, tokenizer, flat), [*map(len, sentences.values())])
        means = torch.stack([embeddings.mean(dim=0) for embeddings in per_class])
        return ImageClassifier(clip, F.normalize(means, dim=1))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}


@torch.no_grad()
def encode(clip: CLIPModel, tokenizer: PreTrainedTokenizerBase, sentences: list[str]) -> Tensor:
    """Unit embeddings [N, D] of sentences, each read at its end-of-text token.

    Raises:
        HarnessError: a sentence is longer than the text encoder reads.
    """
    longest = clip.text_model.config.max_position_embeddings
    for sentence in sentences:
        if (length := len(tokenizer(sentence)["input_ids"])) > longest:
            raise harness.HarnessError(
                f"a prompt has {length} tokens, but CLIP reads {longest}: {sentence!r}"
            )
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    states = clip.text_model(**tokens).last_hidden_state
    # Padding may be the same token, so the first one counts. The model's own pooled output trusts
    # the end-of-text id in its configuration, which is wrong in many published files.
    ends = (tokens["input_ids"] == tokenizer.eos_token_id).int().argmax(dim=1)
    return F.normalize(clip.text_projection(states[torch.arange(len(ends)), ends]), dim=1)


def load_checkpoint(folder: Path) -> CLIPModel:
    """The CLIP model in a folder, in float32 and evaluation mode.

    Raises:
        HarnessError: the folder holds no CLIP checkpoint, or not all of its parameters.
    """
    try:
        loaded: Any = CLIPModel.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise harness.HarnessError(f"{folder}: no CLIP checkpoint that fits ({reason})") from error
    clip, report = loaded
    # The library fills what is missing with random numbers.
    if missing := sorted(report["missing_keys"]):
        raise harness.HarnessError(
            f"{folder}: this checkpoint does not fit CLIPModel: it lacks {len(missing)} "
            f"parameters, first {missing[0]}"
        )
    return clip.float().eval()
