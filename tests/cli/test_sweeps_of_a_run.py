"""``--set FIELD=VALUE,VALUE``: a cell per value, told apart wherever cells are named."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.planning.study_files.study_keys import request_of_values, values_of
from tests.cli_tools import TINY, harness, inside

PIXELS = ("--plugins", "baselines/pixels")


def planned(*words: str, cwd: Path) -> list[dict[str, Any]]:
    done = inside("plan", *words, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    cells: list[dict[str, Any]] = json.loads(done.stdout)["cells"]
    return cells


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    swept = ("--lr", "1e-3,1e-4", "--set", "image_size=32px,48")
    done = harness("run", *PIXELS, *TINY, *swept, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "baselines/pixels, learning_rate 0.001, image_size 48" in done.stderr
    return folder


def test_every_combination_is_a_cell_of_one_table(ran: Path) -> None:
    (section,) = json.loads(inside("report", "--format", "json", cwd=ran).stdout)["sections"]
    asked = {(r["protocol"]["learning_rate"], r["protocol"]["image_size"]) for r in section["rows"]}
    assert asked == {(rate, size) for rate in (1e-3, 1e-4) for size in (32, 48)}
    assert "learning_rate 0.0001 or 0.001, image_size 32 or 48" in section["heading"]
    text = inside("report", cwd=ran).stdout
    assert "choose by the column primary (val)" in text


def test_each_combination_is_the_cell_of_a_run_that_asks_for_it_alone(ran: Path) -> None:
    (cell,) = planned(*PIXELS, *TINY, "--lr", "1e-4", "--image-size", "48", cwd=ran)
    assert cell["state"] == "finished"
    assert cell["sweep"] == {}


def test_the_same_command_and_its_study_file_find_all_of_it_finished(ran: Path) -> None:
    (path,) = ran.glob("results/*/study.toml")
    stated = tomllib.loads(path.read_text())["set"]
    assert (stated["learning_rate"], stated["image_size"]) == ([1e-3, 1e-4], [32, 48])
    cells = planned(str(path), cwd=ran)
    assert [cell["state"] for cell in cells] == ["finished"] * 4
    assert sorted(cell["sweep"]["image_size"] for cell in cells) == [32, 32, 48, 48]


def test_a_new_value_is_not_called_a_repetition_of_another(ran: Path) -> None:
    cells = planned(*PIXELS, *TINY, "--lr", "1e-4,1e-5", "--image-size", "48", cwd=ran)
    assert [(c["state"], c["differs_in"]) for c in cells] == [("finished", []), ("to run", [])]


def test_status_show_and_messages_tell_them_apart(ran: Path) -> None:
    lines = inside("status", cwd=ran).stdout.splitlines()
    assert lines[0].split()[:4] == ["method", "learning_rate", "image_size", "cell"]
    assert sorted(line.split()[1:3] for line in lines[2:6]) == [
        [rate, size] for rate in ("0.0001", "0.001") for size in ("32", "48")
    ]
    told = inside("show", "baselines/pixels", cwd=ran)
    assert told.returncode == 2
    assert told.stderr.count("learning_rate 0.001, image_size") == 2


def test_a_sweep_in_python_and_in_a_study_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'plugins = "baselines/pixels"\n[set]\nepochs = [1, 2]\nflip = [true, false]\n'
    )
    of_file = planned("study.toml", cwd=tmp_path)
    assert [cell["sweep"] for cell in of_file] == [
        {"epochs": epochs, "flip": flip} for epochs in (1, 2) for flip in (True, False)
    ]
    changes = {"set": {"epochs": [1, 2], "flip": (True, False)}}
    asked = request_of_values(values_of(changes)).protocols
    assert [{"epochs": one.epochs, "flip": one.flip} for one in asked] == [
        cell["sweep"] for cell in of_file
    ]
    over = planned("study.toml", "--set", "epochs=3", cwd=tmp_path)
    assert [cell["epochs"] for cell in over] == [3, 3]


def test_a_value_given_twice_is_one_and_the_last_setting_of_a_field_counts(tmp_path: Path) -> None:
    (cell,) = planned(*PIXELS, "--set", "learning_rate=1e-3,0.001", cwd=tmp_path)
    assert cell["sweep"] == {}
    cells = planned(*PIXELS, "--set", "epochs=1,2", "--set", "epochs=4,5", cwd=tmp_path)
    assert [cell["epochs"] for cell in cells] == [4, 5]


def test_a_method_with_a_value_of_its_own_has_one_cell_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import harness\n\nHARNESS_API = 1\n\n\n@harness.hookimpl\ndef harness_methods():\n"
        "    yield harness.MethodSpec(\n"
        "        name='net', factory='own:build', task='classification', family='own',\n"
        "        summary='A network', protocol={'learning_rate': 0.5},\n    )\n"
    )
    words = ("--plugin", "own.py", "--plugins", "own", "--lr", "1e-3,1e-4")
    (cell,) = planned(*words, cwd=tmp_path)
    assert cell["sweep"] == {"learning_rate": 0.5}
    told = inside("plan", *words, cwd=tmp_path)
    assert "own/net has its own learning_rate: the sweep does not reach it" in (
        told.stdout + told.stderr
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "epochs=1,x"), "epochs: 'x' is not a whole number"),
        (("--set", "epochs=1,"), "--set epochs=1,: a value is missing; write epochs=VALUE,VALUE"),
        (("--epochs", "1,0"), "epochs must be positive, got 0"),
        (("--set", "test_images=8,16"), "test_images says what is measured"),
        (("--set", "time_only=true,false"), "time_only says what is measured"),
        (("--set", "learning_rat=1,2"), "did you mean 'learning_rate'"),
        (("--lr", "1e-3,1e-4", "--set", "lr=1e-3"), "both set learning_rate; keep one"),
    ],
)
def test_what_cannot_be_swept_is_one_message(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    told = inside("run", *PIXELS, *words, cwd=tmp_path)
    assert told.returncode == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr
    assert list(tmp_path.iterdir()) == []
