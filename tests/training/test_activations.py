"""Activations at a frozen boundary: right, shared, and never believed when damaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness import HarnessError, InputSpec, Problem, Stage, TorchMethod
from harness.protocol import QUICK, override
from harness.training.batches import Part
from harness.training.fit.loop import Training, fit
from harness.training.fit.stage_inputs import Logits
from harness.training.frozen import activations
from harness.training.frozen.fingerprint import architecture, state_digest
from harness.training.rows import Streamed
from tests.trainings import PROBLEM, make_part, make_training, some


def head_only(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters() if name.startswith("head.")]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, stride=4), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


class Frozen(TorchMethod):
    """Its boundary is a map [B, 4, 8, 8]; with ``cached`` off it is run in every step."""

    stages = (Stage(trainable=head_only),)
    cached = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.images = 0

    @property
    def input(self) -> InputSpec:
        return InputSpec(size=32, mean=(0.5,), std=(0.25,))

    def build(self) -> nn.Module:
        net = Net()
        net.body[0].register_forward_hook(self._count)
        return net

    def _count(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        self.images += len(output)

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module.head(module.body(images))}

    def split(self, module: nn.Module, stage: Stage) -> tuple[nn.Module, Callable[..., Any]] | None:
        if not self.cached or stage.trainable is not head_only:
            return None
        return module.body, lambda maps: {"label": module.head(maps)}


class Uncached(Frozen):
    cached = False


CHECKS = 1 + 2 * (QUICK.batch_size + 4)
"""Images that pass when a boundary is made and when its stage ends, to hold ``split`` to its
promise: one through the prefix alone, and each time a batch through the network and four in train
mode. What the prefix makes of the batch is known from the pass."""


def noise() -> Part:
    labels = np.arange(52) % 2
    pixels = np.random.default_rng(1).integers(0, 120, (52, 32, 32)) + 100 * labels[:, None, None]
    return make_part(pixels.astype(np.uint8), labels)


def training(
    method: TorchMethod,
    directory: Path,
    *settings: str,
    init: int = 0,
    train: slice = slice(0, 40),
    sharing: Mapping[str, Any] | None = None,
) -> Training:
    torch.manual_seed(init)
    images = noise()

    def validate(logits: Logits) -> dict[str, float]:
        with torch.inference_mode():
            (outputs,) = logits([torch.arange(12)])
            return {"primary": float(outputs["label"].std())}

    return make_training(
        method,
        method.build(),
        some(images, train),
        some(images, slice(40, 52)),
        directory,
        override(QUICK, ("epochs=3", *settings)),
        validate,
        sharing=sharing,
    )


def trained(method: TorchMethod, directory: Path, *settings: str, **options: Any) -> Tensor:
    run = training(method, directory, *settings, **options)
    fit(run)
    return run.module.head[2].weight.detach().clone()


@pytest.mark.parametrize("flip", ["flip=false", "flip=true"])
@pytest.mark.parametrize(
    ("half", "tolerance"), [("half_activations=true", 5e-3), ("half_activations=false", 1e-5)]
)
def test_training_on_activations_is_training_on_images(
    flip: str, half: str, tolerance: float, tmp_path: Path
) -> None:
    whole = trained(Uncached(PROBLEM), tmp_path / "whole", flip, half)
    cached = trained(Frozen(PROBLEM), tmp_path / "cached", flip, half)
    torch.testing.assert_close(cached, whole, atol=tolerance, rtol=tolerance)


def test_every_image_passes_the_frozen_layers_once(tmp_path: Path) -> None:
    method = Frozen(PROBLEM)
    trained(method, tmp_path)
    assert method.images == 52 + CHECKS


@pytest.mark.parametrize("flip", ["flip=false", "flip=true"])
def test_in_memory_or_on_disk_is_the_same_to_the_last_bit(flip: str, tmp_path: Path) -> None:
    disk = trained(Frozen(PROBLEM), tmp_path / "disk", flip)
    memory = trained(Frozen(PROBLEM), tmp_path / "memory", flip, sharing={"disk_budget": 0})
    assert torch.equal(disk, memory)
    assert not (tmp_path / "memory" / "cache").exists()


def test_what_fits_nowhere_is_computed_per_batch(tmp_path: Path) -> None:
    nowhere = {"disk_budget": 0, "memory_budget": 0}
    method = Frozen(PROBLEM)
    run = training(method, tmp_path, sharing=nowhere)
    progress = fit(run)
    kept = progress.activations["train"]
    assert (kept["where"], kept["bytes"]) == ("per batch", 52 * 4 * 8 * 8 * 2)
    assert kept["seconds"] == kept["cpu_seconds"] == 0
    assert method.images > 3 * 32 + CHECKS
    whole = trained(Uncached(PROBLEM), tmp_path / "whole")
    assert torch.equal(run.module.head[2].weight, whole)


def artefacts(cache: Path) -> set[str]:
    return {path.parent.name for path in cache.rglob("activations-*.npy")}


def test_another_cell_with_the_same_prefix_computes_nothing(tmp_path: Path) -> None:
    sharing = {"cache": tmp_path / "cache"}
    first, second = Frozen(PROBLEM), Frozen(PROBLEM)
    one = trained(first, tmp_path / "a", sharing=sharing)
    two = trained(second, tmp_path / "b", sharing=sharing)
    assert torch.equal(one, two)
    # Half precision has rounded what is there, and the check is one in float32.
    assert second.images == QUICK.batch_size + CHECKS
    assert len(artefacts(tmp_path / "cache")) == 1


def test_every_user_reports_the_full_price(tmp_path: Path) -> None:
    sharing = {"cache": tmp_path / "cache"}
    prices = [
        fit(training(Frozen(PROBLEM), tmp_path / name, sharing=sharing)).activations["train"]
        for name in ("maker", "user")
    ]
    assert prices[0] == prices[1]
    assert prices[0]["seconds"] > 0


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ((), {"init": 1}),
        (("flip=true",), {}),
        (("half_activations=false",), {}),
        ((), {"sharing": {"facts": {"packages": "others"}}}),
        ((), {"train": slice(0, 30)}),
    ],
    ids=["weights", "views", "dtype", "code", "images"],
)
def test_what_decides_activations_is_in_their_name(
    settings: tuple[str, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    cache = {"cache": tmp_path / "cache"}
    trained(Frozen(PROBLEM), tmp_path / "a", sharing=cache)
    options["sharing"] = {**cache, **options.get("sharing", {})}
    trained(Frozen(PROBLEM), tmp_path / "b", *settings, **options)
    assert len(artefacts(tmp_path / "cache")) == 2


def test_damaged_activations_are_made_again(tmp_path: Path) -> None:
    sharing = {"cache": tmp_path / "cache"}
    expected = trained(Frozen(PROBLEM), tmp_path / "a", sharing=sharing)
    (file,) = (tmp_path / "cache").rglob("activations-*.npy")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    method = Frozen(PROBLEM)
    assert torch.equal(trained(method, tmp_path / "b", sharing=sharing), expected)
    assert method.images == 52 + CHECKS


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"nothing of the kind"])
def test_a_file_that_holds_no_array_is_made_again(content: bytes, tmp_path: Path) -> None:
    sharing = {"cache": tmp_path / "cache"}
    expected = trained(Frozen(PROBLEM), tmp_path / "a", sharing=sharing)
    (file,) = (tmp_path / "cache").rglob("activations-*.npy")
    file.write_bytes(content)
    assert torch.equal(trained(Frozen(PROBLEM), tmp_path / "b", sharing=sharing), expected)


def test_a_bound_holds_for_activations_that_are_there_already(tmp_path: Path) -> None:
    cache = {"cache": tmp_path / "cache"}
    narrow = {**cache, "disk_budget": 1000, "memory_budget": 0}
    alone = trained(Frozen(PROBLEM), tmp_path / "a", sharing=narrow)
    trained(Frozen(PROBLEM), tmp_path / "b", sharing=cache)
    assert len(artefacts(tmp_path / "cache")) == 1
    assert torch.equal(trained(Frozen(PROBLEM), tmp_path / "c", sharing=narrow), alone)


def test_activations_that_half_precision_cannot_hold_are_an_error(tmp_path: Path) -> None:
    class Huge(Frozen):
        def build(self) -> nn.Module:
            net = super().build()
            nn.init.constant_(net.body[1].weight, 1e6)
            return net

    with pytest.raises(HarnessError, match="half_activations=false"):
        trained(Huge(PROBLEM), tmp_path / "half")
    assert trained(Huge(PROBLEM), tmp_path / "full", "half_activations=false").isfinite().all()
    assert not list((tmp_path / "half").rglob("*.building"))


@pytest.mark.parametrize("flip", ["flip=false", "flip=true"])
def test_streamed_activations_are_read_ahead_and_train_alike(
    flip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = trained(Frozen(PROBLEM), tmp_path / "resident", flip)
    unannounced = []

    class Watched(Streamed):
        def __call__(self, rows: Tensor) -> Tensor:
            if not (self._read_ahead and self._read_ahead[0][0] is rows):
                unannounced.append(len(rows))
            return super().__call__(rows)

    monkeypatch.setattr(
        activations, "place", lambda array, index, budget: Watched(array, index, budget.device)
    )
    streamed = trained(Frozen(PROBLEM), tmp_path / "streamed", flip)
    assert torch.equal(streamed, resident)
    assert not unannounced


def test_progress_counts_the_images(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sharing = {"progress": lambda done, total: told.append((done, total))}
    trained(Frozen(PROBLEM), tmp_path, "flip=true", sharing=sharing)
    assert told[-1] == (104, 104)
    assert told == sorted(told)


def test_a_state_digest_sees_every_bit_of_parameters_and_buffers() -> None:
    torch.manual_seed(0)
    net = Net().body
    digests = {state_digest(net)}
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        with torch.no_grad():
            value.add_(1)
        digests.add(state_digest(net))
        assert len(digests) > 1, name
    assert len(digests) == 1 + len(net.state_dict())


def test_an_architecture_is_told_by_settings_that_no_parameter_shows() -> None:
    one = nn.TransformerEncoderLayer(8, 2, 16)
    other = nn.TransformerEncoderLayer(8, 4, 16)
    assert {n: p.shape for n, p in one.named_parameters()} == {
        n: p.shape for n, p in other.named_parameters()
    }
    assert architecture(one) != architecture(other)
    assert architecture(one) == architecture(nn.TransformerEncoderLayer(8, 2, 16))
