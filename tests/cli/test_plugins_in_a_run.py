"""What third parties add to a run, and what of theirs cannot break it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.checkpoints import make_clip
from tests.cli_tools import TINY, harness, small_disk, write_plugin

HOOKS = """
    import pathlib
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_environment():
        return {"ward": "B2"}

    @harness.hookimpl
    def harness_select_cells(cells):
        return [cell for cell in cells if cell.method.endswith("majority")]

    @harness.hookimpl
    def harness_session_start(directory, cells):
        pathlib.Path("told.txt").write_text(f"start {len(cells)}\\n")

    @harness.hookimpl
    def harness_cell_finish(cell, status):
        with pathlib.Path("told.txt").open("a") as told:
            told.write(f"{cell.method} {status['status']}\\n")

    @harness.hookimpl
    def harness_session_finish(directory, exit_code):
        with pathlib.Path("told.txt").open("a") as told:
            told.write(f"finish {exit_code}\\n")
        raise RuntimeError("too late to matter")
"""


def test_hooks_see_the_session_and_one_that_fails_is_named(tmp_path: Path) -> None:
    plugins = write_plugin(tmp_path / "site", "watcher", HOOKS)
    done = harness("run", "--plugins", "baselines", *TINY, cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "told.txt").read_text().splitlines()
    assert told == ["start 1", "baselines/majority ok", "finish 0"]
    assert "hook harness_session_finish of plugin 'watcher' failed" in done.stderr
    (environment,) = tmp_path.rglob("environment.json")
    assert json.loads(environment.read_text())["plugins"] == {"watcher": {"ward": "B2"}}


def test_a_broken_plugin_is_on_the_screen_in_the_table_and_in_the_exit_code(tmp_path: Path) -> None:
    plugins = write_plugin(tmp_path / "site", "broken", "import torch\nHARNESS_API = 1\n")
    done = harness(
        "run", "--plugins", "all", "--exclude", "family:supervised,ssl,segmentation,multitask,clip",
        *TINY, cwd=tmp_path, plugins=plugins,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "baselines/majority" in done.stdout
    assert "1 plugin did not load (broken): harness plugins" in done.stdout
    quiet = harness(
        "run", "--plugins", "baselines", *TINY, "--quiet", cwd=tmp_path, plugins=plugins
    )
    assert "broken: failed" in quiet.stdout
    assert "torch" in quiet.stdout.partition("broken: failed")[2]


def test_a_method_named_outright_does_not_fail_for_another_broken_plugin(tmp_path: Path) -> None:
    plugins = write_plugin(tmp_path / "site", "broken", "raise SystemExit('bye')\n")
    run = ("run", "--plugins", "baselines/majority", *TINY)
    done = harness(*run, cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stderr
    assert "note: plugin 'broken' did not load" in done.stderr
    assert "1 plugin did not load (broken)" in done.stdout
    strict = harness(*run, "--strict", cwd=tmp_path, plugins=plugins)
    assert strict.returncode == 1, strict.stderr


def test_naming_a_broken_plugin_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    plugins = write_plugin(tmp_path / "site", "broken", "raise SystemExit('bye')\n")
    done = harness("run", "--plugins", "baselines,broken", *TINY, cwd=tmp_path, plugins=plugins)
    assert done.returncode == 2
    assert "'broken' did not load" in done.stderr
    assert not (tmp_path / "results").exists()


def test_clip_runs_from_a_folder_of_weights_and_trains_nothing(tmp_path: Path) -> None:
    make_clip(tmp_path / "weights" / "clip-vit-large-patch14")
    done = harness("run", "--plugins", "clip", "--weights", "weights", *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vit_l14 without training: F1 " in done.stdout
    timings = [json.loads(path.read_text()) for path in tmp_path.rglob("timing.json")]
    assert len(timings) == 5
    for value in timings:
        assert value["epochs"] == value["parameters_trainable"] == 0
        assert value["minutes_per_epoch"] is None


def test_a_split_file_brings_further_test_sets(tmp_path: Path) -> None:
    with (tmp_path / "split.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "part"))
        for number in range(200):
            parts = ("train", "train", "train", "val", "test", "test-elsewhere")
            writer.writerow((f"phantom-{number:06}", parts[number % 6]))
    done = harness("run", "--plugins", "baselines", "--split-file", "split.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "further test sets (test-elsewhere)" in done.stdout
    assert len(list(tmp_path.rglob("predictions-test-elsewhere.npz"))) == 2


def test_results_on_a_full_disk_are_told_and_what_is_finished_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "600k") as out:
        run = ("run", *TINY, "--out", out, "--jobs", "1", "--plugins")
        first = harness(*run, "baselines/majority", cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        done = harness(*run, "baselines/majority,supervised/convnext_base", cwd=tmp_path)
        assert done.returncode in (1, 2), done.stdout
        assert "No space left" in done.stdout + done.stderr or "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        assert "HarnessError" not in done.stdout
        (status,) = out.rglob("baselines--majority/*/*/status.json")
        assert json.loads(status.read_text())["status"] == "ok"
