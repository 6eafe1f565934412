"""A CLIP checkpoint with random weights: the published one cannot be had without a download."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from safetensors.torch import save_model
from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import BpeTrainer
from transformers import CLIPConfig, CLIPModel

START, END = "<|startoftext|>", "<|endoftext|>"
LONGEST_SENTENCE = 77
"""Tokens, as published."""
VOCABULARY = 49_408
"""Tokens, as published; those that no sentence needs are never read."""


def write_clip(folder: Path, *, full: bool) -> Mapping[str, Path]:
    """The files of a weights card: of ViT-L/14's shape where ``full``, else of two thin layers."""
    merges = _merges()
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    tokens += [f"<|unused{number}|>" for number in range(len(tokens), VOCABULARY - 2)]
    tokens += [START, END]
    start, end = VOCABULARY - 2, VOCABULARY - 1
    config = CLIPConfig(
        text_config={
            **(_transformer(768, 12, 12) if full else _transformer(32, 2, 2)),
            "vocab_size": VOCABULARY,
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
    lines = ["#version: 0.2", *map(" ".join, merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    roles = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", **roles})
    )
    return {path.name: path for path in folder.iterdir()}


def _merges() -> list[tuple[str, str]]:
    """Learned from the bundled prompt sets, so that a word is one token or a few, as with the
    published tokenizer."""
    sets = files("harness_clip") / "prompts"
    model = Tokenizer(BPE(end_of_word_suffix="</w>"))
    model.normalizer, model.pre_tokenizer = Lowercase(), Split(Regex("[a-z]+|[^ a-z]"), "isolated")
    trainer = BpeTrainer(vocab_size=VOCABULARY, end_of_word_suffix="</w>", show_progress=False)
    model.train_from_iterator((file.read_text("utf-8") for file in sets.iterdir()), trainer)
    return [(left, right) for left, right in json.loads(model.to_str())["model"]["merges"]]


def _transformer(width: int, layers: int, heads: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }
