"""What the plugin ``core`` offers."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from harness.discovery.registry import Plugins, discover
from harness.runtime.resolve import resolve


@pytest.fixture
def core() -> Plugins:
    return discover(entry_points=[EntryPoint("core", "harness.bundled", "cxr_harness")])


def test_core_loads_like_any_plugin(core: Plugins) -> None:
    assert [(r.name, r.status, r.reason) for r in core.records] == [("core", "ok", "")]


def test_a_metric_s_full_name_begins_with_the_target_that_it_scores(core: Plugins) -> None:
    names = {entry.spec.full_name for entry in core.metrics.values()}
    assert {"label.f1", "label.auroc", "mask.dice", "mask.iou"} <= names


def test_a_metric_of_a_kind_that_no_target_has_can_be_taken_for_no_other(core: Plugins) -> None:
    spec = replace(core.metrics["dice"].spec, kind="mask")
    assert spec.full_name == "<mask>.dice"


def test_the_study_s_tasks_select_by_macro_f1_and_dice(core: Plugins) -> None:
    primary = {name: entry.spec.primary for name, entry in core.tasks.items()}
    assert primary == {
        "classification": ("label.f1",),
        "segmentation": ("mask.dice",),
        "multitask": ("label.f1", "mask.dice"),
    }


def test_the_multitask_loss_weighs_label_and_mask_alike(core: Plugins) -> None:
    targets = core.tasks["multitask"].spec.targets
    assert {target.name: target.weight for target in targets} == {"label": 0.5, "mask": 0.5}


def test_columns_follow_the_order_of_definition(core: Plugins) -> None:
    labels = [entry.spec.label for entry in core.metrics.values()]
    assert labels[:7] == ["F1", "precision", "recall", "accuracy", "bal. acc.", "AUROC", "MCC"]
    assert labels[7:] == ["Dice", "pooled Dice", "IoU", "soft Dice"]


def test_every_primary_metric_is_offered_for_its_target(core: Plugins) -> None:
    for task in core.tasks.values():
        kinds = {target.name: target.kind for target in task.spec.targets}
        for primary in task.spec.primary:
            target, _, metric = primary.partition(".")
            assert core.metrics[metric].spec.kind == kinds[target]


def test_every_metric_and_loss_resolves(core: Plugins) -> None:
    functions = [entry.spec.function for entry in core.metrics.values()]
    losses = [t.loss for task in core.tasks.values() for t in task.spec.targets]
    assert all(callable(resolve(reference)) for reference in functions + losses)


def test_every_executor_resolves(core: Plugins) -> None:
    assert set(core.executors) == {"process", "inline"}
    assert all(callable(resolve(entry.spec.factory)) for entry in core.executors.values())
