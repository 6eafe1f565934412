"""A cell is named by everything that can change its result, and by nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import HarnessError
from harness.data.dataset import Dataset, Samples, subset
from harness.discovery.registry import Plugins, discover
from harness.planning.plan import plan
from harness.protocol import PAPER, QUICK, override
from harness.specs import DatasetSpec
from harness.study import Cell, Request
from tests.trees import make_tree

METHOD = "ssl/dinov2_base@linear"


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return discover()


def request(**changes: Any) -> Request:
    return replace(Request(methods=(METHOD,), protocol=QUICK, out=Path("results")), **changes)


def only(plugins: Plugins, **changes: Any) -> Cell:
    (cell,) = plan(request(**changes), plugins).cells
    return cell


def test_the_same_request_names_the_same_cells(plugins: Plugins) -> None:
    assert only(plugins).directory == only(plugins).directory


def test_other_methods_in_the_request_do_not_rename_a_cell(plugins: Plugins) -> None:
    together = plan(request(methods=("ssl/*", "baselines")), plugins).cells
    assert only(plugins).key in {cell.key for cell in together if cell.method == METHOD}


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": (1,)},
        {"fractions": (0.5,)},
        {"protocol": override(QUICK, ["epochs=4"])},
        {"protocol": override(QUICK, ["flip=true"])},
        {"protocol": override(QUICK, ["micro_batch=8"])},
        {"split": "study"},
        {"device": "cuda"},
    ],
)
def test_whatever_can_change_the_result_renames_the_cell(
    plugins: Plugins, changes: dict[str, Any]
) -> None:
    assert only(plugins, **changes).key[-12:] != only(plugins).key[-12:]


def test_the_source_of_the_plugin_is_part_of_the_cell(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = only(plugins).key
    monkeypatch.setattr("harness.provenance.source_digest", lambda root: "other code")
    assert only(plugins).key != before


def test_select_by_takes_the_place_of_the_primary_metrics_of_the_targets_that_a_task_has(
    plugins: Plugins,
) -> None:
    protocol = override(QUICK, ["select_by=mask.dice_soft"])
    asked = ("multitask/unet_multitask", "segmentation/unet", METHOD)
    cells = plan(request(methods=asked, protocol=protocol), plugins).cells
    assert {cell.method: cell.record["task"]["primary"] for cell in cells} == {
        "multitask/unet_multitask": ["mask.dice_soft"],
        "segmentation/unet": ["mask.dice_soft"],
        METHOD: ["label.f1"],
    }


@pytest.mark.parametrize("name", ["mask.dice_sort", "masks.dice", "dice", ""])
def test_a_metric_to_select_by_that_nobody_offers_is_refused(plugins: Plugins, name: str) -> None:
    with pytest.raises(HarnessError, match="select_by: no plugin offers a metric"):
        only(plugins, protocol=replace(QUICK, select_by=f"label.f1,{name}"))


def test_deviations_from_the_protocol_are_recorded(plugins: Plugins) -> None:
    cell = only(plugins, protocol=PAPER)
    assert cell.record["deviations"]["learning_rate"][0] == PAPER.learning_rate
    assert only(plugins, methods=("ssl/dinov2_base@full",)).record["deviations"] == {}


def test_the_paper_preset_asks_for_pretrained_weights_and_says_what_is_missing(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    cell = only(plugins, protocol=PAPER)
    assert cell.missing_weights
    assert cell.blocked is not None
    assert cell.blocked[0] == "skipped"
    assert "model.safetensors" in cell.blocked[1]


def test_random_weights_never_block_a_network(plugins: Plugins) -> None:
    assert only(plugins, protocol=PAPER, weights="random").blocked is None


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ({"protocol": {"test_images": 5}}, "declares deviations in"),
        ({"protocol": {"learning_rate": "fast"}}, "learning_rate: 'fast' is not a number"),
        ({"protocol": {"epochs": 0}}, "epochs must be positive"),
        ({"task": "grading"}, "ranked by label.kappa, but no plugin offers"),
        ({"task": "clasification"}, "did you mean 'classification'"),
        ({"files": ("harness_ssl:prompts/none.txt",)}, "none.txt' is missing"),
        ({"factory": "harness_nowhere.models:Net"}, "'harness_nowhere' is not installed"),
    ],
)
def test_a_mistake_in_a_spec_costs_that_method_and_no_other(
    plugins: Plugins, mistake: dict[str, Any], says: str
) -> None:
    entry = plugins.methods[METHOD]
    wrong = replace(entry, spec=replace(entry.spec, **mistake))
    classification = plugins.tasks["classification"]
    grading = replace(classification.spec, name="grading", primary=("label.kappa",))
    tasks = {**plugins.tasks, "grading": replace(classification, spec=grading)}
    methods = {METHOD: wrong, "baselines/majority": plugins.methods["baselines/majority"]}
    good, bad = sorted(
        plan(request(methods=("all",)), replace(plugins, methods=methods, tasks=tasks)).cells,
        key=lambda cell: cell.method,
    )
    assert good.blocked is None
    assert bad.blocked is not None
    assert bad.blocked[0] == "load_failed"
    assert re.search(says, bad.blocked[1])


def test_the_task_and_the_code_of_its_losses_are_part_of_the_cell(plugins: Plugins) -> None:
    entry = plugins.tasks["classification"]
    (label,) = entry.spec.targets
    before = only(plugins).key
    for changes in (
        {"targets": (replace(label, weight=0.5),)},
        {"targets": (replace(label, loss="harness_ssl.models:cross_entropy"),)},
        {"primary": ("label.mcc",)},
    ):
        task = replace(entry, spec=replace(entry.spec, **changes))
        assert only(replace(plugins, tasks={**plugins.tasks, "classification": task})).key != before


def test_a_method_that_needs_masks_is_skipped_where_the_dataset_has_none(
    plugins: Plugins, tmp_path: Path
) -> None:
    root = make_tree(tmp_path / "data", masks=())
    cells = plan(
        request(
            methods=("multitask/unet_multitask", "baselines/majority"),
            dataset="radiography",
            data_root=root,
        ),
        plugins,
    ).cells
    assert [cell.blocked for cell in cells] == [
        None,
        ("skipped", "dataset 'radiography' has no masks"),
    ]


def test_every_full_method_is_planned_under_the_paper_preset(plugins: Plugins) -> None:
    cells = plan(request(methods=("all",), protocol=PAPER, weights="random"), plugins).cells
    assert [cell.method for cell in cells] == list(plugins.methods)
    for cell in cells:
        assert cell.record["method"]["params"] == dict(plugins.methods[cell.method].spec.params)


class Relisted:
    """A dataset under the same fingerprint, with another table."""

    def __init__(self, dataset: Dataset, samples: Samples) -> None:
        self.samples = samples
        self.fingerprint = dataset.fingerprint
        self.image, self.mask = dataset.image, dataset.mask


def other_rows(samples: Samples) -> Samples:
    return subset(samples, np.arange(len(samples))[::-1])


def other_classes(samples: Samples) -> Samples:
    return replace(samples, classes=samples.classes[::-1])


@pytest.mark.parametrize("change", [other_rows, other_classes])
def test_the_order_of_images_and_classes_is_part_of_the_cell(
    plugins: Plugins, change: Callable[[Samples], Samples]
) -> None:
    def relisted(spec: DatasetSpec, dataset: Dataset) -> Dataset:
        return Relisted(dataset, change(dataset.samples))

    (cell,) = plan(request(), plugins, relisted).cells
    assert cell.record["identity"]["split"] == only(plugins).record["identity"]["split"]
    assert cell.key != only(plugins).key
