"""``harness reproduce``: a published study repeated, its tables beside ours."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from harness.cli.shared.exit_codes import of_several
from harness.discovery.registry import discover
from harness.discovery.select import select
from harness.planning.published.study import find_published
from tests.builders import make_cell
from tests.cli_tools import TINY, harness, write_plugin

STUDY: dict[str, Any] = {
    "schema": 1,
    "title": "A study of two baselines",
    "protocol": ["one epoch of nothing"],
    "epochs": 1,
    "arguments": ["--preset", "quick", *TINY],
    "arguments_on_cuda": ["--precision", "fp16"],
    "runs": [
        {"arguments": ["--plugins", "baselines/majority"]},
        {"arguments": ["--plugins", "baselines/pixels", "--fractions", "1,0.5"]},
    ],
    "tables": [
        {
            "title": "Classification",
            "notes": ["An example."],
            "rows": [
                {
                    "label": "majority",
                    "method": "baselines/majority",
                    "values": {"label.f1": 0.125, "minutes_per_epoch": 30},
                },
                {"label": "somebody else's", "values": {"label.f1": 0.9}},
                {"label": "pixels", "method": "baselines/pixels", "values": {}},
                {"label": "pixels", "method": "baselines/pixels", "fraction": 0.5, "values": {}},
            ],
        }
    ],
}
PLUGIN = """
import harness
HARNESS_API = 1

@harness.hookimpl
def harness_datasets():
    yield harness.DatasetSpec(
        name="films", factory="harness_phantom.dataset:open_phantom", summary="Few phantoms",
        needs_root=False, params={"images": 120, "size": 64, "seed": 1},
        published=("harness_studied_data:two.json",),
    )
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = write_plugin(tmp_path / "site", "studied", PLUGIN)
    (folder / "harness_studied_data").mkdir()
    (folder / "harness_studied_data" / "__init__.py").write_text("")
    (folder / "harness_studied_data" / "two.json").write_text(json.dumps(STUDY))
    return folder


def test_it_prints_the_commands_the_time_and_the_protocol_and_runs_nothing(
    tmp_path: Path, plugins: Path
) -> None:
    done = harness("reproduce", "two", "--device", "cpu", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stderr
    assert "- one epoch of nothing" in done.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("  harness run")]
    assert len(commands) == 2
    assert "0.5 hours of training at the published speed for 1 of 2 methods" in done.stdout
    assert "not run: baselines/majority, baselines/pixels" in done.stdout
    assert not (tmp_path / "results").exists()


def test_what_it_prints_is_what_it_runs_and_ours_stands_beside_theirs(
    tmp_path: Path, plugins: Path
) -> None:
    asked = ("reproduce", "two", "--device", "cpu")
    done = harness(*asked, "--run", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stderr
    (majority,) = (line for line in done.stdout.splitlines() if line.startswith("majority"))
    published, ours, difference, *_ = majority[majority.index(" 0.1250") :].split()
    assert published == "0.1250"
    assert float(ours) - 0.125 == pytest.approx(float(difference), abs=1e-4)
    halves = [line for line in done.stdout.splitlines() if line.startswith("pixels")]
    assert len({line.split()[1] for line in halves}) == 2
    commands = [line for line in done.stdout.splitlines() if line.startswith("  harness run")]
    for line in commands:
        again = harness(*shlex.split(line)[1:], cwd=tmp_path, plugins=plugins)
        assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "results" / "two" / "cells").glob("*/*/*"))) == 3


def test_options_behind_a_double_dash_win(tmp_path: Path, plugins: Path) -> None:
    asked = ("reproduce", "two", "--device", "cpu", "--run", "--", "--set", "train_images=48")
    done = harness(*asked, "--exclude", "baselines/pixels", cwd=tmp_path, plugins=plugins)
    assert "1 method ran" in done.stdout, done.stdout + done.stderr
    table = harness("report", "results/two", cwd=tmp_path, plugins=plugins).stdout
    assert "quick with epochs 1, train_images 48" in table


@pytest.mark.parametrize("named", [("--name", "rehearsal"), ("--name=rehearsal", "--out=results")])
def test_ours_are_those_of_the_folder_that_was_named(
    tmp_path: Path, plugins: Path, named: tuple[str, ...]
) -> None:
    make_cell(
        tmp_path / "results" / "rehearsal",
        "baselines/majority",
        label={"f1": 0.75},
        dataset="films",
    )
    asked = ("reproduce", "two", "--device", "cpu", "--out", "elsewhere", "--")
    done = harness(*asked, "--out", "results", *named, cwd=tmp_path, plugins=plugins)
    (majority,) = (line for line in done.stdout.splitlines() if line.startswith("majority"))
    assert "0.7500" in majority
    assert "nothing has been run yet" not in done.stdout


@pytest.mark.parametrize(
    ("codes", "together"), [({0}, 0), ({0, 3}, 0), ({3}, 3), ({0, 1, 3}, 1), ({1, 3}, 1)]
)
def test_that_nothing_ran_is_said_only_where_no_run_ran_anything(
    codes: set[int], together: int
) -> None:
    assert of_several(codes) == together


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("reproduce", "stduy"), "did you mean 'study'"),
        (("reproduce", "study", "--run"), "--data-root"),
        (("reproduce", "study", "--run", "--data-root", "nowhere"), "no such folder"),
        (("reproduce", "study", "--device", "tpu"), "--device 'tpu'"),
    ],
)
def test_bad_input_is_one_message(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_study_file_is_named(tmp_path: Path, plugins: Path) -> None:
    (plugins / "harness_studied_data" / "two.json").write_text('{"schema": 1}')
    done = harness("reproduce", "two", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 2
    assert "two.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bundled_study_names_methods_that_are_there_and_figures_that_can_be() -> None:
    plugins = discover()
    study = find_published(plugins, "study")
    rows = [row for table in study.tables for row in table.rows]
    assert {row.method for row in rows if row.method} <= set(plugins.methods)
    ran = set()
    for run in study.runs:
        left_out = [run[run.index("--exclude") + 1]] if "--exclude" in run else []
        ran |= set(select((run[run.index("--plugins") + 1],), left_out, plugins))
    assert {row.method for row in rows if row.method} == ran
    for row in rows:
        for name, value in row.values.items():
            assert name == "minutes_per_epoch" or 0 < value < 1


def test_the_bundled_study_asks_for_the_protocol_that_it_states() -> None:
    study = find_published(discover(), "study")
    cpu, cuda = (
        [" ".join(c) for c in study.commands(device=device, extra=())] for device in ("cpu", "cuda")
    )
    assert all("--preset study --split study --seeds 42" in line for line in cpu + cuda)
    assert all("--precision fp16" in line for line in cuda)
    assert not any("--precision" in line for line in cpu)
    assert "--param supervised:head=study --param supervised:preprocessing=imagenet" in cpu[0]
    (encoders,) = (line for line in cpu if "ssl/" in line)
    assert "--set batch_size=64" in encoders
    assert "--param ssl/beitv2_base@freeze8:train_class_token=true" in encoders
    assert sum("batch_size" in line for line in cpu) == 1
