"""Loggers that fail, are switched off or sent elsewhere, and runs without any."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import harness as package
from tests.cli_tools import environment, harness
from tests.tracked_runs import READ

LOGGERS = tuple(READ)
MAJORITY = "baselines/majority"
SMALL = ("--set", "train_images=32", "--set", "test_images=16", "--set", "probe_seconds=0.1")
AS_SMALL = {"train_images": 32, "test_images": 16, "probe_seconds": 0.1}


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
