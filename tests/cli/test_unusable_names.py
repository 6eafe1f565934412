"""Names and links that no run can use are found before anything runs, and can be left out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli_tools import inside
from tests.image_files import make_folders

LATIN = os.fsdecode(b"Herzgr\xf6\xdfe.png")
WORDS = ("--plugins", "baselines/majority", "--dataset", "folder", "--data-root", "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset with a name that is not UTF-8, and a link that leads nowhere."""
    root = make_folders(tmp_path / "data", {"a": 15, "b": 15})
    (root / "a" / "a-1.png").rename(root / "a" / LATIN)
    (root / "b" / "b-2.png").unlink()
    (root / "b" / "b-2.png").symlink_to("nowhere.png")
    return tmp_path


def test_verify_finds_them(folder: Path) -> None:
    done = inside("data", "verify", "folder", "--data-root", "data", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert r"a/Herzgr\xf6\xdfe.png" in done.stdout
    assert "is a broken link" in done.stdout
    done = inside("data", "verify", "folder", "--data-root", "data", "--json", cwd=folder)
    found = json.loads(done.stdout)["defects"]
    assert {(d["file"], d["kind"]) for d in found if d["severity"] == "error"} == {
        (r"a/Herzgr\xf6\xdfe.png", "name"),
        ("b/b-2.png", "unreadable"),
    }


def test_a_run_stops_at_them_and_a_plan_leaves_them_out(folder: Path) -> None:
    done = inside("run", *WORDS, cwd=folder)
    assert done.returncode == 2
    assert r"a/Herzgr\xf6\xdfe.png: has a name that is not UTF-8" in done.stderr
    assert "b/b-2.png: is a broken link" in done.stderr
    done = inside("plan", *WORDS, "--skip-bad", cwd=folder)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert r"2 bad files are left out: a/Herzgr\xf6\xdfe.png, b/b-2.png" in said


def test_a_folder_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "data").rename(folder / os.fsdecode(b"Aufnahmen\xe4"))
    words = (*WORDS[:-1], os.fsdecode(b"Aufnahmen\xe4"))
    done = inside("plan", *words, cwd=folder)
    assert done.returncode == 2
    assert r"Aufnahmen\xe4: the path is not UTF-8" in done.stderr


def test_a_control_character_in_a_name_breaks_no_line(folder: Path) -> None:
    (folder / "data" / "b" / "b-3.png").rename(folder / "data" / "b" / "b\n3.png")
    (folder / "data" / "b" / "b\n3.png").write_bytes(b"")
    done = inside("run", *WORDS, cwd=folder)
    assert r"  b/b\n3.png: is empty" in done.stderr.splitlines()


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A dataset of names that no line can hold as they are, but that every run takes."""
    root = make_folders(tmp_path / "data", {"a": 6, "b": 6})
    (root / "a").rename(root / "a\nb")
    for number in (1, 2):
        (root / "b" / f"b-{number}.png").rename(root / "b" / f"x\n{number} .png")
    (root / "b").rename(root / " b")
    (root / "empty\nclass").mkdir()
    return tmp_path


@pytest.mark.parametrize("verb", ["info", "verify"])
def test_a_line_break_in_a_name_breaks_no_line_of_a_description(odd: Path, verb: str) -> None:
    done = inside("data", verb, "folder", "--data-root", "data", cwd=odd)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert r"note: empty\nclass has no images" in lines
    assert any(r"\x20b" in line for line in lines)


def test_a_run_takes_images_of_any_name(odd: Path) -> None:
    done = inside("run", *WORDS, "--preset", "quick", cwd=odd)
    assert done.returncode == 0, done.stdout + done.stderr
    assert r" !  empty\nclass has no images" in done.stdout.splitlines()
    table = inside("report", "results", cwd=odd).stdout
    assert r"- empty\nclass has no images" in table.splitlines()
