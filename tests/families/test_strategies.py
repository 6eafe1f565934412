"""What the strategies freeze, where they cut networks, and what they say when they cannot."""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import make_problem
from cli_tools import inside

import harness
from harness.discovery import requirements
from harness.training.frozen.freeze import trainable_names
from harness_families import timm_names, torchvision_names

SMALL = [
    "timm/resnet10t",
    "timm/vit_tiny_patch16_224",
    "timm/test_convnext",
    "timm/test_efficientnet",
    "timm/deit_tiny_distilled_patch16_224",
    "timm/mobilenetv3_small_050",
    "timm/regnetx_002",
    "torchvision/squeezenet1_1",
    "torchvision/mobilenet_v3_small",
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/densenet121",
    "torchvision/googlenet",
]


def made(name: str) -> harness.TorchMethod:
    family, _, inner = name.partition("/")
    spec = (timm_names if family == "timm" else torchvision_names).resolve(inner)
    module, _, factory = spec.factory.partition(":")
    found: Any = getattr(importlib.import_module(module), factory)
    method: harness.TorchMethod = found(make_problem("classification", 64), **spec.params)
    return method


@pytest.mark.parametrize("strategy", ["freeze2", "linear"])
@pytest.mark.parametrize("name", SMALL)
def test_all_that_is_frozen_is_in_the_prefix_and_nothing_else(name: str, strategy: str) -> None:
    method = made(f"{name}@{strategy}")
    network = method.build().eval()
    (stage,) = method.stages
    parts = method.split(network, stage)
    assert parts is not None
    prefix, suffix = parts
    trained = trainable_names(network, stage)
    own = {id(value) for value in prefix.parameters()}
    assert own == {id(v) for n, v in network.named_parameters() if n not in trained}
    images = torch.randn(2, 3, method.input.size, method.input.size)
    with torch.no_grad():
        whole, again = method.forward(network, images), suffix(prefix(images))
    torch.testing.assert_close(again["label"], whole["label"], rtol=1e-4, atol=1e-5)


def test_dropout_before_the_head_stays_behind_the_cut() -> None:
    method = made("torchvision/mobilenet_v3_small@linear")
    network = method.build()
    parts = method.split(network, method.stages[0])
    assert parts is not None
    features = torch.randn(4, 1024)
    with torch.no_grad():
        network.train()
        assert not torch.equal(parts[1](features)["label"], parts[1](features)["label"])
        network.eval()
        assert torch.equal(parts[1](features)["label"], parts[1](features)["label"])


def test_a_network_that_cannot_be_followed_is_not_cut_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    method = made("timm/test_vit@linear")
    network = method.build()
    assert method.split(network, method.stages[0]) is None
    assert "stage linear: what is frozen is computed anew in every step" in capsys.readouterr().out


def test_more_blocks_than_there_are_is_one_sentence() -> None:
    with pytest.raises(harness.HarnessError, match="freeze99: the network has 4 blocks"):
        made("timm/resnet10t@freeze99").build()
    with pytest.raises(harness.HarnessError, match="freeze1: the network has 0 blocks"):
        made("torchvision/vgg11@freeze1").build()


@pytest.mark.parametrize(
    ("name", "adapted"),
    [
        ("timm/test_vit", ".qkv."),
        ("timm/resnet10t", ".conv1."),
        # Its attention reads weights without calling their layers.
        ("torchvision/vit_b_32", ".mlp."),
    ],
)
def test_lora_changes_nothing_at_first_and_trains_updates_and_the_head(
    name: str, adapted: str
) -> None:
    torch.manual_seed(0)
    plain = made(f"{name}@full").build().eval()
    torch.manual_seed(0)
    method = made(f"{name}@lora")
    network = method.build().eval()
    images = torch.randn(2, 3, method.input.size, method.input.size)
    outputs = method.forward(network, images)["label"]
    torch.testing.assert_close(outputs, plain(images), rtol=1e-4, atol=1e-5)
    trained = trainable_names(network, method.stages[0])
    assert any(adapted in name for name in trained)
    outputs.sum().backward()
    values = dict(network.named_parameters())
    # An update of a layer that is never called has none.
    assert not [name for name in trained if values[name].grad is None]


def test_lora_without_its_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = requirements.version

    def version(name: str) -> str:
        if name == "peft":
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(requirements, "version", version)
    done = inside(
        *("plan", "--plugins", "torchvision/alexnet@lora", "--weights", "random"), cwd=tmp_path
    )
    assert "not_installed" in done.stdout
    assert "pip install 'cxr-harness[lora]'" in " ".join(done.stdout.split())
