"""Presets, overrides and declared deviations."""

from __future__ import annotations

import pytest

from harness import HarnessError
from harness.protocol import (
    PAPER,
    QUICK,
    STUDY,
    deviations,
    effective,
    override,
    preset,
    resolve_precision,
)


def test_paper_is_the_protocol_for_results() -> None:
    assert (PAPER.image_size, PAPER.epochs, PAPER.batch_size) == (224, 20, 64)
    assert (PAPER.learning_rate, PAPER.weight_decay, PAPER.flip) == (5e-5, 1e-6, False)
    assert (PAPER.tiny, PAPER.weights) == (False, "pretrained")


def test_study_is_paper_in_the_published_batches_and_selected_by_the_published_dice() -> None:
    changed = {name: pair[1] for name, pair in deviations(PAPER, STUDY).items()}
    assert changed == {"name": "study", "batch_size": 16, "select_by": "mask.dice_soft"}


def test_quick_is_small() -> None:
    assert (QUICK.image_size, QUICK.epochs, QUICK.batch_size) == (64, 3, 16)
    assert (QUICK.train_images, QUICK.test_images, QUICK.learning_rate) == (256, 128, 1e-3)
    assert (QUICK.tiny, QUICK.weights) == (True, "random")


def test_an_unknown_preset_is_answered_with_a_suggestion() -> None:
    with pytest.raises(HarnessError, match="did you mean 'quick'"):
        preset("quik")


def test_settings_change_the_protocol() -> None:
    changed = override(QUICK, ["epochs=5", "flip=true", "train-images=none", "learning_rate=1"])
    assert (changed.epochs, changed.flip, changed.train_images) == (5, True, None)
    assert changed.learning_rate == 1.0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=5", "did you mean 'epochs'"),
        ("epochs", "KEY=VALUE"),
        ("epochs=many", "expected int"),
        ("epochs=1.5", "expected int"),
        ("epochs=true", "expected int"),
        ("flip=1", "expected bool"),
        ("select_by=5", "expected str"),
        ("epochs=0", "epochs must be positive"),
        ("batch_size=1", "at least 2"),
        ("image_size=16", "must be 32 to 8192"),
        ("image_size=100000", "must be 32 to 8192"),
        ("micro_batch=-1", "micro_batch must be positive"),
        ("name=other", "KEY=VALUE with a key of the protocol"),
    ],
)
def test_a_bad_setting_is_refused(setting: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        override(QUICK, [setting])


def test_deviations_name_what_differs() -> None:
    used = effective(PAPER, "ssl/x@linear", {"learning_rate": 1e-3})
    assert deviations(PAPER, used) == {"learning_rate": (5e-5, 1e-3)}
    assert deviations(QUICK, effective(QUICK, "ssl/x@linear", {"learning_rate": 1e-3})) == {}


def test_a_method_may_not_deviate_in_what_it_is_measured_by() -> None:
    with pytest.raises(HarnessError, match="test_images"):
        effective(PAPER, "a/b", {"test_images": 5})


def test_auto_precision_is_half_on_cuda_and_single_on_a_cpu() -> None:
    assert resolve_precision("auto", "cuda") == "bf16"
    assert resolve_precision("auto", "cpu") == "fp32"


@pytest.mark.parametrize("asked", ["bf16", "fp16", "fp8"])
def test_a_cpu_takes_single_precision_only(asked: str) -> None:
    with pytest.raises(HarnessError, match="--precision"):
        resolve_precision(asked, "cpu")
