"""``--log``: which loggers there are, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import harness as package
from tests.cli_tools import inside, refused

SOME = ("--plugins", "baselines/majority")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes distributions away, as far as requirements are concerned."""

    def hide(*names: str) -> None:
        def visible(name: str) -> str:
            if name in names:
                raise PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr("harness.discovery.requirements.version", visible)

    return hide


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("wandbb", "--log: unknown logger 'wandbb' (did you mean 'wandb'?); loggers: "),
        ("tensorboard,comet", "--log: unknown logger 'comet'; loggers: tensorboard, mlflow, wandb"),
        ("", "--log: unknown logger ''"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "plan"])
def test_a_logger_that_nobody_offers_is_refused(
    verb: str, asked: str, says: str, tmp_path: Path
) -> None:
    refused(verb, *SOME, "--log", asked, cwd=tmp_path, says=says)


@pytest.mark.parametrize(
    ("logger", "package"),
    [("tensorboard", "tensorboard"), ("mlflow", "sqlalchemy"), ("wandb", "wandb")],
)
def test_a_missing_extra_is_named_before_anything_runs(
    logger: str, package: str, without: Callable[..., None], tmp_path: Path
) -> None:
    without(package)
    says = (
        f"--log {logger}: needs packages that are not installed; "
        f"pip install 'cxr-harness[{logger}]'"
    )
    refused("run", *SOME, "--log", logger, cwd=tmp_path, says=says)


def test_every_missing_extra_is_named_at_once(without: Callable[..., None], tmp_path: Path) -> None:
    without("wandb", "alembic")
    done = inside("run", *SOME, "--log", "tensorboard,mlflow", "--log", "wandb", cwd=tmp_path)
    assert done.returncode == 2
    assert [line.partition(";")[2] for line in done.stderr.splitlines()] == [
        " pip install 'cxr-harness[mlflow]'",
        " pip install 'cxr-harness[wandb]'",
    ]


def test_the_list_of_plugins_has_loggers_and_says_what_they_need(
    without: Callable[..., None], tmp_path: Path
) -> None:
    without("wandb")
    text = inside("plugins", cwd=tmp_path).stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "tensorboard Event files for TensorBoard yes" in lines
    assert "wandb Runs of Weights & Biases, offline no: pip install 'cxr-harness[wandb]'" in lines
    facts = json.loads(inside("plugins", "--json", cwd=tmp_path).stdout)
    assert [(entry["name"], entry["install"]) for entry in facts["loggers"]] == [
        ("tensorboard", ""),
        ("mlflow", ""),
        ("wandb", "pip install 'cxr-harness[wandb]'"),
    ]


def test_a_study_file_may_name_loggers_and_is_blamed_for_them(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('plugins = "baselines/majority"\nlog = ["tensorboard", "mlflow"]\n')
    assert inside("plan", "study.toml", cwd=tmp_path).returncode == 0
    file.write_text('plugins = "baselines/majority"\nlog = ["tensorboard", "mflow"]\n')
    says = "study.toml, line 2 (log): --log: unknown logger 'mflow' (did you mean 'mlflow'?)"
    refused("run", "study.toml", cwd=tmp_path, says=says)
    done = inside("plan", "study.toml", "--log", "wandb", cwd=tmp_path)
    assert done.returncode == 0, "the option replaces the key"
    file.write_text("log = 3\n")
    refused("run", "study.toml", cwd=tmp_path, says="study.toml, line 1: log = 3: expected text")


def test_python_may_name_loggers(tmp_path: Path) -> None:
    with pytest.raises(package.HarnessError, match="unknown logger 'comet'"):
        package.run("baselines/majority", log=["comet"], out=tmp_path / "results")
    with pytest.raises(package.HarnessError, match="no study key 'wandb': --log wandb"):
        package.run("baselines/majority", wandb=True, out=tmp_path / "results")


def test_loggers_are_no_part_of_a_cell(tmp_path: Path) -> None:
    def directories(*more: str) -> list[str]:
        plan = json.loads(inside("plan", *SOME, "--json", *more, cwd=tmp_path).stdout)
        return [cell["directory"] for cell in plan["cells"]]

    assert directories("--log", "tensorboard,wandb") == directories()
