"""Options that are short for ``--set``, and values with a unit."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import harness as package
from harness.planning.study_files.study_keys import values_of
from tests.cli_tools import harness, inside, refused

SOME = ("plan", "--plugins", "baselines")


def test_short_options_change_the_protocol_and_are_recorded_as_settings(tmp_path: Path) -> None:
    short = ("--lr", "1e-4", "--epochs=5", "--batch-size", "8", "--weight-decay", "0")
    done = inside(*SOME, *short, "--size", "96px", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    long = ("learning_rate=1e-4", "epochs=5", "batch_size=8", "weight_decay=0", "image_size=96")
    settings = [word for setting in long for word in ("--set", setting)]
    assert cells(*short, "--size", "96px", cwd=tmp_path) == cells(*settings, cwd=tmp_path)
    assert cells(cwd=tmp_path) != cells("--epochs", "5", cwd=tmp_path)


def cells(*options: str, cwd: Path) -> list[str]:
    done = inside(*SOME, *options, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [cell["cell"] for cell in json.loads(done.stdout)["cells"]]


def test_a_short_option_wins_over_the_entry_of_a_study_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[set]\nepochs = 7\nbatch_size = 8\n")
    settings = ("--set", "epochs=5", "--set", "batch_size=8")
    assert cells("study.toml", "--epochs", "5", cwd=tmp_path) == cells(*settings, cwd=tmp_path)


def test_a_short_option_counts_in_every_run_of_a_study_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[[run]]\nseeds = 0\n[[run]]\nseeds = 1\n")
    both = cells("study.toml", "--epochs", "5", cwd=tmp_path)
    assert both == [
        cell for seed in "01" for cell in cells("--seeds", seed, "--set", "epochs=5", cwd=tmp_path)
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--epochs", "5", "--set", "epochs=6"), "--epochs 5 and --set epochs=6: both set epochs"),
        (("--learning-rate=1", "--set", "lr=2"), "--learning-rate 1 and --set lr=2"),
        (("--size", "64", "--set", "image-size=96px"), "--size 64 and --set image-size=96px"),
        (("--micro-batch", "8", "--set", "micro_batch=4"), "--micro-batch 8 and --set"),
        (("--compile", "--set", "compile=false"), "--compile and --set compile=false"),
        (("--epochs", "five"), "epochs: 'five' is not a whole number"),
        (("--image-size", "96x64"), "images are square"),
    ],
)
def test_a_short_option_with_another_value_than_set_is_refused(
    options: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    refused(*SOME, *options, cwd=tmp_path, says=says)


def test_a_short_option_may_repeat_what_set_says(tmp_path: Path) -> None:
    once = cells("--lr", "1e-4", cwd=tmp_path)
    assert cells("--lr", "1e-4", "--set", "learning_rate=0.0001", cwd=tmp_path) == once


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*SOME, "--timeout", "10 parsecs"), "such as 90s, 10m or 1h30m"),
        ((*SOME, "--timeout", "0"), "--timeout '0': give seconds, more than 0"),
        (("data", "prepare", "csv", "--size", "5px"), "5 is not in the range"),
        (("data", "prepare", "csv", "--size", "big"), "such as 512 or 512px"),
    ],
)
def test_a_value_without_a_known_unit_is_refused(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    refused(*arguments, cwd=tmp_path, says=says)


@pytest.mark.parametrize("timeout", ["600", "10m", "10 min", "0.5h"])
def test_a_timeout_may_have_a_unit(timeout: str, tmp_path: Path) -> None:
    assert cells("--timeout", timeout, cwd=tmp_path) == cells(cwd=tmp_path)
    (tmp_path / "study.toml").write_text(f'plugins = "baselines"\ntimeout = "{timeout}"\n')
    assert cells("study.toml", cwd=tmp_path) == cells(cwd=tmp_path)


def test_a_timeout_of_another_unit_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('timeout = "soon"\n')
    refused("plan", "study.toml", cwd=tmp_path, says="study.toml, line 1: timeout = 'soon': give")
    with pytest.raises(package.HarnessError, match="timeout = 'soon': give seconds"):
        package.run("baselines", timeout="soon")


def test_python_takes_a_timeout_with_a_unit() -> None:
    assert values_of({"timeout": "10m"}) == {"timeout": 600}


def test_a_size_in_pixels_is_that_size(tmp_path: Path) -> None:
    table = ["path,label"]
    for number in range(4):
        Image.new("L", (40, 40), number).save(tmp_path / f"{number}.png")
        table.append(f"{number}.png,{'ab'[number % 2]}")
    (tmp_path / "dataset.csv").write_text("\n".join(table))
    done = inside("data", "prepare", "csv", "--data-root=.", "--size", "32px", cwd=tmp_path)
    assert "4 images at 32 x 32" in done.stdout, done.stderr


def test_a_run_records_short_options_units_and_bare_names_as_what_they_mean(tmp_path: Path) -> None:
    short = ("--epochs", "1", "--size=32px", "--timeout", "10m", "--exclude", "pixels")
    tiny = ("--set", "train_images=16", "--set", "test_images=16")
    done = harness("run", "--plugins", "Majority,pixels", *short, *tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: Majority is taken as baselines/majority\n" in done.stderr
    record = tomllib.loads((tmp_path / "results/phantom-quick/study.toml").read_text())
    assert record["plugins"] == ["baselines/majority,baselines/pixels"]
    assert record["exclude"] == ["baselines/pixels"]
    assert record["set"] == {"epochs": 1, "image_size": 32, "train_images": 16, "test_images": 16}
    assert record["timeout"] == 600
