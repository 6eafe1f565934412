"""TensorBoard, MLflow and Weights & Biases: what they have of a run, read with their libraries."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness as package
from tests.cli_tools import command, harness, write_plugin
from tests.networks import watched
from tests.tracked_runs import READ, Tracked, as_kept, as_text, curves_of

LOGGERS = tuple(READ)
SMALL = ("--set", "train_images=32", "--set", "test_images=16", "--set", "probe_seconds=0.1")
NET, SICK, MAJORITY = "supervised/densenet161", "ward/sick", "baselines/majority"
ARGUMENTS = (
    "run", "--plugins", f"{NET},{SICK},{MAJORITY},clip/vit_l14@photo", "--weights", "random",
    "--log", "tensorboard,mlflow", "--log", "wandb", *SMALL,
)  # fmt: skip

SPEC = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        yield harness.MethodSpec(
            name="sick", factory="harness_ward_models:Sick", task="classification",
            family="supervised", summary="Ends in its second epoch",
        )
"""
MODEL = """
    import harness
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, features):
            super().__init__()
            self.linear = nn.Linear(features, 4)
            self.register_buffer("steps", torch.zeros(()))

        def forward(self, images):
            self.steps += self.training
            if self.steps > 6:
                raise harness.HarnessError("it has caught a cold")
            return self.linear(images.flatten(1))

    class Sick(harness.TorchMethod):
        def build(self):
            return Net(3 * self.problem.image_size**2)

        def forward(self, module, images):
            return {"label": module(images)}
"""
"""An epoch has four steps; where the cell is tried again, it fails at the same one."""


@dataclass
class Study:
    """A run with every logger: of a network, of a method that fails, of one without epochs, and of
    one that is skipped."""

    folder: Path
    site: Path
    asked: list[str]
    """What its processes have asked of a network."""
    cells: Mapping[str, package.Cell]
    runs: Mapping[str, list[Tracked]]

    def run(self, logger: str, method: str) -> Tracked:
        key = self.cells[method].record["hash"]
        (found,) = (run for run in self.runs[logger] if key.startswith(run.key))
        return found


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    folder = tmp_path_factory.mktemp("logged")
    site = write_plugin(folder / "site", "ward", SPEC, MODEL)
    with watched(folder, site) as (env, asked):
        done = subprocess.run(
            command(*ARGUMENTS), cwd=folder, env=env, capture_output=True, text=True
        )
    assert done.returncode == 1, done.stderr
    assert "warning" not in done.stderr
    place = folder / "results" / "phantom-quick"
    cells = {cell.method: cell for cell in package.load(place)}
    yield Study(place, site, asked.everything, cells, {name: READ[name](place) for name in READ})


@pytest.mark.parametrize("logger", LOGGERS)
def test_every_cell_that_ran_is_one_run(logger: str, study: Study) -> None:
    assert study.cells["clip/vit_l14@photo"].status == "skipped"
    ran = sorted((MAJORITY, NET, SICK))
    if logger == "tensorboard":
        names = [f"{method}/{study.cells[method].record['name']}" for method in ran]
    else:
        names = [f"phantom-quick/{method}/seed0" for method in ran]
    assert [run.name for run in study.runs[logger]] == names


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize("method", [NET, SICK])
def test_epochs_are_as_the_history_has_them(logger: str, method: str, study: Study) -> None:
    expected = curves_of(study.cells[method])
    assert {step for points in expected.values() for step, _ in points} == (
        {1, 2, 3} if method == NET else {1}
    )
    logged = study.run(logger, method).curves
    assert {"train/loss", "val/loss", "val/label.f1"} <= set(logged)
    assert logged == as_kept(logger, expected)


