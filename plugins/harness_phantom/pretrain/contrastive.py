"""A small CLIP, trained on phantoms and report-like sentences about them (Radford et al. 2021).

The contrastive loss alone stays at the logarithm of the batch for long; a second loss on the
simulator's maps, from the image tower's tokens, lets it leave.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from harness_phantom.pretrain.captions import caption, extent
from harness_phantom.pretrain.phantoms import Phantoms
from harness_phantom.pretrain.recipes import Recipe, scheduled
from harness_phantom.pretrain.regional import by_cell
from harness_phantom.pretrain.tokens import write_tokenizer
from harness_phantom.pretrain.views import normalised

MERGES = 500
"""Pairs that the tokenizer merges."""
SENTENCES = 4000
"""Captions that the vocabulary is learned from."""
MAPS = 5.0
"""Weight of the loss on the simulator's maps."""
LARGEST_SCALE = 50.0
"""Of the logits: no sharper comparison is learned."""


def learn_clip(
    phantoms: Phantoms, recipe: Recipe, folder: Path, progress: Callable[[int], None]
) -> CLIPModel:
    """The model; its tokenizer is written into ``folder``, which exists."""
    words, rng = np.random.default_rng(recipe.seed), torch.Generator().manual_seed(recipe.seed)
    maps = zip(phantoms.findings.numpy(), phantoms.lungs.numpy(), strict=True)
    extents = [extent(finding, lungs) for finding, lungs in maps]

    def said(index: int) -> str:
        return caption(phantoms.names[index], extents[index], words)

    longest = recipe.arguments["text_config"]["max_position_embeddings"]
    learned_from = [said(index % len(phantoms)) for index in range(SENTENCES)]
    write_tokenizer(folder, learned_from, merges=MERGES, longest=longest)
    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    clip = CLIPModel(_config(recipe, tokenizer))
    vision = recipe.arguments["vision_config"]
    cells = nn.Linear(vision["hidden_size"], 1)
    both = nn.ModuleList([clip, cells])
    optimizer = torch.optim.AdamW(
        both.parameters(), lr=recipe.learning_rate, weight_decay=0.02, betas=(0.9, 0.98)
    )
    clip.train()
    for step in range(recipe.steps):
        scheduled(optimizer, recipe, step)
        chosen = torch.randint(len(phantoms), (recipe.batch,), generator=rng)
        images = normalised(phantoms.images[chosen].float() / 255, recipe.mean, recipe.std)
        seen = clip.vision_model(pixel_values=images)
        shown = F.normalize(clip.visual_projection(seen.pooler_output), dim=1)
        texts = _texts(clip, tokenizer, [said(index) for index in chosen.tolist()])
        filled = cells(seen.last_hidden_state[:, 1:])[..., 0]
        target = by_cell(phantoms.findings[chosen], vision["image_size"] // vision["patch_size"])
        loss = _contrast(clip, shown, texts)
        loss = loss + MAPS * F.binary_cross_entropy_with_logits(filled, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        progress(step + 1)
    clip.train(False)
    return clip


def _config(recipe: Recipe, tokenizer: CLIPTokenizer) -> CLIPConfig:
    ends = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    arguments = dict(recipe.arguments)
    return CLIPConfig(**{**arguments, "text_config": {**arguments["text_config"], **ends}})


def _texts(clip: CLIPModel, tokenizer: CLIPTokenizer, sentences: list[str]) -> Tensor:
    """Unit embeddings [B, D], each read at its first end-of-text token."""
    tokens = tokenizer(sentences, padding=True, return_tensors="pt")
    ids = tokens["input_ids"]
    ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
    states = clip.text_model(input_ids=ids, attention_mask=tokens["attention_mask"])
    read = states.last_hidden_state[torch.arange(len(ends)), ends]
    return F.normalize(clip.text_projection(read), dim=1)


def _contrast(clip: CLIPModel, shown: Tensor, texts: Tensor) -> Tensor:
    logits = clip.logit_scale.exp().clamp(max=LARGEST_SCALE) * shown @ texts.T
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
