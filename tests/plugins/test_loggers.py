"""TensorBoard, MLflow and Weights & Biases: what they have of a run, read with their libraries."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import harness as package
from tests.cli_tools import command, environment, harness, write_plugin
from tests.networks import watched
from tests.tracked_runs import READ, Tracked, as_text

# MLflow uses something of its database library that will go.
pytestmark = pytest.mark.filterwarnings("ignore:The ..noload.. loader:DeprecationWarning")

LOGGERS = tuple(READ)
SMALL = ("--set", "train_images=32", "--set", "test_images=16", "--set", "probe_seconds=0.1")
AS_SMALL = {"train_images": 32, "test_images": 16, "probe_seconds": 0.1}
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


def curves(cell: package.Cell) -> dict[str, list[tuple[int, float]]]:
    """What the history has of the cell's epochs."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in cell.history():
        values = {"train/loss": line["loss"], **{f"val/{n}": v for n, v in line["val"].items()}}
        for name, value in values.items():
            found.setdefault(name, []).append((line["epoch"], value))
    return found


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
    expected = curves(study.cells[method])
    assert {step for points in expected.values() for step, _ in points} == (
        {1, 2, 3} if method == NET else {1}
    )
    logged = study.run(logger, method).curves
    assert {"train/loss", "val/loss", "val/label.f1"} <= set(logged)
    assert {name: steps(points) for name, points in logged.items()} == {
        name: steps(points) for name, points in expected.items()
    }
    for name, points in expected.items():
        assert values(logged[name]) == close(logger, values(points)), name


def steps(points: list[tuple[int, float]]) -> list[int]:
    return [step for step, _ in points]


def values(points: list[tuple[int, float]]) -> list[float]:
    return [value for _, value in points]


def close(logger: str, expected: Any) -> Any:
    """TensorBoard's scalars have 32 bits; the others are exact."""
    return pytest.approx(expected, rel=1e-6) if logger == "tensorboard" else expected


@pytest.mark.parametrize("logger", LOGGERS)
def test_results_are_those_of_the_table_under_its_names(logger: str, study: Study) -> None:
    rows = package.load(study.folder).frame().set_index("method")
    logged = study.run(logger, NET).results
    for name in ("label.f1", "label.auroc", "label.accuracy", "primary"):
        assert logged[f"test/{name}"] == close(logger, rows.loc[NET, name])
    for name in ("minutes_per_epoch", "images_per_second_train", "latency_ms", "seconds"):
        assert logged[f"time/{name}"] == close(logger, rows.loc[NET, name])
    for name in ("best_epoch", "parameters_total", "peak_memory_bytes"):
        assert logged[name] == close(logger, rows.loc[NET, name])
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


def test_a_cell_that_was_killed_goes_on_in_its_run(tmp_path: Path) -> None:
    arguments = (
        "run", "--plugins", "supervised/convnext_base", "--log", "tensorboard,mlflow,wandb",
        "--set", "epochs=60", *SMALL,
    )  # fmt: skip
    safely_read(tmp_path)  # So that the library is imported.
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    study = tmp_path / "results" / "phantom-quick"
    deadline = time.monotonic() + 120
    # TensorBoard can be watched while the cell trains.
    while not any(run.curves for run in safely_read(study)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)

    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch " in done.stderr
    assert "warning" not in done.stderr
    (cell,) = package.load(study)
    expected = curves(cell)
    last = {name: sorted(dict(points).items()) for name, points in expected.items()}
    assert len(last["train/loss"]) == 60
    for logger in LOGGERS:
        (run,) = READ[logger](study)
        assert run.well
        assert {name: steps(points) for name, points in run.curves.items()} == {
            name: steps(points) for name, points in last.items()
        }
        for name, points in last.items():
            assert values(run.curves[name]) == close(logger, values(points))
        assert run.results["test/primary"] == close(logger, cell.metrics["test"]["primary"])


def safely_read(study: Path) -> list[Tracked]:
    """What TensorBoard has so far: nothing while its first event is being written."""
    try:
        return READ["tensorboard"](study)
    except KeyError:
        return []


