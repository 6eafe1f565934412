"""What all verbs have in common: help, exit codes, quiet, JSON, colours, completion, start-up."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness.cli.main import VERBS, cli
from tests.builders import make_cell
from tests.cli_tools import TINY, command, environment, harness, inside


def verb(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself_with_two_examples_at_least(name: str) -> None:
    text = verb(name).get_help(click.Context(verb(name), info_name=f"harness {name}"))
    examples = re.findall(rf"^ +.*\bharness {name}\b", text.partition("Options:")[0], re.MULTILINE)
    assert len(examples) >= 2, text
    assert len(text.splitlines()[2]) > 20


@pytest.mark.parametrize("name", VERBS)
def test_the_line_of_a_verb_is_a_sentence(name: str) -> None:
    assert re.fullmatch(r"[A-Z].{10,70}\.", VERBS[name])


def test_options_are_explained() -> None:
    for name in VERBS:
        for option in verb(name).params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.opts}"


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("run", "--help"), ("--version",)])
def test_help_ends_with_0(words: tuple[str, ...], tmp_path: Path) -> None:
    assert inside(*words, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("run", "--nonsense"), ("status",), ("completion", "tcsh"), ("plan", "x")],
)
def test_bad_input_ends_with_2_and_says_why_on_stderr(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = inside(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_status_prints_json(tmp_path: Path) -> None:
    make_cell(tmp_path / "study", "demo/done", label={"f1": 0.5})
    make_cell(tmp_path / "study", "demo/open", status=None)
    done, open_ = json.loads(inside("status", ".", "--json", cwd=tmp_path).stdout)
    assert (done["method"], done["status"], done["seconds"]) == ("demo/done", "ok", 12.0)
    assert (open_["status"], open_["epochs_done"], open_["epochs"]) == ("unfinished", 0, 3)


def test_quiet_prints_the_table_and_nothing_else(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines/majority", *TINY, "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "baselines/majority" in done.stdout
    assert "results:" not in done.stdout


def test_without_progress_failures_are_told_all_the_same(tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "baselines/*", *TINY, "--no-progress", "--timeout", "0.01",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("timeout: baselines/") for line in lines)


def in_terminal(*words: str, cwd: Path, env: dict[str, str]) -> str:
    """What ``harness WORDS`` prints on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*words), cwd=cwd, env=environment({"TERM": "xterm", **env}), stdout=theirs
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            block = os.read(ours, 4096)
        except OSError:  # The other end is closed.
            break
        if not block:
            break
        text += block
    os.close(ours)
    process.wait()
    return text.decode()


def test_colours_are_for_terminals_that_want_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    make_cell(tmp_path / "study", label={"f1": 0.5})
    assert "\x1b[32mok" in in_terminal("status", ".", cwd=tmp_path, env={})
    assert "\x1b" not in in_terminal("status", ".", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert "\x1b" not in inside("status", ".", cwd=tmp_path).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_asks_harness(shell: str, tmp_path: Path) -> None:
    done = inside("completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert f"_HARNESS_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("harness p", {"plan", "plugins", "predict"}),
        ("harness run --pre", {"--preset", "--precision"}),
        ("harness run --preset ", {"quick", "paper", "study"}),
        ("harness run --plugins baselines/", {"baselines/majority", "baselines/pixels"}),
        ("harness run --plugins all,family:b", {"all,family:baseline"}),
        ("harness plan --dataset ph", {"phantom"}),
        ("harness run --keep-checkpoints b", {"best"}),
        ("harness weights ", {"list", "fetch", "verify"}),
        ("harness report --format x", {"xlsx"}),
    ],
)
def test_words_are_completed(words: str, offered: set[str], tmp_path: Path) -> None:
    split = words.split(" ")
    asked = {
        "_HARNESS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(split) - 1),
    }
    done = inside(cwd=tmp_path, env=asked)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered


def test_verbs_are_completed_without_importing_them(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom harness.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not [m for m in sys.modules if m in ('harness.cli.run', 'numpy', 'rich')]\n"
    )
    asked = {"_HARNESS_COMPLETE": "bash_complete", "COMP_WORDS": "harness ", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(asked), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "plain,run" in done.stdout


@pytest.mark.parametrize(
    ("words", "heavy"),
    [("--help", ("numpy", "rich", "tabulate")), ("plugins", ("torch", "rich", "numpy"))],
)
def test_the_common_verbs_import_little(words: str, heavy: tuple[str, ...], tmp_path: Path) -> None:
    code = (
        f"import sys\nsys.argv = ['harness', {words!r}]\nfrom harness.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"loaded = [name for name in {heavy!r} if name in sys.modules]\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [(), ("data",), ("weights",)])
def test_a_verb_without_its_word_answers_with_its_help(tmp_path, words):
    bare, asked = inside(*words, cwd=tmp_path), inside(*words, "--help", cwd=tmp_path)
    assert bare.returncode == 0
    assert bare.stdout == asked.stdout
    assert bare.stderr == ""
