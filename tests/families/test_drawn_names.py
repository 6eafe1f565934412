"""Forty names drawn over all families: the small networks take a training step, the large ones are
built without values and counted."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from checkpoints import make_problem
from drawn import drawn, method
from torch import Tensor, nn
from torchvision.models import get_model
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

import harness
from harness.training.frozen.freeze import trainable_names

SMALL = 8_000_000
"""Parameters of the largest network that is trained here."""
WIDTHS = {"base": (768, 12), "-B-": (768, 12), "large": (1024, 24), "-L-": (1024, 24),
          "-H-": (1280, 32), "so400m": (1152, 27)}  # fmt: skip
"""Part of a name -> features and layers of its image encoder."""


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def of_problem(spec: harness.MethodSpec, files: dict[str, Path] | None = None) -> Any:
    module, _, name = spec.factory.partition(":")
    factory = getattr(importlib.import_module(module), name)
    return factory(make_problem(spec.task, 32, files), **spec.params)


def of_library(spec: harness.MethodSpec) -> nn.Module:
    """The network as its library builds it."""
    params = spec.params
    if spec.family == "timm":
        network: nn.Module = timm.create_model(str(params["model"]))
    elif spec.family == "torchvision":
        network = get_model(params["model"], weights=None)
    else:
        network = smp.create_model(
            params["architecture"], encoder_name=params["encoder"], encoder_weights=None
        )
    return network


def unvalued(make: Callable[[], nn.Module]) -> nn.Module:
    """Without values, where the network can be built so."""
    try:
        with torch.device("meta"):
            return make()
    except (RuntimeError, NotImplementedError):
        return make()


def without(head: tuple[str, ...], network: nn.Module) -> int:
    """Parameters but those of the head."""
    own = tuple(f"{name}." for name in head)
    return sum(p.numel() for name, p in network.named_parameters() if not name.startswith(own))


CLASSIFIED = [pair for pair in drawn() if pair[0] != "hf-clip"]
CLIPS = [pair for pair in drawn() if pair[0] == "hf-clip"]


@pytest.mark.parametrize(("family", "name"), CLASSIFIED)
def test_a_drawn_network_is_the_librarys_and_trains(family: str, name: str) -> None:
    spec = method(family, name)
    made = of_problem(spec)
    theirs = unvalued(lambda: of_library(spec))
    if count(theirs) <= SMALL:
        trained_for_a_step(made)
        return
    ours = unvalued(made.create if hasattr(made, "create") else made.network)
    head = made.head(ours)
    # Positions take more or fewer parameters where images are of another size.
    sized = {n for n, p in ours.named_parameters() if p.shape != shape_of(theirs, n)}
    aux = ("aux1", "aux2", "AuxLogits")
    if not any(not part.startswith(head) for part in sized):
        assert without(head, ours) == without((*head, *aux), theirs)
    assert dict(ours.named_parameters()).keys() == {
        n for n, _ in theirs.named_parameters() if not n.startswith(aux)
    }


def shape_of(network: nn.Module, name: str) -> Any:
    found = dict(network.named_parameters()).get(name)
    return None if found is None else found.shape


def trained_for_a_step(made: harness.TorchMethod) -> None:
    torch.manual_seed(1)
    network = made.build()
    stage = made.stages[0]
    trained = trainable_names(network, stage)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    size = made.input.size
    images = torch.randn(2, 3, size, size)
    network.eval()  # Normalisation over two images of a pixel each says nothing.
    targets = {"label": torch.tensor([0, 1]), "mask": torch.ones(2, 1, size, size)}
    outputs = made.forward(network, images)
    batch = harness.Batch(images, {n: targets[n] for n in outputs}, dict.fromkeys(outputs))
    terms: dict[str, Tensor] = made.loss(outputs, batch)
    sum(terms.values()).backward()  # type: ignore[union-attr]
    optimiser = torch.optim.Adam(
        [p for name, p in network.named_parameters() if name in trained], lr=1e-3
    )
    optimiser.step()
    moved = {n for n, value in network.named_parameters() if not torch.equal(value, before[n])}
    assert moved
    assert moved <= trained
    for part in made.stages:
        if (parts := made.split(network, part)) is not None:
            with torch.no_grad():
                whole = made.forward(network, images)
                again = parts[1](parts[0](images))
            assert whole.keys() == again.keys()
            for target in whole:
                torch.testing.assert_close(again[target], whole[target], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "name"), CLIPS)
def test_a_drawn_model_of_the_hub_has_the_image_encoder_of_its_configuration(
    family: str, name: str, tmp_path: Path
) -> None:
    from harness_families.clip_models import Network
    from harness_families.clip_network import Encoder, image_input

    spec = method(family, name)
    assert spec.weights is not None
    width, layers = next(sizes for part, sizes in WIDTHS.items() if part in name)
    image = spec.weights.native_size
    vision = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
        "intermediate_size": 4 * width,
        "image_size": image,
    }
    sigmoid = "siglip" in name
    config = (SiglipConfig if sigmoid else CLIPConfig)(vision_config=vision)
    with torch.device("meta"):
        model = (SiglipModel if sigmoid else CLIPModel)(config)
        ours = Network(Encoder(model), 4)
    assert count(ours) == count(model.vision_model) + 4 * (width + 1)
    config.save_pretrained(tmp_path)
    images = {"image_mean": spec.weights.mean, "image_std": spec.weights.std}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(images))
    assert image_input(tmp_path).size == image


def test_forty_names_are_drawn() -> None:
    assert len(set(drawn())) == 40