# Where a logger fails


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one cell has been run."""
    folder = tmp_path_factory.mktemp("finished")
    done = harness("run", "--plugins", MAJORITY, *SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not (folder / "results" / "phantom-quick" / "loggers").exists()
    return folder


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("raise ImportError('half a library')", "wandb: ImportError: half a library; the rest of"),
        ("import os; Settings = dict; init = lambda **_: os._exit(7)", "its writer ended (7); the"),
        ("import sys; Settings = dict; init = lambda **_: sys.exit(5)", "wandb: SystemExit: 5 ("),
        ("Settings = dict\ndef init(**_): raise OSError('no space')", "wandb: OSError: no space ("),
    ],
)
def test_a_library_that_fails_costs_a_warning(
    module: str, says: str, finished: Path, tmp_path: Path
) -> None:
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "wandb.py").write_text(f"print('hello')\n{module}\n")
    arguments = ("run", "--plugins", MAJORITY, *SMALL, "--log", "wandb,tensorboard")
    done = harness(*arguments, cwd=finished, plugins=fake)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "hook harness_cell_finish of plugin 'loggers' failed: " in warnings[0]
    assert says in warnings[0]
    (run,) = READ["tensorboard"](finished / "results" / "phantom-quick")
    assert run.well, "the other logger has it"


def test_a_folder_that_cannot_be_written_costs_no_cell(finished: Path) -> None:
    folder = finished / "results" / "phantom-quick" / "loggers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    try:
        done = harness(
            "run", "--plugins", MAJORITY, *SMALL, "--log", "tensorboard", "--rerun", cwd=finished
        )
    finally:
        folder.unlink()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: ") == 1
    assert "tensorboard: FileExistsError: " in done.stderr
    assert "repeat the command to log it" in done.stderr


def test_a_library_that_hangs_is_given_up(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = "import time\nSettings = dict\ninit = lambda **_: time.sleep(99)"
    (tmp_path / "wandb.py").write_text(fake)
    monkeypatch.setenv("PYTHONPATH", environment(plugins=tmp_path)["PYTHONPATH"])
    monkeypatch.setattr("harness_loggers.writer.PATIENCE", 1.0)
    monkeypatch.chdir(finished)
    done = package.run(MAJORITY, set=AS_SMALL, log="wandb")
    assert [cell.status for cell in done] == ["ok"]
    assert any("wandb: its writer does not answer for 1 s; the rest" in n for n in done.notes)


def test_a_run_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "phantom-quick"
    folder.mkdir(parents=True)
    (folder / "films.txt").touch()
    done = harness("run", "--plugins", MAJORITY, "--log", "tensorboard", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not empty and not a study folder" in done.stderr
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == ["films.txt"]


def test_a_damaged_cell_is_marked_as_failed(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "results", tmp_path / "results")
    (file,) = tmp_path.rglob("metrics.json")
    file.write_text("{")
    arguments = ("run", "--plugins", MAJORITY, *SMALL, "--log", "tensorboard,mlflow,wandb")
    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    for logger in LOGGERS:
        (run,) = READ[logger](tmp_path / "results" / "phantom-quick")
        assert run.well is False
        assert run.said.startswith("damaged: ")
        assert run.results == {}


# Nothing without asking


def test_without_the_option_no_library_is_imported(finished: Path, tmp_path: Path) -> None:
    for name in ("tensorboard", "mlflow", "wandb"):
        (tmp_path / f"{name}.py").write_text(
            f"import os, pathlib\npathlib.Path(os.environ['IMPORTED']).write_text('{name}')\n"
        )
    imported = tmp_path / "imported.txt"
    for words in (("--help",), ("plugins",), ("run", "--plugins", MAJORITY, *SMALL, "--rerun")):
        done = harness(*words, cwd=finished, plugins=tmp_path, env={"IMPORTED": str(imported)})
        assert done.returncode == 0, done.stderr
    assert not imported.exists()
    arguments = ("run", "--plugins", MAJORITY, *SMALL, "--log", "mlflow")
    harness(*arguments, cwd=finished, plugins=tmp_path, env={"IMPORTED": str(imported)})
    assert imported.read_text() == "mlflow"


# Where the user's environment says otherwise


def test_variables_of_the_libraries_win(finished: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    env = {
        "MLFLOW_TRACKING_URI": "sqlite:///mine.db",
        "MLFLOW_EXPERIMENT_NAME": "films",
        "WANDB_DIR": str(tmp_path / "mine"),
        "WANDB_PROJECT": "films",
    }
    arguments = ("run", "--plugins", MAJORITY, *SMALL, "--log", "mlflow,wandb")
    for _ in range(2):
        done = harness(*arguments, cwd=finished, env=env)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr
    client = MlflowClient(f"sqlite:///{finished / 'mine.db'}")
    experiment = client.get_experiment_by_name("films")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1
    (run,) = (tmp_path / "mine").rglob("*.wandb")
    assert b"films" in run.read_bytes()
    loggers = finished / "results" / "phantom-quick" / "loggers"
    assert not list(loggers.rglob("*.db")) + list(loggers.rglob("*.wandb"))


def test_weights_and_biases_can_be_switched_off(finished: Path) -> None:
    arguments = ("run", "--plugins", MAJORITY, *SMALL, "--log", "wandb")
    done = harness(*arguments, cwd=finished, env={"WANDB_MODE": "disabled"})
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert not list(finished.rglob("*.wandb"))


def test_python_logs_too(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished)
    package.run(MAJORITY, set=AS_SMALL, log=["tensorboard"])
    (run,) = READ["tensorboard"](finished / "results" / "phantom-quick")
    assert json.loads(run.parameters["train_images"]) == 32
