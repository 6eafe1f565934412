"""A byte-pair vocabulary in the files of CLIP's tokenizer, learned from sentences."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
_LAST = "</w>"
"""Follows the last symbol of a word."""


def write_tokenizer(folder: Path, sentences: Iterable[str], *, merges: int, longest: int) -> None:
    """Write ``vocab.json``, ``merges.txt`` and ``tokenizer_config.json``.

    Every byte is a symbol, at the end of a word and elsewhere, so no text is unknown.

    Args:
        folder: where the files go; it exists.
        sentences: what the merges are learned from.
        merges: so many pairs are merged, the most frequent first.
        longest: tokens of the longest text, both ends included.
    """
    symbols = sorted(ByteLevel.alphabet())
    learned = _learned(sentences, merges)
    words = [*symbols, *(symbol + _LAST for symbol in symbols), *map("".join, learned), START, END]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(f"{first} {second}" for first, second in learned)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": longest,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")


def _learned(sentences: Iterable[str], merges: int) -> list[tuple[str, str]]:
    """Pairs of symbols, in the order in which they are merged."""
    # CLIP's own way from a text to words.
    clip = CLIPTokenizer().backend_tokenizer
    tokenizer = Tokenizer(BPE(end_of_word_suffix=_LAST))
    tokenizer.normalizer = clip.normalizer
    tokenizer.pre_tokenizer = clip.pre_tokenizer
    alphabet = ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=2 * len(alphabet) + merges,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=alphabet,
        end_of_word_suffix=_LAST,
    )
    tokenizer.train_from_iterator(sorted(set(sentences)), trainer)
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(first, second) for first, second in pairs][:merges]
