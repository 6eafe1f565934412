"""The results folder, a study folder and a cell: where each verb looks, and what it calls them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli.main import VERBS, cli
from tests.builders import make_cell
from tests.cli_tools import inside, refused

READERS = ("report", "status", "score")
"""Verbs whose argument is the results folder."""


def verbs() -> Iterator[tuple[str, click.Command]]:
    for name in VERBS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())


def help_of(name: str, folder: Path) -> str:
    return " ".join(inside(*name.split(), "--help", cwd=folder).stdout.split())


@pytest.mark.parametrize("verb", READERS[:2])
def test_without_a_folder_it_is_results(verb: str, tmp_path: Path) -> None:
    make_cell(tmp_path / "results" / "study", "demo/net", label={"f1": 0.5})
    done = inside(verb, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == inside(verb, "results", cwd=tmp_path).stdout
    assert "demo/net" in done.stdout


def test_score_looks_into_results_too(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    refused("score", cwd=tmp_path, says="results holds no run")


@pytest.mark.parametrize("verb", READERS)
def test_where_there_is_no_such_folder_it_has_to_be_named(verb: str, tmp_path: Path) -> None:
    says = (
        "no folder 'results' here; name the results folder or a study folder: "
        f"harness {verb} RESULTS"
    )
    refused(verb, cwd=tmp_path, says=says)
    refused(verb, "away", cwd=tmp_path, says="away holds no run (there is no such folder)")


def test_results_that_are_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "study.toml").touch()
    refused("status", "study.toml", cwd=tmp_path, says="'study.toml' is a file")


@pytest.mark.parametrize("name", [name for name, _ in verbs()])
def test_help_has_one_word_for_a_folder(name: str, tmp_path: Path) -> None:
    """RESULTS is the results folder, which study folders lie in, which cell folders lie in."""
    text = help_of(name, tmp_path)
    others = r"DIRECTOR(Y|IES)|STUDY|(study|cell)'s folder|folder of a (study|cell)|folder above"
    assert not re.search(others, text)
    assert ("RESULTS" in text) == ("results folder" in text or "Where to look for the cell" in text)


def test_every_verb_that_names_the_results_folder_does_so_in_one_way() -> None:
    called = {
        name: {one.metavar for one in command.params if one.name in ("results", "out")}
        for name, command in verbs()
    }
    for name in ("run", "plan", "reproduce", "show", "doctor"):
        assert called[name] == {"RESULTS"}, name
    for name in ("predict", "export"):
        assert called[name] == {"RESULTS", "DIR"}, name
    assert called["report"] == {"[RESULTS]..."}
    assert called["status"] == called["score"] == {"[RESULTS]"}


@pytest.mark.parametrize("option", ["--results", "--out"])
def test_a_former_name_of_an_option_is_taken_and_not_shown(option: str, tmp_path: Path) -> None:
    make_cell(tmp_path / "kept" / "study", "demo/net", label={"f1": 0.5})
    done = inside("show", "demo/net", option, "kept", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert inside("show", "demo/net", f"{option}=kept", cwd=tmp_path).stdout == done.stdout
    for verb in ("show", "doctor"):
        assert "--out" not in help_of(verb, tmp_path)


@pytest.mark.parametrize("verb", ["show", "doctor"])
def test_shells_offer_the_name_that_an_option_has_now(verb: str, tmp_path: Path) -> None:
    names = completed(f"harness {verb} --", tmp_path)
    assert "plain,--results" in names
    assert "plain,--out" not in names


@pytest.mark.parametrize(
    "words",
    [
        *(f"harness {verb} " for verb in READERS),
        "harness show --results ",
        "harness clean --unfinished ",
    ],
)
def test_shells_complete_a_results_folder_with_folders(words: str, tmp_path: Path) -> None:
    assert completed(words, tmp_path) == ["dir,"]


def completed(words: str, folder: Path) -> list[str]:
    """What a shell is offered after the words: kind and text, as it reads them."""
    asked = {
        "_HARNESS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return inside(cwd=folder, env=asked).stdout.splitlines()
