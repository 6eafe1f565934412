"""No class vanishes from a folder dataset unsaid: it is an error, or a note of every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import HarnessError
from harness_folder.dataset import open_folder
from tests.image_files import make_folders, noise, write


def notes_of(root: Path) -> str:
    return "\n".join(open_folder(root, pad=False).samples.notes)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folders(tmp_path / "data", {"a": 2, "b": 2})


@pytest.mark.parametrize("place", ["c", "a/images", "b/Masks"])
def test_a_link_that_leads_nowhere_among_folders_is_an_error(root: Path, place: str) -> None:
    (root / place).symlink_to("nowhere/c")
    with pytest.raises(HarnessError, match=rf"{place}: is a broken link \(to nowhere/c\)"):
        open_folder(root, pad=False)


def test_a_link_that_leads_nowhere_in_a_part_of_a_split_is_an_error(tmp_path: Path) -> None:
    for part in ("train", "test"):
        make_folders(tmp_path / part, {"a": 2, "b": 2})
    (tmp_path / "test" / "c").symlink_to("../c")
    with pytest.raises(HarnessError, match="test/c: is a broken link"):
        open_folder(tmp_path, pad=False)


@pytest.mark.parametrize("name", ["__c__", ".c"])
@pytest.mark.parametrize("inner", ["", "images"])
def test_images_in_a_folder_passed_over_for_its_name_are_counted(
    root: Path, name: str, inner: str
) -> None:
    write(root / name / inner / "1.png", noise(1))
    write(root / name / inner / "2.png", noise(2))
    assert f"hidden images: 2 (no class 2), e.g. {name}/; rename" in notes_of(root)


@pytest.mark.parametrize(
    "name", ["__MACOSX", ".Trash-1000", ".git", "@eaDir", ".empty", "__pycache__"]
)
def test_what_systems_and_tools_leave_needs_no_note(root: Path, name: str) -> None:
    (root / name).mkdir()
    if name != ".empty":
        write(root / name / "a" / "1.png", noise(1))
    write(root / "a" / "._a-1.png", noise(1))
    assert "left out" not in notes_of(root)


def test_hidden_images_of_a_class_are_counted(root: Path) -> None:
    write(root / "a" / ".3.png", noise(3))
    assert "hidden images: 1 (a 1), e.g. .3.png" in notes_of(root)


def test_a_class_that_only_hides_is_named_where_classes_are_missing(root: Path) -> None:
    (root / "b").rename(root / ".b")
    with pytest.raises(HarnessError, match=r"(?s)one folder 'a'.*hidden images: 2 .*\.b/"):
        open_folder(root, pad=False)


def test_files_beside_class_folders_are_counted(root: Path) -> None:
    (root / "c").write_text("../elsewhere/c")
    assert "left out, files in no class folder: 1 (no class 1), e.g. c;" in notes_of(root)


@pytest.mark.parametrize("target", ["..", ".", "../a"])
def test_a_link_to_a_folder_around_it_is_counted_once_and_not_followed(
    root: Path, target: str
) -> None:
    (root / "a" / "loop").symlink_to(target)
    said = notes_of(root)
    assert "left out, links to a folder that holds them: 1 (a 1), e.g. loop/;" in said
    assert "subfolders" not in said


def test_two_folders_that_link_to_each_other_are_not_followed_forever(
    root: Path, tmp_path: Path
) -> None:
    write(tmp_path / "other" / "1.png", noise(1))
    (tmp_path / "other" / "back").symlink_to(root / "a")
    (root / "a" / "x").symlink_to(tmp_path / "other")
    assert "files in subfolders: 2 (a 2), e.g. x/" in notes_of(root)


def test_a_class_that_is_a_link_to_a_folder_elsewhere_is_read(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "films" / "1.png", noise(1))
    (root / "c").symlink_to(tmp_path / "films")
    assert open_folder(root, pad=False).samples.classes == ("a", "b", "c")


def test_a_folder_that_cannot_be_read_is_an_error_that_names_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.iterdir

    def refused(path: Path):  # type: ignore[no-untyped-def]
        if path.name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(HarnessError, match=r"data/b: cannot be read \(Permission denied\)"):
        open_folder(root, pad=False)


@pytest.mark.parametrize("name", ["1", "1.jfif", "film.2020"])
def test_images_with_no_image_s_name_are_told_by_their_bytes(root: Path, name: str) -> None:
    write(root / "b" / "x.png", noise(1)).rename(root / "b" / name)
    said = notes_of(root)
    assert f"images by their bytes and not by their names: 1 (b 1), e.g. {name} (PNG); end" in said


def test_a_class_of_files_without_suffix_is_told_what_to_do(root: Path) -> None:
    for path in (root / "b").iterdir():
        path.rename(path.with_suffix(""))
    with pytest.raises(
        HarnessError, match=r"(?s)found 2 images, class 'a'.*: 2 \(b 2\), e\.g\. b-1 \(PNG\); end"
    ):
        open_folder(root, pad=False)
