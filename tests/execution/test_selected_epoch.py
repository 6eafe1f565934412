"""A cell whose predictions are not those of the epoch that it selected is not ok."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness import HarnessError
from harness.cell.selected_epoch import check_selected
from harness.training.fit.runner import Fitted, Rounding
from tests.cli_tools import TINY, harness, write_plugin
from tests.trainings import make_part

SPECS = """
    import harness

    HARNESS_API = 1


    @harness.hookimpl
    def harness_methods():
        yield harness.MethodSpec(
            name="net",
            factory="harness_forgetful_models:Net",
            task="classification",
            family="supervised",
            summary="Remembers beside its network",
        )
"""
MODELS = """
    import torch
    from torch import nn

    import harness


    class Net(harness.TorchMethod):
        calls = 0

        def build(self):
            return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 4))

        def forward(self, module, images):
            self.calls += 1
            return {"label": module(images) + self.calls * torch.arange(4)}
"""


def test_a_method_that_remembers_beside_its_network_fails_in_one_sentence(tmp_path: Path) -> None:
    site = write_plugin(tmp_path / "site", "forgetful", SPECS, MODELS)
    done = harness("run", "--plugins", "forgetful", *TINY, cwd=tmp_path, plugins=site)
    assert done.returncode == 1
    (path,) = tmp_path.rglob("status.json")
    status = json.loads(path.read_text())
    assert status["status"] == "failed"
    assert "predicting the validation part with the kept weights gives " in status["reason"]
    assert "but epoch 1 was selected with " in status["reason"]
    assert not list(path.parent.glob("predictions-*.npz"))


FOUR = make_part(np.zeros((8, 2, 2), np.uint8), np.arange(8) % 4)
MANY = make_part(np.zeros((400, 2, 2), np.uint8), np.arange(400) % 4)
BEST = {"label.f1": 0.8, "primary": 0.8, "loss": 0.5}


@pytest.mark.parametrize(
    ("rounding", "now"),
    [
        ("none", BEST),
        ("float32", {**BEST, "label.f1": 0.76, "loss": 0.504}),
        ("half", {**BEST, "primary": 0.84, "loss": 0.52}),
    ],
)
def test_rounding_is_no_other_network(rounding: Rounding, now: dict[str, float]) -> None:
    check_selected(Fitted(best_epoch=2, best_val=BEST, rounding=rounding), now, MANY)


@pytest.mark.parametrize(
    ("rounding", "now"),
    [
        ("none", {**BEST, "label.f1": 0.80001}),
        ("none", {**BEST, "loss": 0.50001}),
        ("float32", {**BEST, "label.f1": 0.7}),
        ("float32", {**BEST, "loss": 0.52}),
        ("half", {**BEST, "loss": 0.6}),
        ("half", {"label.f1": 0.8, "primary": 0.8}),
    ],
)
def test_what_rounding_does_not_explain_is_refused(
    rounding: Rounding, now: dict[str, float]
) -> None:
    with pytest.raises(HarnessError, match="epoch 2 was selected with 0"):
        check_selected(Fitted(best_epoch=2, best_val=BEST, rounding=rounding), now, MANY)


def test_of_few_images_rounding_may_turn_two() -> None:
    fitted = Fitted(best_epoch=2, best_val=BEST, rounding="float32")
    check_selected(fitted, {**BEST, "label.f1": 0.6}, FOUR)


def test_where_no_epoch_was_selected_nothing_is_compared() -> None:
    check_selected(Fitted(), {"primary": 0.1}, FOUR)
