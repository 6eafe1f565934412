"""A wrong value in a study file is one message with the file, the line and the key."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from harness.cli.main import cli
from harness.planning.study_files.study_keys import KEYS
from tests.cli_tools import inside
from tests.trees import make_tree

WRONG = {
    "plugins": 'plugins = ["clip", "sll/*"]',
    "exclude": 'exclude = "sll"',
    "dataset": 'dataset = "fantom"',
    "data_root": 'dataset = "radiography"\ndata_root = "nowhere"',
    "data_param.pages": "[data_param]\npages = 3",
    "data_param.size": '[data_param]\nsize = "wide"',
    "data_param.images": "[data_param]\nimages = 0",
    "column.group": '[column]\ngroup = "PatientID"',
    "column.patients": (
        'dataset = "csv"\ndata_root = "films.csv"\n[column]\npatients = "PatientID"'
    ),
    "column.label": 'dataset = "csv"\ndata_root = "films.csv"\n[column]\nlabel = "Finding"',
    "plugin": 'plugin = "none.py"',
    "only_plugins": 'only_plugins = "clipp"',
    "disable_plugins": 'disable_plugins = ["clip", "sll"]',
    "preset": 'preset = "quik"',
    "set.epoch": "[set]\nepoch = 5",
    "set.epochs": '[set]\nbatch_size = 8\nepochs = "three"',
    "set.train-images": "[set]\ntrain-images = 0",
    "set.weight_decay": "[set]\nweight_decay = -1",
    "set.learning_rate": '[set]\nlearning_rate = [1e-3, "x"]',
    "set.test_images": "[set]\ntest_images = [8, 16]",
    "set.select_by": '[set]\nselect_by = "label.f2"',
    "param.baselines:depth": '[param]\n"baselines:depth" = 3',
    "param.sll:head": '[param]\n"sll:head" = 3',
    "param.head": 'plugins = "supervised"\n[param]\nhead = 3',
    "prompts": 'prompts = "none.txt"',
    "weights": 'weights = "nowhere"',
    "device": 'device = "tpu"',
    "precision": 'precision = "fp8"',
    "micro_batch": "micro_batch = -4",
    "seeds": 'seeds = "a"',
    "fractions": "fractions = [0.5, 2]",
    "split": 'split = "half"',
    "split_file": 'split_file = "none.csv"',
    "folds": "folds = 1",
    "name": 'name = "a/b"',
}
"""Key -> a study file whose last line has a wrong value for it."""
OF_ANOTHER_TYPE = {
    "skip_bad": "skip_bad = 1",
    "compile": "compile = 1",
    "tf32": 'tf32 = "yes"',
    "deterministic": "deterministic = 0",
    "time_only": "time_only = 1",
    "jobs": "jobs = 0",
    "retries": "retries = -1",
    "on_interrupt": 'on_interrupt = "ask"',
    "timeout": "timeout = 0",
    "keep_checkpoints": 'keep_checkpoints = "bst"',
}
"""The same, of values that are refused before anything looks at what they mean."""
IN_A_RUN = {
    "threads": "threads = 100000",
    "device_memory": 'device_memory = "much"',
    "activation_space": 'activation_space = "little"',
    "executor": 'executor = "proces"',
    "executor_param.partition": '[executor]\nname = "process"\npartition = "gpu"',
    "log": 'log = "tensorbord"',
    "out": 'out = "films.csv"',
}
"""The same, of values that only ``harness run`` looks at."""


def folder(path: Path, text: str) -> Path:
    (path / "films.csv").write_text("path,label\na.png,x\nb.png,y\n")
    (path / "study.toml").write_text(f'\nplugins = "baselines"\n{text}\n'.replace(
        'plugins = "baselines"\nplugins', "plugins"
    ))  # fmt: skip
    return path


def last_line(text: str) -> int:
    return len(text.rstrip().split("\n"))


@pytest.mark.parametrize("key", [*WRONG, *IN_A_RUN])
def test_a_wrong_value_is_reported_with_its_line_and_key(key: str, tmp_path: Path) -> None:
    text = {**WRONG, **IN_A_RUN}[key]
    folder(tmp_path, text)
    line = last_line((tmp_path / "study.toml").read_text())
    done = inside("run" if key in IN_A_RUN else "plan", "study.toml", "-q", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"harness: study.toml, line {line} ({key}): ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("key", OF_ANOTHER_TYPE)
def test_a_value_of_another_type_is_reported_with_its_line_and_key(
    key: str, tmp_path: Path
) -> None:
    folder(tmp_path, OF_ANOTHER_TYPE[key])
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"harness: study.toml, line 3: {key}")


def test_every_key_of_a_study_file_has_a_wrong_value_above() -> None:
    command = cli.get_command(click.Context(cli), "run")
    assert command is not None
    tried = {key.partition(".")[0] for key in (*WRONG, *OF_ANOTHER_TYPE, *IN_A_RUN)}
    assert tried == set(KEYS)


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("[set]\nepochs = 5", ("--set", "epochs=0"), "protocol: epochs must be positive"),
        ("[set]\ntrain-images = 5", ("--set", "train_images=0"), "protocol: train_images"),
        ("[set]\nmicro_batch = 4", ("--micro-batch", "-1"), "protocol: micro_batch"),
        ("micro_batch = 4", ("--set", "micro_batch=-1"), "protocol: micro_batch"),
        ("[param]\ndepth = 3", ("--param", "depth=4"), "--param 'depth=4'"),
        ("[data_param]\nsize = 64", ("--data-param", "size=wide"), "--data-param 'size=wide'"),
        ('split = "study"', ("--split", "half"), "--split 'half'"),
        ('exclude = "clip"', ("--exclude", "sll"), "pattern 'sll'"),
    ],
)
def test_the_file_is_not_blamed_for_what_an_option_says(
    text: str, words: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    folder(tmp_path, text)
    done = inside("plan", "study.toml", *words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"harness: {says}")


def test_an_option_replaces_a_wrong_entry_of_a_table(tmp_path: Path) -> None:
    folder(tmp_path, '[set]\nepochs = "three"')
    done = inside("plan", "study.toml", "--set", "epochs=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_wrong_entry_of_a_later_run_is_reported_where_that_run_says_it(tmp_path: Path) -> None:
    folder(tmp_path, "[set]\nepochs = 2\n[[run]]\nseeds = 0\n[[run]]\n[run.set]\nepochs = 0")
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.stderr.startswith("harness: study.toml, line 9 (set.epochs): protocol: epochs must")


def test_a_folder_without_the_dataset_is_reported_with_the_line_that_names_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "films").mkdir()
    folder(tmp_path, 'dataset = "radiography"\ndata_root = "films"')
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.stderr.startswith("harness: study.toml, line 4 (data_root): data root ")


def test_a_folder_of_weights_without_a_method_s_file_is_reported_with_its_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").mkdir()
    folder(tmp_path, 'plugins = "supervised/vit_b_16"\npreset = "paper"\nweights = "mine"')
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.stderr.startswith("harness: study.toml, line 4 (weights): ")


def test_a_column_of_a_table_that_is_not_there_is_reported_with_its_line(tmp_path: Path) -> None:
    make_tree(tmp_path / "films")
    folder(tmp_path, 'dataset = "radiography"\ndata_root = "films"\n[column]\ngroup = "Patient"')
    done = inside("plan", "study.toml", cwd=tmp_path)
    assert done.stderr.startswith("harness: study.toml, line 6 (column.group): --column group=…")
