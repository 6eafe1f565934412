"""One set of small weights, from its recipe to its files."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from harness_phantom.own_weights import CHECKPOINT, RECIPE, described
from harness_phantom.pretrain.contrastive import learn_clip
from harness_phantom.pretrain.networks import BackboneLearner, EncoderLearner, Learner
from harness_phantom.pretrain.phantoms import Phantoms
from harness_phantom.pretrain.recipes import SIZE, Recipe
from harness_phantom.pretrain.regional import learn_regions

EVERY_STEPS = 100
"""How often progress is printed."""


def make(recipe: Recipe, phantoms: Phantoms, out: Path) -> str:
    """Write the folder ``out/<name>`` and say what it took.

    One thread, so that the bytes do not depend on the number of cores.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    started = time.process_time()
    folder = out / f".{recipe.name}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def progress(step: int) -> None:
        if step % EVERY_STEPS == 0:
            print(f"{recipe.name}: {step}/{recipe.steps} steps", file=sys.stderr, flush=True)

    if recipe.kind == "clip":
        clip = learn_clip(phantoms, recipe, folder, progress)
        clip.config.save_pretrained(folder)
        state: Mapping[str, Tensor] = clip.state_dict()
    else:
        kind = EncoderLearner if recipe.kind == "encoder" else BackboneLearner
        learner: Learner = kind(recipe.family, SIZE, recipe.arguments)
        learn_regions(learner, phantoms, recipe, progress)
        state = learner.shipped()
    save_file({name: _halved(value) for name, value in state.items()}, folder / CHECKPOINT)
    seconds = time.process_time() - started
    (folder / RECIPE).write_text(json.dumps(described(folder, recipe.digest), indent=1) + "\n")
    shutil.rmtree(out / recipe.name, ignore_errors=True)
    folder.replace(out / recipe.name)
    (out / recipe.name / CHECKPOINT).chmod(0o644)
    size = (out / recipe.name / CHECKPOINT).stat().st_size
    return f"{size / 2**20:.2f} MiB, {seconds:.0f} CPU-seconds"


def _halved(value: Tensor) -> Tensor:
    """Floats in half precision: they are loaded into float32 parameters."""
    value = value.detach().contiguous()
    return value.half() if value.is_floating_point() else value
