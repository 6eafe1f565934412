"""torchvision classifiers: sizes, heads and checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

import harness_supervised
from harness import HarnessError
from harness_supervised.models import Classifier
from tests.checkpoints import make_problem, parameter_count, save_torch, tiny_params

SPECS = {spec.name: spec for spec in harness_supervised.harness_methods()}
CONVNEXT = SPECS["convnext_base"]
PUBLISHED = 88_591_464


def test_the_card_repeats_what_torchvision_says_of_its_weights() -> None:
    published = torchvision.models.ConvNeXt_Base_Weights.IMAGENET1K_V1
    card = CONVNEXT.weights
    assert card is not None
    assert card.location == published.url
    assert published.url.endswith(card.files[0].name)
    transforms = published.transforms()
    assert card.mean == tuple(transforms.mean)
    assert card.std == tuple(transforms.std)
    assert card.interpolation == transforms.interpolation.value
    assert (card.native_size,) == tuple(transforms.crop_size)


def test_the_full_network_has_the_published_parameters_but_for_its_head() -> None:
    method = Classifier(make_problem("classification", 224), **CONVNEXT.params)
    network = method.build().eval()
    assert parameter_count(network) == PUBLISHED - 1000 * (1024 + 1) + 4 * (1024 + 1)
    with torch.inference_mode():
        assert method.forward(network, torch.zeros(1, 3, 224, 224))["label"].shape == (1, 4)


def test_the_study_head_keeps_the_published_network_whole() -> None:
    method = Classifier(make_problem("classification", 224), **CONVNEXT.params, head="study")
    with torch.device("meta"):
        network = method.build()
        published = torchvision.models.convnext_base()
    assert parameter_count(network) == PUBLISHED + 4 * (1000 + 1)
    shapes = {name: value.shape for name, value in network[0].state_dict().items()}
    assert shapes == {name: value.shape for name, value in published.state_dict().items()}


@pytest.mark.parametrize("head", ["replace", "study"])
def test_the_small_network_gives_one_logit_per_class_and_image(head: str) -> None:
    method = Classifier(make_problem("classification", 64), **tiny_params(CONVNEXT), head=head)
    assert method.forward(method.build(), torch.zeros(2, 3, 64, 64))["label"].shape == (2, 4)


@pytest.mark.parametrize("head", ["replace", "study"])
def test_a_checkpoint_fills_the_body_and_leaves_the_new_head(tmp_path: Path, head: str) -> None:
    params = {**tiny_params(CONVNEXT), "head": head}
    source = torchvision_network()
    files = save_torch(source, tmp_path / "small.pth")
    module = Classifier(make_problem("classification", 64, files), **params).build()
    body = module[0] if head == "study" else module
    for name, value in source.state_dict().items():
        if head == "study" or not name.startswith("classifier.2."):
            assert torch.equal(body.state_dict()[name], value), name
    new = module[2] if head == "study" else module.classifier[2]
    assert new.out_features == 4


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    files = save_torch(torchvision_network(), tmp_path / "small.pth")
    arguments = {**CONVNEXT.tiny["arguments"], "depths": [1, 1, 2, 1]}
    method = Classifier(
        make_problem("classification", 64, files), family="convnext", arguments=arguments
    )
    with pytest.raises(HarnessError, match=r"small\.pth.*does not fit ConvNeXt"):
        method.build()


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.pth"
    torch.save({"classifier": Path("anything but a tensor")}, path)
    problem = make_problem("classification", 64, {path.name: path})
    with pytest.raises(HarnessError, match=r"small\.pth"):
        Classifier(problem, **tiny_params(CONVNEXT)).build()


def test_an_unknown_head_or_family_is_refused() -> None:
    problem = make_problem("classification", 64)
    with pytest.raises(HarnessError, match="'replace' or 'study'"):
        Classifier(problem, **tiny_params(CONVNEXT), head="both")  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match="convnext"):
        Classifier(problem, family="alexnet", arguments={})


def torchvision_network() -> torch.nn.Module:
    """The small network as torchvision would publish it, with 1,000 classes."""
    method = Classifier(make_problem("classification", 64), **tiny_params(CONVNEXT), head="study")
    return method.build()[0]
