"""Image encoders of CLIP and SigLIP: compared with sentences, or with a classifier of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import harness
from harness_families.clip_names import CONFIG
from harness_families.clip_network import Encoder, class_embeddings, image_input, read_model
from harness_families.transfer import Transfer

Sentences = Mapping[str, tuple[str, ...]]
"""Class -> its sentences."""


class Network(nn.Module):
    """An encoder and a linear layer: images [B, 3, H, W] -> logits [B, C]."""

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.features, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(images))
        return logits


class Classifier(Transfer):
    """A classifier on an image encoder, trained by a strategy.

    Args:
        problem: what to predict; its weights files lie in one folder.
        options: those of :class:`harness_families.transfer.Transfer` but for the images.
    """

    def __init__(self, problem: harness.Problem, **options: Any) -> None:
        self._folder = _folder(problem)
        images = image_input(self._folder)
        super().__init__(
            problem,
            mean=images.mean,
            std=images.std,
            interpolation=images.interpolation,
            **options,
        )
        self._size = images.size

    @property
    def size(self) -> int:
        return self._size

    def head(self, module: nn.Module) -> tuple[str, ...]:
        return ("head",)

    def network(self) -> nn.Module:
        return Network(Encoder(read_model(self._folder)), len(self.problem.classes))


class Comparison(nn.Module):
    """Cosine similarity of images with one text embedding per class, times the temperature."""

    classes: Tensor
    """Unit vectors [C, D]."""

    def __init__(self, model: Any, classes: Tensor) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            Encoder(model), getattr(model, "visual_projection", nn.Identity())
        )
        self.logit_scale = model.logit_scale
        self.register_buffer("classes", classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.compare(self.encoder(images))

    def compare(self, embeddings: Tensor) -> Tensor:
        """Logits [B, C] of image embeddings [B, D]. SigLIP's bias is the same for every class."""
        # In half precision, logits this large would be rounded to eighths.
        similarity = F.cosine_similarity(embeddings.float()[:, None], self.classes, dim=2)
        logits: Tensor = self.logit_scale.exp() * similarity
        return logits


class ZeroShot(harness.TorchMethod):
    """Sentences instead of training; several prompt sets count alike.

    Args:
        problem: what to predict; its weights files lie in one folder.
        prompts: names of prompt sets of the plugin ``clip``, or the text of a prompt file.
    """

    stages = (harness.Stage(name="zero-shot", trainable=lambda module: ()),)

    def __init__(self, problem: harness.Problem, *, prompts: Sequence[str] | str) -> None:
        super().__init__(problem)
        self._folder = _folder(problem)
        self._prompts = _read_prompts(prompts)

    def skip(self) -> str | None:
        for where, sentences in self._prompts.items():
            for label in self.problem.classes:
                if label not in sentences:
                    return (
                        f"{where} has no sentence for the class {label!r}; "
                        "give sentences of your own with --prompts FILE"
                    )
        return None

    @property
    def input(self) -> harness.InputSpec:
        """Images as the weights were trained on."""
        return image_input(self._folder)

    def build(self) -> nn.Module:
        model = read_model(self._folder)
        sets = [
            class_embeddings(model, self._folder, [own[label] for label in self.problem.classes])
            for own in self._prompts.values()
        ]
        return Comparison(model, F.normalize(torch.stack(sets).mean(dim=0), dim=1))

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}

    def split(
        self, module: nn.Module, stage: harness.Stage
    ) -> tuple[nn.Module, Callable[..., Any]]:
        """Behind the image embedding: all prompt sets share what lies before it."""
        assert isinstance(module, Comparison)
        return module.encoder, lambda embeddings: {"label": module.compare(embeddings)}


def _folder(problem: harness.Problem) -> Path:
    if CONFIG not in problem.weights_files:
        raise harness.HarnessError("the network is in its weights files; use pretrained weights")
    return problem.weights_files[CONFIG].parent


def _read_prompts(prompts: Sequence[str] | str) -> Mapping[str, Sentences]:
    if isinstance(prompts, str):
        where = "the prompt file"
        return {where: harness.parse_prompts(prompts, where)}
    found = {}
    for name in prompts:
        file = files("harness_clip") / "prompts" / f"{name}.txt"
        found[f"prompt set {name!r}"] = harness.parse_prompts(file.read_text("utf-8"), str(file))
    return found
