"""torchvision classifiers: sizes, preprocessing, heads and checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

import harness_supervised
from harness import HarnessError, InputSpec
from harness.training.frozen.freeze import apply_stage
from harness_supervised.models import Classifier
from tests.checkpoints import make_problem, parameter_count, save_torch, tiny_params

SPECS = {spec.name: spec for spec in harness_supervised.harness_methods()}
FEATURES = {
    "swin_b": 1024,
    "vit_b_16": 768,
    "convnext_base": 1024,
    "densenet161": 2208,
    "efficientnet_v2_l": 1280,
    "resnext101_64x4d": 2048,
}
"""Inputs of each published network's last linear layer."""

each_network = pytest.mark.parametrize("name", FEATURES)
each_head = pytest.mark.parametrize("head", ["replace", "study"])


def published(name: str) -> torchvision.models.Weights:
    return torchvision.models.get_model_weights(name).IMAGENET1K_V1.value


def full_on_meta(name: str, head: str) -> nn.Module:
    params = {**SPECS[name].params, "head": head}
    with torch.device("meta"):
        return Classifier(make_problem("classification", 224), **params).build()


def small(name: str, head: str = "replace", size: int = 64) -> Classifier:
    params = {**tiny_params(SPECS[name]), "head": head}
    return Classifier(make_problem("classification", size), **params)


def small_torchvision(name: str, size: int = 64) -> nn.Module:
    """The small network as torchvision would publish it, with 1,000 classes."""
    return small(name, "study", size).build()[0]


def loaded(name: str, checkpoint: Path, *, head: str = "replace", size: int = 64) -> nn.Module:
    """The small network that starts from the checkpoint."""
    problem = make_problem("classification", size, {checkpoint.name: checkpoint})
    return Classifier(problem, **{**tiny_params(SPECS[name]), "head": head}).build()


@each_network
def test_one_preprocessing_for_all_is_that_of_imagenet(name: str) -> None:
    params = {**tiny_params(SPECS[name]), "preprocessing": "imagenet"}
    method = Classifier(make_problem("classification", 224), **params)
    assert method.input == InputSpec(
        size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), interpolation="bilinear"
    )


def last_layer(network: nn.Module) -> str:
    """What the names of its parameters start with."""
    return list(network.state_dict())[-1].removesuffix("bias")


def settings(network: nn.Module) -> list[tuple[str, dict[str, object]]]:
    """What no state holds, per layer: heads, windows, epsilons, rates of dropout, …"""
    plain = (bool, int, float, str, tuple, list)
    return [
        (type(layer).__name__, {k: v for k, v in vars(layer).items() if isinstance(v, plain)})
        for layer in network.modules()
    ]


def bright_quarters(count: int) -> tuple[Tensor, Tensor]:
    """Noise with one brighter quarter, and which: images [B, 3, 64, 64], labels [B]."""
    labels = torch.arange(count) % 4
    images = torch.randn(count, 3, 64, 64) * 0.5
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = divmod(label, 2)
        image[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32] += 1
    return images, labels


def test_the_networks_of_the_study_are_offered_and_one_that_needs_no_hub() -> None:
    assert set(SPECS) == {*FEATURES, "efficientnet_lite0"}


@each_network
def test_the_head_is_a_stated_parameter_that_a_run_can_change(name: str) -> None:
    assert SPECS[name].params["head"] == "replace"
    assert "head" not in SPECS[name].tiny


@each_network
def test_the_card_repeats_what_torchvision_says_of_its_weights(name: str) -> None:
    weights, card = published(name), SPECS[name].weights
    assert card is not None
    transforms = weights.transforms()
    assert card.id == f"{name}.imagenet1k_v1"
    assert card.location == weights.url
    (file,) = card.files
    assert weights.url.rpartition("/")[2] == file.name == f"{name}-{file.sha256}.pth"
    assert card.mean == tuple(transforms.mean)
    assert card.std == tuple(transforms.std)
    assert card.interpolation == transforms.interpolation.value
    assert (card.native_size,) == tuple(transforms.crop_size)


