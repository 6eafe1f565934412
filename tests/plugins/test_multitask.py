"""Class and mask from one network: its layers, what it returns, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import harness_multitask
import harness_segmentation
from harness import Batch, HarnessError, MethodSpec, TorchMethod
from harness.runtime.resolve import resolve
from harness_segmentation.models import Segmenter
from tests.checkpoints import make_problem, parameter_count, save_safetensors, tiny_params

SPECS = {spec.name: spec for spec in harness_multitask.harness_methods()}
PLAIN, AUXILIARY = SPECS["unet_multitask"], SPECS["unet_resnet50_aux"]
UNET = {spec.name: spec for spec in harness_segmentation.harness_methods()}["unet"]

every = pytest.mark.parametrize("name", SPECS)


def make(
    spec: MethodSpec, size: int, *, full: bool = False, files: Mapping[str, Path] | None = None
) -> TorchMethod:
    """The method as the paper preset or, by default, the quick one makes it."""
    params = spec.params if full else tiny_params(spec)
    return resolve(spec.factory)(make_problem("multitask", size, files), **params)


def double(inputs: int, outputs: int) -> int:
    """Parameters of two 3x3 convolutions without bias, each with scale and shift after it."""
    return 9 * inputs * outputs + 9 * outputs * outputs + 2 * 2 * outputs


def assert_class_and_mask(outputs: Mapping[str, Tensor], batch: int, size: int) -> None:
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {"label": (batch, 4), "mask": (batch, 1, size, size)}


def test_the_full_network_has_the_layers_of_the_study() -> None:
    down = double(3, 64) + double(64, 128) + double(128, 256) + double(256, 512)
    bottleneck = double(512, 1024)
    up = sum(4 * 2 * width * width + width for width in (512, 256, 128, 64))
    merge = sum(double(2 * width, width) for width in (512, 256, 128, 64))
    heads = (64 + 1) + (1024 * 128 + 128) + (128 * 4 + 4)
    method = make(PLAIN, 224, full=True)
    network = method.build().eval()
    assert parameter_count(network) == down + bottleneck + up + merge + heads
    with torch.inference_mode():
        outputs = method.forward(network, torch.zeros(1, 3, 224, 224))
    assert_class_and_mask(outputs, 1, 224)


def test_the_control_is_the_library_s_unet_and_one_linear_layer_for_the_class() -> None:
    method = make(AUXILIARY, 224, full=True)
    network = method.build().eval()
    assert parameter_count(network) == 32_521_105 + (2048 * 4 + 4)
    with torch.inference_mode():
        outputs = method.forward(network, torch.zeros(1, 3, 224, 224))
    assert_class_and_mask(outputs, 1, 224)


@pytest.mark.parametrize("full", [True, False])
def test_encoder_and_decoder_of_the_control_are_those_of_the_segmenter(full: bool) -> None:
    params = UNET.params if full else tiny_params(UNET)
    segmenter = Segmenter(make_problem("segmentation", 64), **params)
    control = make(AUXILIARY, 64, full=full)
    shapes = {name: value.shape for name, value in control.build().state_dict().items()}
    head = {name for name in shapes if name.startswith("classification_head.")}
    assert head
    assert {name: shapes[name] for name in shapes.keys() - head} == {
        name: value.shape for name, value in segmenter.build().state_dict().items()
    }
    assert control.input == segmenter.input


def test_the_control_starts_from_the_segmenter_s_weights() -> None:
    assert AUXILIARY.weights == UNET.weights


@pytest.mark.parametrize(("asked", "used"), [(224, 224), (299, 304), (64, 64), (32, 32)])
def test_images_of_the_plain_network_can_be_halved_four_times(asked: int, used: int) -> None:
    assert make(PLAIN, asked).input.size == used


@every
@pytest.mark.parametrize("asked", [32, 64, 224, 299])
def test_the_mask_has_the_size_of_the_image(name: str, asked: int) -> None:
    method = make(SPECS[name], asked)
    size = method.input.size
    with torch.inference_mode():
        outputs = method.forward(method.build().eval(), torch.zeros(1, 3, size, size))
    assert_class_and_mask(outputs, 1, size)


@every
def test_a_batch_of_two_reaches_every_parameter_of_the_small_network(name: str) -> None:
    method = make(SPECS[name], 64)
    network, batch = method.build().train(), random_batch(2)
    losses = method.loss(method.forward(network, batch.images), batch)
    torch.stack(list(losses.values())).sum().backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert torch.isfinite(value.grad).all(), parameter


@every
def test_both_losses_reach_the_features_that_both_heads_share(name: str) -> None:
    method = make(SPECS[name], 64)
    network = method.build()
    batch = random_batch(4)
    losses = method.loss(method.forward(network, batch.images), batch)
    assert set(losses) == {"label", "mask"}
    for loss in losses.values():
        (gradient,) = torch.autograd.grad(
            loss, last_shared(network), retain_graph=True, allow_unused=True
        )
        assert gradient is not None
        assert gradient.abs().sum() > 0


def test_a_checkpoint_fills_the_encoder_and_leaves_decoder_and_heads(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = make(AUXILIARY, 64).build()
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    before = source.state_dict()
    after = make(AUXILIARY, 64, files=files).build().state_dict()
    for key in before:
        if key.startswith("encoder."):
            assert torch.equal(after[key], before[key]), key
    # Biases and scales start alike everywhere; weights of layers differ.
    rest = [key for key in before if not key.startswith("encoder.") and before[key].dim() > 1]
    assert {key.partition(".")[0] for key in rest} == {
        "decoder",
        "segmentation_head",
        "classification_head",
    }
    assert not any(torch.equal(after[key], before[key]) for key in rest)


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path: Path) -> None:
    source = make(AUXILIARY, 64).build()
    files = save_safetensors(source.encoder, tmp_path / "model.safetensors")
    method = make(AUXILIARY, 64, full=True, files=files)
    with pytest.raises(HarnessError, match=r"model\.safetensors.*does not fit ResNetEncoder"):
        method.build()


def test_each_target_has_a_single_task_twin() -> None:
    for spec in SPECS.values():
        assert spec.twins == {
            "label": "supervised/resnext101_64x4d",
            "mask": "segmentation/unet",
        }


def test_the_plain_network_starts_from_random_weights() -> None:
    assert PLAIN.weights is None
    assert "VNet" in PLAIN.summary


@every
def test_masks_are_needed(name: str) -> None:
    assert "masks" in SPECS[name].needs


def random_batch(size: int) -> Batch:
    images = torch.randn(size, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return Batch(
        images=images,
        targets={"label": torch.arange(size), "mask": (images[:, :1] > 0).float()},
        present={"label": None, "mask": None},
    )


def last_shared(network: nn.Module) -> nn.Parameter:
    """The last convolution whose output both heads read."""
    shared = network.down if hasattr(network, "down") else network.encoder
    convolutions = [module for module in shared.modules() if isinstance(module, nn.Conv2d)]
    return convolutions[-1].weight
