"""``harness run study.toml``: a file says what a command line says, and every run leaves one."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from harness.cli.main import cli
from harness.discovery.registry import discover
from harness.planning.plan import plan
from tests.cli_tools import TINY, harness, inside
from tests.trees import make_tree

STUDY = """
plugins = ["baselines"]
seeds = [0, 1]
fractions = [0.5, 1]
out = "kept"
jobs = 1

[set]
epochs = 1
train_images = 32
test_images = 16
"""


def cells(*arguments: str | Path, cwd: Path) -> set[str]:
    """Directories of the cells that ``harness plan`` shows, wherever they are named from."""
    done = inside("plan", *arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {str((cwd / cell["directory"]).resolve()) for cell in json.loads(done.stdout)["cells"]}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    return file


def test_a_file_plans_what_the_options_plan(study: Path, tmp_path: Path) -> None:
    options = (
        "--plugins", "baselines", "--seeds", "0,1", "--fractions", "0.5,1", "--out", "kept", *TINY,
    )  # fmt: skip
    found = cells(study, cwd=tmp_path)
    assert len(found) == 8
    assert found == cells(*options, cwd=tmp_path)


def test_an_option_wins_over_the_file(study: Path, tmp_path: Path) -> None:
    found = cells(study, "--seeds", "0", "--plugins", "baselines/majority", cwd=tmp_path)
    assert len(found) == 2
    assert found < cells(study, cwd=tmp_path)


def test_an_option_for_one_field_of_the_protocol_keeps_the_others(
    study: Path, tmp_path: Path
) -> None:
    done = inside("plan", study, "--set", "epochs=2", "--json", cwd=tmp_path)
    (cell, *_) = json.loads(done.stdout)["cells"]
    assert (cell["epochs"], cell["data"]["train"]["images"]) == (2, 16)


def test_a_short_option_wins_over_the_field_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('plugins = "baselines/majority"\n[set]\nmicro_batch = 4\n')
    asked = cells("study.toml", "--micro-batch", "8", cwd=tmp_path)
    assert asked == cells("--plugins", "baselines/majority", "--micro-batch", "8", cwd=tmp_path)


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    make_tree(folder / "films")
    (folder / "study.toml").write_text(
        'plugins = "baselines"\ndataset = "radiography"\ndata_root = "films"\nout = "../results"\n'
    )
    (first, *_) = cells("studies/study.toml", cwd=tmp_path)
    assert first.startswith(str(tmp_path / "results" / "radiography-films-quick"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('pluggins = ["all"]', "study.toml, line 1: no key 'pluggins' (did you mean 'plugins'?)"),
        ('preset = "quick"\njobs = "two"', 'study.toml, line 2: jobs = "two": expected a whole nu'),
        (
            '\npreset = "quik"',
            "study.toml, line 2 (preset): unknown preset 'quik' (did you mean 'quick'?)",
        ),
        (
            "[set]\nflip = true\nepoch = 5",
            "study.toml, line 3 (set.epoch): --set 'epoch=5': write KEY=VALUE",
        ),
        ("[set]\nepochs = 0", "study.toml, line 2 (set.epochs): protocol: epochs must be positive"),
        ('seeds = ["a"]', "study.toml, line 1: seeds"),
        (
            "jobs = 1\nseeds = -1",
            "study.toml, line 2 (seeds): --seeds '-1': give whole numbers from 0",
        ),
        (
            'exclude = "clip"\nplugins = ["clip", "sll/*"]',
            "study.toml, line 2 (plugins): pattern 'sll/*'",
        ),
        ('plugins = "clip"\nexclude = "sll"', "study.toml, line 2 (exclude): pattern 'sll'"),
        ('dataset = "fantom"', "study.toml, line 1 (dataset): unknown dataset 'fantom'"),
        ('weights = "nowhere"', "study.toml, line 1 (weights): --weights"),
        (
            '[param]\n"baselines:depth" = 3',
            "study.toml, line 2 (param.baselines:depth): --param 'baselines:depth=3'",
        ),
        ('prompts = "none.txt"', "study.toml, line 1 (prompts): --prompts"),
        ('device_memory = "much"', "study.toml, line 1 (device_memory): --device-memory 'much'"),
        ("\njobs = 0", "study.toml, line 2: jobs: 0 is not in the range"),
        ('keep_checkpoints = "bst"', "study.toml, line 1: keep_checkpoints: 'bst' is not one of"),
        (
            "micro_batch = 4\n[set]\nmicro_batch = 8",
            "study.toml, line 3: micro_batch is also a key above",
        ),
        ("jobs = 2\nplugins = [", "study.toml, line 2: is not valid TOML"),
    ],
)
def test_a_mistake_is_one_message_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    done = inside("run", "study.toml", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"harness: {says}")
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_the_file_is_not_blamed_for_an_option(study: Path, tmp_path: Path) -> None:
    done = inside("plan", study, "--seeds", "a", cwd=tmp_path)
    assert done.stderr.startswith("harness: --seeds 'a'")


def test_a_missing_file_is_told_with_what_may_have_been_meant(tmp_path: Path) -> None:
    done = inside("run", "baselines", cwd=tmp_path)
    assert done.returncode == 2
    assert "to choose methods, write --plugins baselines" in done.stderr


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a study file has been run."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "study.toml").write_text(STUDY)
    done = harness(
        "run", "study.toml", "--plugins", "baselines/majority", "--fractions", "1", "-q", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_run_leaves_a_file_that_plans_the_same_cells_from_anywhere(
    ran: Path, tmp_path: Path
) -> None:
    left = ran / "kept" / "phantom-quick" / "study.toml"
    found = {str(path.parent.resolve()) for path in ran.rglob("cells/*/*/*/cell.json")}
    assert len(found) == 2
    assert cells(left, cwd=tmp_path) == found


def test_the_file_that_is_left_is_resolved(ran: Path) -> None:
    left = tomllib.loads((ran / "kept" / "phantom-quick" / "study.toml").read_text())
    assert left == {
        "plugins": ["baselines/majority"],
        "dataset": "phantom",
        "preset": "quick",
        "device": "cpu",
        "seeds": [0, 1],
        "fractions": [1.0],
        "out": str(ran / "kept"),
        "name": "phantom-quick",
        "jobs": 1,
        "set": {"epochs": 1, "train_images": 32, "test_images": 16},
    }


def test_running_the_file_that_is_left_trains_nothing_and_keeps_it_as_it_is(ran: Path) -> None:
    left = ran / "kept" / "phantom-quick" / "study.toml"
    left.write_text("# my own words\n" + left.read_text())
    before = {path: path.stat().st_mtime_ns for path in ran.rglob("predictions-*.npz")}
    done = harness("run", left.parent, cwd=ran)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in ran.rglob("predictions-*.npz")} == before
    assert left.read_text().startswith("# my own words\n")


def test_a_second_run_adds_to_what_the_first_has_left(tmp_path: Path) -> None:
    for arguments in (
        ("--plugins", "baselines/majority", "--seeds", "0"),
        ("--plugins", "baselines/majority", "--seeds", "1,2"),
        ("--plugins", "baselines/majority", "--set", "batch_size=4"),
    ):
        done = harness("run", *TINY, *arguments, "-q", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    study = tmp_path / "results" / "phantom-quick"
    there = {str(path.parent) for path in study.rglob("cell.json")}
    assert len(there) == 4
    assert cells(study, cwd=tmp_path) == there
    record = json.loads((study / "study.json").read_text())
    assert {str(study / cell) for cell in record["cells"]} == there
    assert [run["command"][-2] for run in record["runs"]] == ["0", "1,2", "batch_size=4"]
    assert {run["dataset"]["name"] for run in record["runs"]} == {"phantom"}
    done = harness("run", study, "--no-progress", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("harness report results") == 1
    assert {str(path.parent) for path in study.rglob("cell.json")} == there
    assert len(json.loads((study / "study.json").read_text())["runs"]) == 4


def test_two_datasets_in_one_named_study_are_both_repeated(tmp_path: Path) -> None:
    make_tree(tmp_path / "films")
    named = ("--plugins", "baselines/majority", *TINY, "--name", "both", "-q")
    for data in ((), ("--dataset", "radiography", "--data-root", "films")):
        assert harness("run", *named, *data, cwd=tmp_path).returncode == 0
    study = tmp_path / "results" / "both"
    assert cells(study, cwd=tmp_path) == {str(p.parent) for p in study.rglob("cell.json")}
    assert len(list(study.rglob("cell.json"))) == 2


def test_an_option_wins_over_every_run_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'plugins = "baselines/majority"\n[[run]]\nseeds = [0, 1]\n[[run]]\nseeds = [2]\n'
        "[run.set]\nepochs = 2\n"
    )
    assert len(cells("study.toml", cwd=tmp_path)) == 3
    assert len(cells("study.toml", "--seeds", "5", cwd=tmp_path)) == 2
    assert len(cells("study.toml", "--seeds", "5", "--set", "epochs=1", cwd=tmp_path)) == 1


def test_a_mistake_in_a_later_run_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'plugins = "baselines/majority"\n[[run]]\nseeds = [0]\n[[run]]\nplugins = "nobody"\n'
    )
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: study.toml, line 5 (plugins): pattern 'nobody'")


def test_two_roots_of_one_dataset_have_folders_of_their_own(tmp_path: Path) -> None:
    found = set()
    for root in ("hospital-a", "hospital-b"):
        make_tree(tmp_path / root)
        data = ("--dataset", "radiography", "--data-root", root)
        (cell,) = cells("--plugins", "baselines/majority", *data, cwd=tmp_path)
        found.add(Path(cell).parents[3].name)
    assert found == {"radiography-hospital-a-quick", "radiography-hospital-b-quick"}


EVERYTHING = (
    "--plugins", "ssl/*,clip/*", "--plugins", "baselines", "--exclude", "clip/*@photo",
    "--preset", "paper", "--seeds", "3,4", "--fractions", "0.25,1", "--split", "study",
    "--weights", "random", "--precision", "fp32", "--device", "cpu", "--micro-batch", "4",
    "--set", "micro_batch=4", "--set", "epochs=2", "--set", "probe_seconds=none", "--tf32",
    "--deterministic", "--param", "probe_lr_scale=5.0", "--param", "ssl/*@lpft:probe_lr_scale=2.5",
    "--dataset", "radiography", "--data-root", "films", "--out", "o u t", "--name", "my study",
    "--jobs", "1", "--threads", "2", "--timeout", "99.5", "--keep-checkpoints", "none",
    "--device-memory", "2GB", "--log", "tensorboard,mlflow", "--plugin", "mine.py",
    "--only-plugins", "acme", "--disable-plugins", "multitask,loggers",
)  # fmt: skip


def request_and_file(arguments: tuple[str, ...]) -> tuple[Any, str]:
    """What the words of ``harness run`` ask for, and the study file that they would leave."""
    from harness.cli.shared.study_file_argument import given_keys
    from harness.planning.study_files.request import request_of
    from harness.planning.study_files.study_keys import asked_again
    from harness.planning.study_files.study_runs import written

    command = cli.get_command(click.Context(cli), "run")
    assert command is not None
    ctx = command.make_context("run", list(arguments))
    run_only = ("executor", "jobs", "timeout", "rerun", "device_memory", "quiet")
    run_only += ("activation_space", "keep_checkpoints", "log", "no_progress", "prompts", "strict")
    run_only += ("executor_params", "retries", "detach", "on_interrupt")
    run_only += ("plugin", "only_plugins", "disable_plugins")
    with ctx:
        request = request_of(**{k: v for k, v in ctx.params.items() if k not in run_only})
        study = plan(request, discover())
        return request, written([asked_again(given_keys(ctx), request, study)])


def test_a_file_repeats_every_option_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path / "films")
    monkeypatch.chdir(tmp_path)
    asked, first = request_and_file(EVERYTHING)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "study.toml").write_text(first)
    request, second = request_and_file((str(elsewhere / "study.toml"),))
    assert second == first
    assert request == replace(
        asked,
        methods=("ssl/*,clip/*", "baselines"),
        data_root=tmp_path / "films",
        out=tmp_path / "o u t",
    )
    assert tomllib.loads(first)["keep_checkpoints"] == "none"
    assert tomllib.loads(first)["log"] == ["tensorboard,mlflow"]


def test_every_option_but_those_of_one_call_is_a_key() -> None:
    from harness.cli.shared.study_file_argument import ONCE
    from harness.cli.words.short_options import ShortOption
    from harness.planning.study_files.study_keys import KEYS

    command = cli.get_command(click.Context(cli), "run")
    assert command is not None
    options = {
        max(p.opts, key=len)[2:].replace("-", "_")
        for p in command.params
        # What these set is an entry of [set].
        if isinstance(p, click.Option) and not isinstance(p, ShortOption)
    }
    assert set(KEYS) == options - ONCE
