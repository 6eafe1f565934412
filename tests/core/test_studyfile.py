"""Study files: what they may hold, what is said of mistakes, and how they are written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.planning.study_files.study_file import Key, StudyFile, read_study_file, table_of
from harness.storage.toml_text import line_of, write_toml

KEYS = {
    "plugins": Key("texts"),
    "preset": Key("text"),
    "seeds": Key("numbers"),
    "jobs": Key("whole"),
    "timeout": Key("time"),
    "tf32": Key("flag"),
    "space": Key("size"),
    "data_root": Key("path"),
    "weights": Key("path", words=("random",)),
    "set": Key("table"),
    "param": Key("table"),
}


def read(folder: Path, text: str) -> StudyFile:
    file = folder / "study.toml"
    file.write_text(dedent(text))
    return read_study_file(file, KEYS)


def test_values_are_what_the_options_take(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        plugins = ["ssl/*", "clip"]
        preset = "paper"
        seeds = [0, 1]
        jobs = 2
        timeout = 1.5
        tf32 = true
        space = "20GB"
        """,
    )
    assert file.values == {
        "plugins": ("ssl/*", "clip"),
        "preset": "paper",
        "seeds": "0,1",
        "jobs": 2,
        "timeout": 1.5,
        "tf32": True,
        "space": "20GB",
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('plugins = "all"', ("all",)),
        ("seeds = 3", "3"),
        ('seeds = "0,1"', "0,1"),
        ("space = 9", "9"),
    ],
)
def test_one_value_needs_no_list(line: str, value: object, tmp_path: Path) -> None:
    assert list(read(tmp_path, line).values.values()) == [value]


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = read(tmp_path, 'data_root = "../films"\nweights = "mine"')
    assert file.values["data_root"] == str(tmp_path / "../films")
    assert file.values["weights"] == str(tmp_path / "mine")


def test_words_that_are_no_paths_stay(tmp_path: Path) -> None:
    assert read(tmp_path, 'weights = "random"').values["weights"] == "random"


def test_an_absolute_path_and_the_home_folder_are_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read(tmp_path, 'data_root = "/films"').values["data_root"] == "/films"
    assert read(tmp_path, 'data_root = "~/films"').values["data_root"] == "/home/somebody/films"


def test_a_folder_stands_for_its_study_file(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("jobs = 2")
    assert read_study_file(tmp_path, KEYS).values == {"jobs": 2}


def test_tables_become_settings_as_the_command_line_writes_them(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        """
        [set]
        epochs = 5
        flip = true
        probe_seconds = "none"
        [param]
        "supervised:head" = "study"
        width = 0.5
        """,
    )
    assert file.settings("set") == ("epochs=5", "flip=true", "probe_seconds=none")
    assert file.settings("param") == ("supervised:head=study", "width=0.5")
    assert file.settings("data_param") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('# x\n\npluggins = ["all"]', "line 3: no key 'pluggins' (did you mean 'plugins'?)"),
        ('jobs = 2\ndata-root = "x"', "line 2: no key 'data-root' (did you mean 'data_root'?)"),
        ("jobs = 2\n[sets]\nepochs = 1", "line 2: no table 'sets' (did you mean 'set'?)"),
        ('jobs = "two"', 'line 1: jobs = "two": expected a whole number'),
        ("jobs = true", "line 1: jobs = true: expected a whole number"),
        ("timeout = nan", "line 1: timeout = NaN: expected a number"),
        ("\ntf32 = 1", "line 2: tf32 = 1: expected true or false"),
        ("preset = 3", "line 1: preset = 3: expected text in quotes"),
        ("plugins = []", "line 1: plugins = []: expected text in quotes, or a list of texts"),
        ('plugins = [\n  "a",\n  3\n]', "line 1: plugins = "),
        ('seeds = ["a"]', 'line 1: seeds = ["a"]: expected a number, or a list of numbers'),
        ("data_root = 3", "line 1: data_root = 3: expected a path in quotes"),
        ("space = 1.5", "line 1: space = 1.5: expected a number of bytes, or text with a unit"),
        ("set = 3", "line 1: set = 3: expected a table [set]"),
        ("[set]\n# x\nepochs = {a = 1}", "line 3: [set] epochs holds a table"),
        (
            '[param]\nssl.head = "x"',
            'line 2: [param] ssl holds a table; write one quoted key: "ssl:h',
        ),
        (
            "[set]\nepochs = 2020-01-01",
            'line 2: [set] epochs = "2020-01-01": expected text in quote',
        ),
        ("[preset]\nx = 1", "line 1: preset = {…}: expected text in quotes"),
        ("jobs = 2\njobs = 3", "line 2: is not valid TOML: Cannot overwrite a value"),
        ("jobs = 2\nplugins = [", "line 2: is not valid TOML: "),
        ("jobs 2", "line 1: is not valid TOML: Expected '=' after a key"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(HarnessError) as error:
        read_study_file(tmp_path / "study.toml", KEYS)
    assert str(error.value).startswith(f"{tmp_path}/study.toml, {says}")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("study.toml", None, "no such study file"),
        ("ssl", None, "no such study file; to choose methods, write --plugins"),
        ("study.toml", b"\xff\xfe", r"is not UTF-8 text \(byte 0\)"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    name: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(HarnessError, match=says):
        read_study_file(tmp_path / name, KEYS)


def test_the_line_of_a_key_is_where_its_statement_begins() -> None:
    text = 'a = """\nb = 1\n"""\n\n# c\nlist = [\n  1,\n]\n[t]\nb = 1\n\n"x y" = 2\n'
    assert [line_of(text, k) for k in (["a"], ["list"], ["t"], ["t", "b"], ["t", "x y"])] == [
        1,
        6,
        9,
        10,
        12,
    ]


def test_what_is_written_is_read_again() -> None:
    values: dict[str, Any] = {
        "text": 'a "quoted" \\ back\tslash \x7f \x01 ü 🫁',
        "path": "/films/[x]/a b",
        "whole": -3,
        "small": 1e-05,
        "large": 1e300,
        "flag": True,
        "list": ["a", 1, 0.5, False],
        "odd key": "x",
        "empty": [],
        "table": {"ssl/*:head": "x", "plain": 1, "": 2},
    }
    assert tomllib.loads(write_toml(values, comment="by a test")) == values


def test_tables_stand_behind_plain_values() -> None:
    assert write_toml({"set": {"epochs": 1}, "jobs": 2}) == "jobs = 2\n\n[set]\nepochs = 1\n"


@pytest.mark.parametrize(
    "settings",
    [
        ("a=1", "b=true", "c=0.5", "d=text", 'e="5"', "f=null", "g=[1, 2]", "h=1e-05", "i= 1"),
        ("ssl:head=x=y", "k=", "l=1.0", "m=True", "n=Infinity"),
    ],
)
def test_settings_survive_a_table(settings: tuple[str, ...], tmp_path: Path) -> None:
    text = write_toml({"param": table_of(settings)})
    assert read(tmp_path, text).settings("param") == settings


def test_of_equal_settings_the_last_one_counts_where_it_stands() -> None:
    assert list(table_of(("a=1", "b=2", "a=3")).items()) == [("b", 2), ("a", 3)]