@pytest.mark.parametrize("logger", LOGGERS)
def test_results_are_those_of_the_table_under_its_names(logger: str, study: Study) -> None:
    rows = package.load(study.folder).frame().set_index("method")
    logged = study.run(logger, NET).results
    for name in ("label.f1", "label.auroc", "label.accuracy", "primary"):
        assert logged[f"test/{name}"] == as_kept(logger, rows.loc[NET, name])
    for name in ("minutes_per_epoch", "images_per_second_train", "latency_ms", "seconds"):
        assert logged[f"time/{name}"] == as_kept(logger, rows.loc[NET, name])
    for name in ("best_epoch", "parameters_total", "peak_memory_bytes"):
        assert logged[name] == as_kept(logger, rows.loc[NET, name])
    assert not {name for name in logged if name.startswith("val")}


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_run_says_how_the_cell_ended(logger: str, study: Study) -> None:
    sick, net = study.run(logger, SICK), study.run(logger, NET)
    assert (net.well, net.said) == (True, "ok")
    assert sick.well is False
    assert sick.said.startswith("failed: ")
    assert "it has caught a cold" in sick.said
    assert sick.results == {}


@pytest.mark.parametrize("logger", LOGGERS)
def test_parameters_say_what_the_cell_is(logger: str, study: Study) -> None:
    record = study.cells[NET].record
    logged = study.run(logger, NET).parameters
    expected = {
        "cell": record["hash"],
        "method": NET,
        "dataset": "phantom",
        "dataset_fingerprint": record["dataset"]["fingerprint"],
        "preset": "quick",
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 0.0003,
        "weights": "random",
        "device": "cpu",
        "precision": "fp32",
        "seed": 0,
        "train_images": 32,
        "micro_batch": "none",
        "flip": False,
    }
    assert {name: logged[name] for name in expected} == {
        name: as_text(value) for name, value in expected.items()
    }


def test_nothing_asks_a_network(study: Study, tmp_path: Path) -> None:
    assert study.asked == []
    # What would have been seen, of Python and of the other program of Weights & Biases.
    (tmp_path / "site").mkdir()
    with watched(tmp_path, tmp_path / "site") as (env, asked):
        own = {
            "WANDB_API_KEY": 40 * "0",
            "WANDB_BASE_URL": "https://tracker.invalid",
            "WANDB_DIR": str(tmp_path),
        }
        for code, what in (
            ("import socket; socket.getaddrinfo('example.invalid', 80)", "example.invalid"),
            ("import wandb; wandb.init(mode='online')", "CONNECT tracker.invalid"),
        ):
            process = subprocess.Popen(
                [sys.executable, "-c", code], env={**env, **own}, stderr=subprocess.DEVNULL
            )
            deadline = time.monotonic() + 60
            while not any(what in line for line in asked.everything):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            process.kill()
            process.wait()


def test_the_study_keeps_its_loggers_and_verbs_pass_over_their_files(study: Study) -> None:
    assert 'log = ["tensorboard,mlflow", "wandb"]' in (study.folder / "study.toml").read_text()
    assert len(study.cells) == 4
    for verb in ("status", "report", "show"):
        cell = (NET,) if verb == "show" else ()
        done = harness(
            verb, *cell, *(("--out",) if cell else ()), "results", cwd=study.folder.parents[1]
        )
        assert "logger" not in done.stdout + done.stderr
    done = harness("clean", "--unfinished", "results", cwd=study.folder.parents[1])
    assert done.stdout.strip() == "nothing to delete"


# Again


def test_a_repeated_run_leaves_one_run_per_cell_with_the_same_values(study: Study) -> None:
    files = {
        path: path.stat().st_mtime_ns
        for path in (study.folder / "loggers").rglob("*")
        if ("tfevents" in path.name or path.suffix == ".wandb") and "sick" not in str(path)
    }
    assert files
    again(study)
    for logger in LOGGERS:
        runs = READ[logger](study.folder)
        assert runs == study.runs[logger], "also that of the method that was tried again"
    kept = {path: path.stat().st_mtime_ns for path in files if path.exists()}
    sick = study.run("wandb", SICK).key
    assert kept == {path: stamp for path, stamp in files.items() if sick not in str(path)}


def test_finished_cells_are_logged_without_training(study: Study) -> None:
    shutil.rmtree(study.folder / "loggers")
    status = study.cells[NET].directory / "status.json"
    before = status.stat().st_mtime_ns
    again(study)
    assert status.stat().st_mtime_ns == before
    for logger in LOGGERS:
        assert READ[logger](study.folder) == study.runs[logger]


def again(study: Study) -> None:
    done = harness(*ARGUMENTS, cwd=study.folder.parents[1], plugins=study.site)
    assert done.returncode == 1, done.stderr
    assert "warning" not in done.stderr
