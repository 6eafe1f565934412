"""``--param``: a method's parameters changed from the command line, and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import HarnessError
from harness.discovery.registry import Plugins, discover
from harness.planning.plan import plan
from harness.protocol import PAPER, QUICK
from harness.study import Cell, Request
from tests.cli_tools import TINY, harness


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return discover()


def cells(plugins: Plugins, *params: str, **changes: Any) -> tuple[Cell, ...]:
    request = Request(
        methods=("ssl/dinov2_base@*", "segmentation/unet"), protocol=QUICK, params=params
    )
    return plan(replace(request, **changes), plugins).cells


def changed(cells: tuple[Cell, ...]) -> dict[str, Any]:
    return {
        cell.method: cell.record["changed_params"]
        for cell in cells
        if cell.record["changed_params"]
    }


def test_a_change_reaches_every_selected_method_with_that_parameter(plugins: Plugins) -> None:
    found = cells(plugins, "width=32")
    assert changed(found) == {
        f"ssl/dinov2_base@{strategy}": {"width": [64, 32]}
        for strategy in ("freeze8", "full", "linear", "lpft")
    }
    assert all(cell.record["method"]["params"].get("width", 32) == 32 for cell in found)


def test_a_pattern_limits_the_change(plugins: Plugins) -> None:
    assert list(changed(cells(plugins, "ssl/*@linear:width=32"))) == ["ssl/dinov2_base@linear"]
    assert list(changed(cells(plugins, "family:segmentation:encoder=resnet18"))) == [
        "segmentation/unet"
    ]


def test_the_last_change_of_a_parameter_counts(plugins: Plugins) -> None:
    found = cells(plugins, "width=32", "ssl/*@linear:width=16")
    assert changed(found)["ssl/dinov2_base@linear"] == {"width": [64, 16]}
    assert changed(found)["ssl/dinov2_base@full"] == {"width": [64, 32]}


def test_a_change_names_another_cell_and_asks_another_question(plugins: Plugins) -> None:
    plain, other = (
        next(cell for cell in found if cell.method == "ssl/dinov2_base@full")
        for found in (cells(plugins), cells(plugins, "width=32"))
    )
    assert plain.key != other.key
    assert plain.record["identity"] != other.record["identity"]


def test_on_a_cpu_the_threads_are_part_of_a_cell(plugins: Plugins) -> None:
    names = {
        (device, threads): cells(plugins, device=device, threads=threads)[0].key
        for device in ("cpu", "cuda")
        for threads in (None, 1, 2)
    }
    assert names["cpu", None] == names["cpu", 1] != names["cpu", 2]
    assert len({names["cuda", threads] for threads in (None, 1, 2)}) == 1


def test_a_change_to_the_value_that_stands_is_none(plugins: Plugins) -> None:
    assert cells(plugins, "width=64")[0].key == cells(plugins)[0].key


def test_the_preset_decides_what_stands(plugins: Plugins) -> None:
    assert changed(cells(plugins, "width=64", protocol=PAPER))["ssl/dinov2_base@full"] == {
        "width": [768, 64]
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width", "write NAME=VALUE"),
        ("=3", "write NAME=VALUE"),
        ("widht=32", "did you mean 'width'"),
        (
            "segmentation/unet:width=32",
            "no selected method that it applies to has a parameter 'width'",
        ),
        ("clip/*:prompts=x", "no selected method"),
        ("nothing/*:width=32", "nothing"),
        ("width=wide", "a whole number and not text"),
        ("width=true", "a whole number and not true or false"),
        ("encoder=3", "text and not a whole number"),
        ("probe_lr_scale=NaN", "a number and not nan"),
        ("probe_lr_scale=1e999", "a number and not inf"),
    ],
)
def test_what_cannot_be_meant_is_refused(plugins: Plugins, setting: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        cells(plugins, setting)


def test_the_table_names_the_changed_parameter(tmp_path: Path) -> None:
    method = ("--plugins", "supervised/convnext_base", "--param", "head=study")
    run = harness("run", *method, *TINY, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    table = harness("report", "results", cwd=tmp_path).stdout
    assert "supervised/convnext_base (small, own weights) [head=study]" in table
