"""A cell is named by everything that can change its result, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import HarnessError
from harness.plugins import Plugins, discover
from harness.protocol import PAPER, QUICK, override
from harness.study import Cell, Request, plan

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
    assert only(plugins).name in {cell.name for cell in together if cell.id == METHOD}


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
    assert only(plugins, **changes).name[-12:] != only(plugins).name[-12:]


def test_the_source_of_the_plugin_is_part_of_the_cell(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = only(plugins).name
    monkeypatch.setattr("harness.provenance.source_digest", lambda root: "other code")
    assert only(plugins).name != before


def test_deviations_from_the_protocol_are_recorded(plugins: Plugins) -> None:
    cell = only(plugins, protocol=PAPER)
    assert cell.record["deviations"]["learning_rate"][0] == PAPER.learning_rate
    assert only(plugins).record["deviations"] == {}


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


def test_a_small_member_has_no_published_weights(plugins: Plugins) -> None:
    cell = only(plugins, weights="pretrained")
    assert cell.blocked is not None
    assert "small network has no published weights" in cell.blocked[1]


def test_a_deviation_that_a_method_may_not_have_is_refused(plugins: Plugins) -> None:
    entry = plugins.methods[METHOD]
    greedy = replace(entry, spec=replace(entry.spec, protocol={"test_images": 5}))
    with pytest.raises(HarnessError, match="declares deviations in"):
        plan(request(), replace(plugins, methods={METHOD: greedy}))


def test_every_full_method_is_planned_under_the_paper_preset(plugins: Plugins) -> None:
    cells = plan(request(methods=("all",), protocol=PAPER, weights="random"), plugins).cells
    assert [cell.id for cell in cells] == list(plugins.methods)
    for cell in cells:
        assert cell.record["method"]["params"] == dict(plugins.methods[cell.id].spec.params)
