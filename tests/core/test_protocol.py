"""Presets, overrides and declared deviations."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from harness import HarnessError
from harness.protocol import (
    PAPER,
    QUICK,
    STUDY,
    Protocol,
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
    assert (QUICK.image_size, QUICK.epochs, QUICK.batch_size) == (64, 3, 8)
    assert (QUICK.train_images, QUICK.test_images, QUICK.learning_rate) == (512, 512, 3e-4)
    assert (QUICK.tiny, QUICK.weights) == (True, "pretrained")


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
        ("epochs=three", "epochs: 'three' is not a whole number"),
        ("epochs=1.5", "epochs: 1.5 is not a whole number"),
        ("epochs=true", "epochs: True is not a whole number"),
        ("epochs=nan", "epochs: 'nan' is not a whole number"),
        ("learning_rate=fast", "learning_rate: 'fast' is not a number"),
        ("learning_rate=nan", "learning_rate: 'nan' is not a finite number"),
        ("learning_rate=-inf", "learning_rate: '-inf' is not a finite number"),
        ("weight_decay=1e999", "weight_decay: inf is not a finite number"),
        ("probe_seconds=NaN", "probe_seconds: 'NaN' is not a finite number or none"),
        ("micro_batch=x", "micro_batch: 'x' is not a whole number or none"),
        (f"epochs={'1' * 5000}", "epochs: '1+… is not a whole number"),
        ("flip=1", "flip: 1 is not true or false"),
        ("select_by=5", "select_by: 5 is not text or none"),
        ("weight_decay=-1", "weight_decay must not be negative, got -1"),
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


@pytest.mark.parametrize("field", [f.name for f in fields(Protocol)])
def test_every_field_of_a_protocol_is_checked_by_its_type(field: str) -> None:
    with pytest.raises(HarnessError, match=f"protocol: {field}: .* is not ") as error:
        replace(PAPER, **{field: {"no": "field holds a table"}})
    assert error.value.about == f"set.{field}"


def test_a_whole_number_stands_for_a_number() -> None:
    used = effective(PAPER, "a/b", {"weight_decay": 0})
    assert (used.weight_decay, type(used.weight_decay)) == (0.0, float)


def test_deviations_name_what_differs() -> None:
    used = effective(PAPER, "ssl/x@linear", {"learning_rate": 1e-3})
    assert deviations(PAPER, used) == {"learning_rate": (5e-5, 1e-3)}
    assert deviations(QUICK, effective(QUICK, "ssl/x@linear", {"learning_rate": 3e-4})) == {}


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
