"""The multitask U-Net: its layers counted by hand, and what it returns."""

from __future__ import annotations

import pytest
import torch

import harness_multitask
from harness import Batch
from harness_multitask.models import MultitaskUNet
from tests.checkpoints import make_problem, parameter_count, tiny_params

(SPEC,) = harness_multitask.harness_methods()


def double(inputs: int, outputs: int) -> int:
    """Parameters of two 3x3 convolutions without bias, each with scale and shift after it."""
    return 9 * inputs * outputs + 9 * outputs * outputs + 2 * 2 * outputs


def test_the_full_network_has_the_layers_of_the_study() -> None:
    down = double(3, 64) + double(64, 128) + double(128, 256) + double(256, 512)
    bottleneck = double(512, 1024)
    up = sum(4 * 2 * width * width + width for width in (512, 256, 128, 64))
    merge = sum(double(2 * width, width) for width in (512, 256, 128, 64))
    heads = (64 + 1) + (1024 * 128 + 128) + (128 * 4 + 4)
    method = MultitaskUNet(make_problem("multitask", 224), **SPEC.params)
    network = method.build().eval()
    assert parameter_count(network) == down + bottleneck + up + merge + heads
    with torch.inference_mode():
        outputs = method.forward(network, torch.zeros(1, 3, 224, 224))
    assert outputs["label"].shape == (1, 4)
    assert outputs["mask"].shape == (1, 1, 224, 224)


@pytest.mark.parametrize(("asked", "used"), [(224, 224), (299, 304), (64, 64), (32, 32)])
def test_images_can_be_halved_four_times(asked: int, used: int) -> None:
    method = MultitaskUNet(make_problem("multitask", asked), **tiny_params(SPEC))
    assert method.input.size == used


def test_both_losses_reach_the_bottleneck() -> None:
    method = MultitaskUNet(make_problem("multitask", 64), **tiny_params(SPEC))
    network = method.build()
    batch = Batch(
        images=torch.randn(4, 3, 64, 64),
        targets={"label": torch.arange(4), "mask": torch.ones(4, 1, 64, 64)},
        present={"label": None, "mask": None},
    )
    losses = method.loss(method.forward(network, batch.images), batch)
    assert set(losses) == {"label", "mask"}
    for loss in losses.values():
        (gradient,) = torch.autograd.grad(
            loss, network.down[-1][0].weight, retain_graph=True, allow_unused=True
        )
        assert gradient is not None
        assert gradient.abs().sum() > 0


def test_it_starts_from_random_weights_and_needs_masks() -> None:
    assert SPEC.weights is None
    assert "masks" in SPEC.needs
    assert "VNet" in SPEC.summary
