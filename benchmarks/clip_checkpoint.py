"""A CLIP checkpoint with random weights: the published one cannot be had without a download."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_model
from transformers import CLIPConfig, CLIPModel

START, END = "<|startoftext|>", "<|endoftext|>"
LONGEST_SENTENCE = 512
"""Tokens; this tokenizer reads letter by letter and needs more than the real one."""


def write_clip(folder: Path, *, full: bool) -> Mapping[str, Path]:
    """The files of a weights card: of ViT-L/14's shape where ``full``, else of two thin layers."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    start, end = len(tokens) - 2, len(tokens) - 1
    config = CLIPConfig(
        text_config={
            **(_transformer(768, 12, 12) if full else _transformer(32, 2, 2)),
            "vocab_size": len(tokens),
            "max_position_embeddings": LONGEST_SENTENCE,
            "bos_token_id": start,
            "eos_token_id": end,
            "pad_token_id": end,
        },
        vision_config={
            **(_transformer(1024, 24, 16) if full else _transformer(32, 2, 2)),
            "image_size": 224 if full else 64,
            "patch_size": 14 if full else 8,
        },
        projection_dim=768 if full else 16,
    )
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    save_model(CLIPModel(config), str(folder / "model.safetensors"))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    roles = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", **roles})
    )
    return {path.name: path for path in folder.iterdir()}


def _transformer(width: int, layers: int, heads: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