@each_network
@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_images_are_prepared_as_the_weights_want_them_at_the_size_of_the_protocol(
    name: str, preset: str
) -> None:
    spec = SPECS[name]
    size, params = (224, spec.params) if preset == "paper" else (64, tiny_params(spec))
    card = spec.weights
    assert card is not None
    assert Classifier(make_problem("classification", size), **params).input == InputSpec(
        size=size, mean=card.mean, std=card.std, interpolation=card.interpolation
    )


def test_efficientnet_is_not_prepared_like_the_others() -> None:
    wanted = small("efficientnet_v2_l").input
    assert (wanted.mean, wanted.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert wanted.interpolation == "bicubic"


@pytest.mark.parametrize(
    ("name", "asked", "used"),
    [
        ("vit_b_16", 384, 384),
        ("vit_b_16", 230, 224),
        ("vit_b_16", 100, 96),
        *((name, 230, 230) for name in FEATURES if name != "vit_b_16"),
    ],
)
def test_images_are_a_multiple_of_the_patch_where_patches_have_positions(
    name: str, asked: int, used: int
) -> None:
    method = Classifier(make_problem("classification", asked), **SPECS[name].params)
    assert method.input.size == used


@each_network
def test_the_full_network_is_that_of_torchvision(name: str) -> None:
    network = full_on_meta(name, "study")
    assert parameter_count(network) == published(name).meta["num_params"] + 4_004
    with torch.device("meta"):
        original = torchvision.models.get_model(name)
    shapes = {key: value.shape for key, value in network[0].state_dict().items()}
    assert shapes == {key: value.shape for key, value in original.state_dict().items()}
    assert settings(network[0]) == settings(original)


@each_network
def test_the_full_network_classifies_an_image_of_224_pixels(name: str) -> None:
    network = full_on_meta(name, "replace")
    old, new = 1000 * (FEATURES[name] + 1), 4 * (FEATURES[name] + 1)
    assert parameter_count(network) == published(name).meta["num_params"] - old + new
    # Zeros in the place of random numbers, which take longer to draw than the image takes.
    network.to_empty(device="cpu").eval()
    network.load_state_dict({k: torch.zeros_like(v) for k, v in network.state_dict().items()})
    method = Classifier(make_problem("classification", 224), **SPECS[name].params)
    with torch.inference_mode():
        assert method.forward(network, torch.zeros(1, 3, 224, 224))["label"].shape == (1, 4)


@each_head
@each_network
def test_the_small_network_gives_one_logit_per_class_and_image(name: str, head: str) -> None:
    method = small(name, head)
    assert method.forward(method.build(), torch.zeros(2, 3, 64, 64))["label"].shape == (2, 4)


@each_network
def test_the_small_network_is_small(name: str) -> None:
    assert parameter_count(small(name).build()) < 1_200_000


@each_head
@each_network
def test_every_parameter_learns_from_the_first_step(name: str, head: str) -> None:
    torch.manual_seed(0)
    method = small(name, head)
    network = method.build()
    (stage,) = method.stages
    assert len(apply_stage(network, stage)) == len(list(network.parameters()))
    images, labels = bright_quarters(16)
    nn.functional.cross_entropy(method.forward(network, images)["label"], labels).backward()
    still = [key for key, value in network.named_parameters() if not value.grad.any()]
    assert still == []


@each_network
def test_the_small_network_learns_from_random_weights_within_three_epochs(name: str) -> None:
    torch.manual_seed(0)
    method = small(name)
    network = method.build().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(3 * 16):
        images, labels = bright_quarters(16)
        loss = nn.functional.cross_entropy(method.forward(network, images)["label"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, labels = bright_quarters(64)
    with torch.inference_mode():
        found = method.forward(network.eval(), images)["label"].argmax(dim=1)
    assert (found == labels).float().mean() > 0.9


@each_head
@each_network
def test_a_checkpoint_fills_the_body_and_leaves_the_new_head(
    tmp_path: Path, name: str, head: str
) -> None:
    source = small_torchvision(name)
    save_torch(source, tmp_path / "small.pth")
    module = loaded(name, tmp_path / "small.pth", head=head)
    body = (module[0] if head == "study" else module).state_dict()
    for key, value in source.state_dict().items():
        if head == "study" or not key.startswith(last_layer(source)):
            assert torch.equal(body[key], value), key
        else:
            assert len(body[key]) == 4, key


@each_network
def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path, name: str) -> None:
    other = "densenet161" if name == "convnext_base" else "convnext_base"
    save_torch(small_torchvision(other), tmp_path / "other.pth")
    with pytest.raises(HarnessError, match=r"other\.pth: this checkpoint does not fit"):
        loaded(name, tmp_path / "other.pth")


@each_network
def test_a_checkpoint_of_another_member_of_the_family_is_refused(tmp_path: Path, name: str) -> None:
    spec = SPECS[name]
    arguments = dict(spec.tiny["arguments"])
    if name == "vit_b_16":
        arguments["depth"] += 1
    else:
        first, *others = arguments["depths"]
        arguments["depths"] = [first + 1, *others]
    problem = make_problem("classification", 64)
    deeper = Classifier(problem, **{**tiny_params(spec), "arguments": arguments, "head": "study"})
    save_torch(deeper.build()[0], tmp_path / "deeper.pth")
    with pytest.raises(HarnessError, match=r"deeper\.pth.*does not fit.*Unexpected key"):
        loaded(name, tmp_path / "deeper.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"classifier": Path("anything but a tensor")}, tmp_path / "small.pth")
    with pytest.raises(HarnessError, match=r"small\.pth"):
        loaded("convnext_base", tmp_path / "small.pth")


OLD_NAMES = {
    "densenet161": {
        "norm1": "norm.1",
        "norm2": "norm.2",
        "conv1": "conv.1",
        "conv2": "conv.2",
    },
    "vit_b_16": {"mlp.0": "mlp.linear_1", "mlp.3": "mlp.linear_2"},
}
"""Today's names -> those in the files, which are older."""


@pytest.mark.parametrize("name", OLD_NAMES)
def test_a_file_of_old_names_is_read(tmp_path: Path, name: str) -> None:
    network = small_torchvision(name)
    old = {}
    for key, value in network.state_dict().items():
        old_key = key
        for today, before in OLD_NAMES[name].items():
            old_key = old_key.replace(f".{today}.", f".{before}.")
        # DenseNet's file is also older than the counting of batches.
        if not key.endswith("num_batches_tracked"):
            old[old_key] = value
    assert any(before in key for key in old for before in OLD_NAMES[name].values())
    torch.save(old, tmp_path / "old.pth")
    body = loaded(name, tmp_path / "old.pth").state_dict()
    for key, value in network.state_dict().items():
        if not key.startswith(last_layer(network)):
            assert torch.equal(body[key], value), key


def test_positions_are_interpolated_to_another_size_of_images(tmp_path: Path) -> None:
    source = small_torchvision("vit_b_16")
    save_torch(source, tmp_path / "vit.pth")
    network = loaded("vit_b_16", tmp_path / "vit.pth", size=96)
    before, after = source.encoder.pos_embedding[0], network.encoder.pos_embedding[0]
    assert (len(before), len(after)) == (1 + 8 * 8, 1 + 12 * 12)
    assert torch.equal(after[0], before[0]), "the class token has no place in the grid"
    grids = before[1:].view(8, 8, -1), after[1:].view(12, 12, -1)
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        torch.testing.assert_close(grids[1][row, column], grids[0][row, column])
    assert network(torch.zeros(1, 3, 96, 96)).shape == (1, 4)


def test_an_unknown_head_or_family_is_refused() -> None:
    with pytest.raises(HarnessError, match="'replace' or 'study'"):
        small("convnext_base", head="both")
    with pytest.raises(HarnessError, match="convnext"):
        Classifier(make_problem("classification", 64), family="alexnet", arguments={})
