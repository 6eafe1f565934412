"""Listings fit a terminal of 80 columns, and nothing that a user needs is cut."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.planning.installed_plugins import installed_plugins
from harness.weights.transfer.catalogue import look, used_cards
from tests.cli_tools import inside

CACHES = {"HF_HOME": "/home/somebody/with/a/long/name/.cache/huggingface", "HF_HUB_CACHE": ""}


def printed(*arguments: str, cwd: Path, columns: int) -> str:
    done = inside(*arguments, cwd=cwd, env={"COLUMNS": str(columns), **CACHES})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments", [("plugins",), ("weights", "list"), ("reproduce", "study", "--device", "cpu")]
)
def test_a_listing_fits_80_columns_and_has_the_words_of_a_wide_one(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    narrow = printed(*arguments, cwd=tmp_path, columns=80)
    assert max(map(len, narrow.splitlines())) <= 80
    wide = printed(*arguments, cwd=tmp_path, columns=400)
    words = {word for word in wide.split() if "-----" not in word and "/" not in word}
    # What stands above the paths is another sentence in a narrow list.
    assert words - {"is", "or", "would", "be", "at"} <= set(narrow.split())


def test_every_method_and_file_is_there_in_80_columns(tmp_path: Path) -> None:
    plugins = installed_plugins()
    methods = printed("plugins", cwd=tmp_path, columns=80)
    assert plugins.methods.keys() <= set(methods.split())
    weights = printed("weights", "list", cwd=tmp_path, columns=80)
    # Paths that are broken end their lines with a slash.
    whole = weights.replace("/\n  ", "/")
    for used in used_cards(plugins):
        assert used.card.id in weights.split()
        for state in look(used.card):
            assert state.path.name in weights.split()
            assert state.path.parent.name in whole


def test_the_commands_of_a_study_are_the_same_to_a_shell_at_any_width(tmp_path: Path) -> None:
    def commands(columns: int) -> list[list[str]]:
        asked = ("reproduce", "study", "--device", "cpu", "--data-root", "a folder")
        text = printed(*asked, cwd=tmp_path, columns=columns)
        block = text.partition("Commands\n")[2].partition("\n\n")[0]
        return [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]

    assert commands(80) == commands(100) == commands(400)
    assert len(commands(80)) == 4
