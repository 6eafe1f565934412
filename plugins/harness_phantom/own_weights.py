"""The weights cards of the small networks, whose weights the project has made on phantoms itself.

``python -m harness_phantom.pretrain`` makes them and writes beside each what its files are; plugins
whose small members start from them build their cards here.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import harness

FOLDER = Path(__file__).parent / "weights"
"""One folder for each set of weights, under its card's id."""
CHECKPOINT = "model.safetensors"
RECIPE = "recipe.json"
"""The digest of the recipe, and the files with size and SHA-256."""


def own_card(
    name: str, like: harness.WeightsCard, *, method: str, labels_used: bool
) -> harness.WeightsCard:
    """The card of the weights in ``weights/<name>``.

    Args:
        name: id of the card.
        like: the full network's card, whose preparation of images the small network shares.
        method: how the weights were made.
        labels_used: whether the classes took part, be it in the words of a caption.
    """
    made = json.loads((FOLDER / name / RECIPE).read_text("utf-8"))
    return harness.WeightsCard(
        id=name,
        source="package",
        location=f"harness_phantom:weights/{name}",
        files=tuple(harness.WeightsFile(**file) for file in made["files"]),
        revision=made["recipe"],
        pretraining_method=method,
        pretraining_data="8,000 simulated radiographs (phantom, seed 1001)",
        labels_used=labels_used,
        licence="Apache-2.0",
        mean=like.mean,
        std=like.std,
        native_size=64,
        interpolation=like.interpolation,
    )


def described(folder: Path, recipe: str) -> dict[str, Any]:
    """What ``recipe.json`` says of the files in a folder.

    Args:
        folder: with the files of one card.
        recipe: digest of the recipe.
    """
    files = sorted(path for path in folder.iterdir() if path.name != RECIPE)
    return {
        "recipe": recipe,
        "files": [
            {
                "name": path.name,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "size": path.stat().st_size,
            }
            for path in files
        ],
    }
