"""A study file never forgets: what several runs have asked for in one folder stands in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.planning.study_files.study_file import Key, read_study_file
from harness.planning.study_files.study_runs import runs_of, with_run

FILE = Path("study.toml")
KEYS = {
    "plugins": Key("texts"),
    "preset": Key("text"),
    "seeds": Key("numbers"),
    "jobs": Key("whole"),
    "data_root": Key("path"),
    "set": Key("table"),
}
RUN: dict[str, Any] = {
    "plugins": ["ssl/*"],
    "dataset": "phantom",
    "device": "cuda:0",
    "seeds": [0],
    "fractions": [1.0],
    "jobs": 1,
    "out": "/results",
    "name": "mine",
    "set": {"epochs": 5},
}


def left(*runs: dict[str, Any]) -> str:
    text = None
    for run in runs:
        text = with_run(run, text, FILE)
    assert text is not None
    return text


def asked(*runs: dict[str, Any]) -> list[dict[str, Any]]:
    return runs_of(tomllib.loads(left(*runs)))


@pytest.mark.parametrize(
    ("change", "joined"),
    [
        ({"seeds": [1, 2]}, {"seeds": [0, 1, 2]}),
        ({"plugins": ["clip"]}, {"plugins": ["ssl/*", "clip"]}),
        ({"plugins": ["all"]}, {"plugins": ["all"]}),
        ({"fractions": [0.5, 1.0]}, {"fractions": [0.5, 1.0]}),
        ({"seeds": [0, 1], "plugins": ["ssl/*", "clip"]}, None),
    ],
)
def test_a_run_that_grows_is_one_run(change: dict[str, Any], joined: dict[str, Any] | None) -> None:
    assert asked(RUN, {**RUN, **change}) == [{**RUN, **(joined or change)}]


def test_a_smaller_run_changes_nothing() -> None:
    both = {**RUN, "seeds": [0, 1], "plugins": ["ssl/*", "clip"]}
    assert left(both, {**RUN, "plugins": ["clip"], "seeds": [1]}) == left(both)
    assert left({**RUN, "plugins": ["all"]}, RUN) == left({**RUN, "plugins": ["all"]})


def test_combinations_that_never_ran_are_not_asked_for() -> None:
    other = {**RUN, "plugins": ["clip"], "seeds": [1]}
    assert asked(RUN, other) == [RUN, other]


def test_a_run_that_closes_a_gap_makes_one_of_what_stood_apart() -> None:
    other = {**RUN, "plugins": ["clip"], "seeds": [0, 1]}
    assert asked(RUN, other, {**RUN, "seeds": [0, 1]}) == [
        {**RUN, "plugins": ["clip", "ssl/*"], "seeds": [0, 1]}
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"set": {"epochs": 6}},
        {"dataset": "folder", "data_root": "/films"},
        {"exclude": ["ssl/*@full"]},
        {"device": "cpu"},
    ],
)
def test_another_question_stands_beside_the_first(change: dict[str, Any]) -> None:
    other = {**RUN, **change}
    assert asked(RUN, other) == [RUN, other]
    assert asked(RUN, other, RUN) == [RUN, other]
    assert left(RUN, other).count("[[run]]") == 2


def test_how_cells_are_run_is_that_of_the_last_run() -> None:
    quick = {key: value for key, value in RUN.items() if key != "jobs"}
    again = {**quick, "device": "cuda:1", "timeout": 60}
    assert asked(RUN, again) == [again]


def test_a_folder_that_has_moved_stays_one_study() -> None:
    moved = {**RUN, "out": "/elsewhere"}
    other = {**moved, "set": {"epochs": 6}}
    assert asked(RUN, other) == [moved, other]


def test_comments_stay_while_nothing_is_added() -> None:
    text = "# my own words\n" + left(RUN)
    assert with_run(RUN, text, FILE) == text


def test_a_file_that_cannot_be_read_is_not_overwritten() -> None:
    with pytest.raises(HarnessError, match=r"study.toml: is not valid TOML.*repair it"):
        with_run(RUN, "plugins = [", FILE)


def test_every_run_of_a_file_has_what_stands_above_them(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        'preset = "paper"\n[set]\nepochs = 5\nflip = true\n'
        '[[run]]\nseeds = [0]\n[run.set]\nepochs = 6\n[[run]]\npreset = "quick"\ndata_root = "d"\n'
    )
    first, second = read_study_file(tmp_path, KEYS).runs
    assert first.values == {"preset": "paper", "seeds": "0", "set": {"epochs": 6, "flip": True}}
    assert second.values == {
        "preset": "quick",
        "data_root": str(tmp_path / "d"),
        "set": {"epochs": 5, "flip": True},
    }
    assert first.at("set", "epochs").endswith("line 8")
    assert first.at("preset").endswith("line 1")
    assert second.at("preset").endswith("line 10")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jobs = 1\n[[run]]\njobs = 2\n[[run]]\njobs = 'x'", "line 5: jobs"),
        ("[[run]]\njbs = 2", "line 2: no key 'jbs'"),
        ("run = 1", "line 1: write a table [[run]]"),
        ("jobs = 1\n[[run]]\n[run.set.epochs]\nx = 1", "line 3: [set] epochs holds a table"),
    ],
)
def test_a_mistake_in_a_run_is_told_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(HarnessError) as error:
        read_study_file(tmp_path, KEYS)
    assert says in str(error.value)
