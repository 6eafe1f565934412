"""The folder of a study whose name nobody gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.planning.study_name import default_name
from harness.storage.json_files import write_json
from tests.builders import make_cell


def name(out: Path, root: Path | None, fingerprint: str = "1") -> str:
    return default_name(out, "folder", root, fingerprint, "quick")


def used(out: Path, root: Path, fingerprint: str = "1") -> str:
    """The name for a root, and a study of it."""
    found = name(out, root, fingerprint)
    (out / found).mkdir(parents=True, exist_ok=True)
    dataset = {"name": "folder", "root": str(root.resolve()), "fingerprint": fingerprint}
    write_json(out / found / "study.json", {"runs": [{"dataset": dataset}]})
    return found


@pytest.mark.parametrize(
    ("root", "says"),
    [
        ("hospital-a", "folder-hospital-a-quick"),
        ("v1.2", "folder-v1.2-quick"),
        ("Röntgen 2024 (final)", "folder-Röntgen-2024--final-quick"),
        ("胸片", "folder-胸片-quick"),
        ("../up", "folder-up-quick"),
        ("x" * 200, f"folder-{'x' * 60}-quick"),
        ("…", "folder-data-quick"),
        (b"\xff\xfe".decode(errors="surrogateescape"), "folder-data-quick"),
    ],
)
def test_it_has_the_name_of_the_root_in_it(root: str, says: str, tmp_path: Path) -> None:
    assert name(tmp_path / "out", tmp_path / root) == says


def test_a_table_is_named_without_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("")
    assert name(tmp_path / "out", tmp_path / "cases.csv") == "folder-cases-quick"


def test_a_dataset_without_a_root_keeps_its_name(tmp_path: Path) -> None:
    assert default_name(tmp_path, "phantom", None, "1", "quick") == "phantom-quick"


def test_another_root_of_the_same_name_has_digits_of_its_own_and_keeps_them(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "a" / "films", tmp_path / "b" / "films"
    assert used(tmp_path / "out", first) == "folder-films-quick"
    other = used(tmp_path / "out", second, "2")
    assert other.startswith("folder-films-") and other != "folder-films-quick"
    assert name(tmp_path / "out", first, "3") == "folder-films-quick"
    (tmp_path / "out" / "folder-films-quick").rename(tmp_path / "away")
    assert name(tmp_path / "out", second, "2") == other


def test_data_that_has_moved_is_the_same_study(tmp_path: Path) -> None:
    used(tmp_path / "out", tmp_path / "a" / "films")
    assert name(tmp_path / "out", tmp_path / "b" / "films") == "folder-films-quick"


def test_a_study_that_names_no_data_is_known_by_its_cells(tmp_path: Path) -> None:
    make_cell(tmp_path / "out" / "folder-films-quick", root="/elsewhere/films", fingerprint="2")
    write_json(tmp_path / "out" / "folder-films-quick" / "study.json", {"command": ["run"]})
    assert name(tmp_path / "out", tmp_path / "films") != "folder-films-quick"
