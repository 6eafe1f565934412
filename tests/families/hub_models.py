"""Small CLIP and SigLIP repositories, as the hub has large ones, made with the library itself."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from checkpoints import make_clip
from transformers import CLIPTokenizer, SiglipConfig, SiglipModel

LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
}


def clip_repository(folder: Path) -> None:
    """Three layers of 32 features at 32 px."""
    make_clip(folder, vision={"num_hidden_layers": 3})
    CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    _say_images(folder, [0.48, 0.46, 0.41], [0.27, 0.26, 0.28])


def siglip_repository(folder: Path) -> None:
    """The same of SigLIP."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True)
    letters = {chr(code): code - 32 for code in range(33, 127)} | {"[UNK]": 0, "</s>": 95}
    tokenizer = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {"tokenizer_class": "SiglipTokenizer", "pad_token": "</s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts))
    config = SiglipConfig(
        text_config={**LAYERS, "vocab_size": 96, "max_position_embeddings": 200},
        vision_config={**LAYERS, "image_size": 32, "patch_size": 8},
    )
    torch.manual_seed(0)
    SiglipModel(config).save_pretrained(folder)
    _say_images(folder, [0.5] * 3, [0.5] * 3)


def _say_images(folder: Path, mean: list[float], std: list[float]) -> None:
    facts = {"image_mean": mean, "image_std": std, "resample": 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
