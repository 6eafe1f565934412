"""What verification finds in a dataset's files, each defect by its file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import harness
from harness import Defect, HarnessError
from harness.data.defects.verify import inspect, verify
from harness_folder.dataset import open_folder
from harness_radiography.dataset import open_radiography
from tests.image_files import lungs, make_folders, noise, write, write_dicom, write_table
from tests.tables import make_samples
from tests.trees import make_tree

MINI = os.environ.get("HARNESS_RADIOGRAPHY_MINI")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Class folders without a defect; class ill has masks, and healthy has none."""
    return make_folders(tmp_path / "data", {"healthy": 4, "ill": 4}, masks=["healthy", "ill"])


def found(root: Path) -> list[Defect]:
    return list(verify(open_folder(root, pad=False)))


def only(root: Path) -> Defect:
    (defect,) = found(root)
    return defect


def cut(path: Path, keep: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


IMAGE = "ill/images/ill-2.png"
MASK = "ill/masks/ill-2.png"


def test_intact_files_have_no_defect(root: Path) -> None:
    assert found(root) == []


# Errors of any file


@pytest.mark.parametrize("file", [IMAGE, MASK])
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_a_truncated_file_is_an_error(root: Path, file: str, keep: float) -> None:
    cut(root / file, keep)
    defect = only(root)
    assert (defect.file, defect.severity) == (file, "error")
    assert defect.kind in ("truncated", "format")
    assert defect.remedy


@pytest.mark.parametrize("file", [IMAGE, MASK])
def test_a_file_without_bytes_is_an_error(root: Path, file: str) -> None:
    (root / file).write_bytes(b"")
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (file, "error", "no-bytes")


def test_a_flipped_bit_is_an_error(root: Path) -> None:
    data = bytearray((root / IMAGE).read_bytes())
    data[len(data) // 2] ^= 1
    (root / IMAGE).write_bytes(data)
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (IMAGE, "error", "damaged")


def test_a_link_that_leads_nowhere_is_an_error(root: Path) -> None:
    (root / IMAGE).unlink()
    (root / IMAGE).symlink_to(root / "gone.png")
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (IMAGE, "error", "unreadable")


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"\0" * 500])
def test_bytes_that_are_no_image_are_an_error(root: Path, content: bytes) -> None:
    (root / IMAGE).write_bytes(content)
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (IMAGE, "error", "format")


def test_a_jpeg_under_the_name_of_a_png_is_an_error(root: Path) -> None:
    Image.fromarray(noise(1)).save(root / IMAGE, format="JPEG")
    defect = only(root)
    assert (defect.severity, defect.kind) == ("error", "format")
    assert defect.problem == "holds JPEG despite its name"


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".tif"])
def test_truncation_is_seen_in_every_format(tmp_path: Path, suffix: str) -> None:
    root = make_folders(tmp_path, {"a": 2, "b": 2}, suffix=suffix)
    assert found(root) == []
    cut(root / "a" / f"a-1{suffix}", 0.7)
    assert (only(root).file, only(root).severity) == (f"a/a-1{suffix}", "error")


@pytest.mark.parametrize("side", [9000, 20_000])
def test_an_image_beyond_the_limit_is_an_error_and_is_not_decoded(root: Path, side: int) -> None:
    Image.new("1", (side, side)).save(root / IMAGE)
    errors = [defect for defect in found(root) if defect.severity == "error"]
    assert [(defect.file, defect.kind) for defect in errors] == [(IMAGE, "huge")]


# Errors of masks


@pytest.mark.parametrize("level", [1, 127, 200])
def test_a_mask_with_values_beside_0_and_255_is_an_error(root: Path, level: int) -> None:
    write(root / MASK, np.where(lungs() > 0, level, 0).astype(np.uint8))
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (MASK, "error", "mask-levels")
    assert f"(0, {level})" in defect.problem


@pytest.mark.parametrize("shape", [(40, 80), (20, 40), (40, 42)])
def test_a_mask_of_another_shape_than_its_image_is_an_error(
    root: Path, shape: tuple[int, int]
) -> None:
    write(root / MASK, lungs(*shape))
    errors = [defect for defect in found(root) if defect.severity == "error"]
    assert [(defect.file, defect.kind) for defect in errors] == [(MASK, "mask-shape")]


def test_a_mask_of_another_size_may_have_the_shape_of_its_image(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 2, "b": 2}, masks=["a", "b"], size=(50, 75))
    for path in root.glob("*/masks/*.png"):
        write(path, lungs(33, 50))
    assert found(root) == []


def test_a_mask_off_the_grid_of_the_others_is_noted(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 10, "b": 10}, masks=["a", "b"])
    write(root / "a" / "masks" / "a-5.png", lungs(80, 80))
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == ("a/masks/a-5.png", "note", "mask-size")


# Errors between files


def test_the_same_pixels_in_two_classes_are_an_error_of_both_files(root: Path) -> None:
    pixels = np.asarray(Image.open(root / IMAGE))
    Image.fromarray(pixels).save(root / "healthy" / "images" / "healthy-4.png", compress_level=1)
    defects = found(root)
    assert {d.file for d in defects} == {IMAGE, "healthy/images/healthy-4.png"}
    assert {(d.severity, d.kind) for d in defects} == {("error", "two-classes")}
    assert "of class 'ill'" in defects[0].problem


def test_the_same_pixels_twice_in_a_class_are_noted_unless_one_patient_has_both(
    root: Path,
) -> None:
    write(root / "ill" / "images" / "ill-3.png", np.asarray(Image.open(root / IMAGE)))
    defect = only(root)
    assert (defect.severity, defect.kind) == ("note", "duplicate")
    assert IMAGE in defect.problem
    rows = [(f"{c}/images/{c}-{n}.png", f"p-{c}") for c in ("healthy", "ill") for n in range(1, 5)]
    write_table(root / "groups.csv", ("file", "patient_id"), *rows)
    assert found(root) == []


# Notes


def test_missing_and_empty_masks_are_noted(root: Path) -> None:
    (root / "ill" / "masks" / "ill-1.png").unlink()
    write(root / MASK, np.zeros((40, 40), np.uint8))
    assert {(d.file, d.severity, d.kind) for d in found(root)} == {
        ("ill/images/ill-1.png", "note", "no-mask"),
        (MASK, "note", "empty-mask"),
    }


def test_a_dataset_without_masks_misses_none(tmp_path: Path) -> None:
    assert found(make_folders(tmp_path)) == []


@pytest.mark.parametrize(
    ("mode", "kind", "done"),
    [("RGB", "colour", "luma"), ("RGBA", "colour", "transparency"), ("P", "colour", "luma")],
)
def test_colour_in_place_of_grey_is_noted_with_what_was_done(
    root: Path, mode: str, kind: str, done: str
) -> None:
    Image.fromarray(noise(77)).convert(mode).save(root / IMAGE)
    defect = only(root)
    assert (defect.file, defect.severity, defect.kind) == (IMAGE, "note", kind)
    assert mode in defect.problem
    assert done in defect.remedy


def test_16_bit_is_noted_and_so_is_12_bit_content_in_it(root: Path) -> None:
    deep = noise(77).astype(np.uint16)
    write(root / IMAGE, deep * 257)
    assert (only(root).severity, only(root).kind) == ("note", "16-bit")
    write(root / IMAGE, deep * 16)
    assert [d.kind for d in found(root)] == ["16-bit", "dark"]


def test_an_image_of_one_level_is_noted(root: Path) -> None:
    write(root / IMAGE, np.full((40, 40), 9, np.uint8))
    assert (only(root).file, only(root).kind) == (IMAGE, "flat")


def test_stray_and_hidden_files_are_noted(root: Path) -> None:
    (root / "ill" / "images" / "Thumbs.db").write_bytes(b"x")
    (root / ".DS_Store").write_bytes(b"x")
    write(root / ".trash" / "a.png", noise(1))
    write(root / "ill" / "masks" / "ill-99.png", lungs())
    assert {(d.file, d.severity, d.kind) for d in found(root)} == {
        (".DS_Store", "note", "hidden"),
        (".trash", "note", "hidden"),
        ("ill/images/Thumbs.db", "note", "hidden"),
        ("ill/masks/ill-99.png", "note", "stray"),
    }


@pytest.mark.parametrize("name", ["ill-9 .png", "ill:9.png", "ill\n9.png", "ill-2.PNG"])
def test_unusual_names_are_noted(tmp_path: Path, name: str) -> None:
    root = make_folders(tmp_path, {"healthy": 4, "ill": 4})
    if name == "ill-2.PNG":
        name = "ILL-2.png"
    write(root / "ill" / name, noise(9999))
    assert f"ill/{name}" in [d.file for d in found(root)]
    assert {(d.severity, d.kind) for d in found(root)} == {("note", "name")}


def test_groups_that_do_not_join_are_noted_on_the_table(root: Path) -> None:
    rows = [("healthy/images/healthy-1.png", "p1"), ("ill/images/ill-77.png", "p2")]
    write_table(root / "groups.csv", ("file", "patient_id"), *rows)
    defects = found(root)
    assert {(d.file, d.severity, d.kind) for d in defects} == {("groups.csv", "note", "no-join")}
    assert any("ill-77.png" in d.problem for d in defects)


def test_dicom_files_are_verified_too(tmp_path: Path) -> None:
    for number in range(4):
        write_dicom(tmp_path / "ab"[number % 2] / f"{number}.dcm", noise(number, 64, 64))
    assert found(tmp_path) == []
    cut(tmp_path / "a" / "0.dcm", 0.8)
    (tmp_path / "b" / "1.dcm").write_bytes(b"\x89PNG" + bytes(300))
    assert {(d.file, d.severity, d.kind) for d in found(tmp_path)} == {
        ("a/0.dcm", "error", "damaged"),
        ("b/1.dcm", "error", "format"),
    }


# Any dataset


class Plain:
    """A dataset with images and masks only, of which some cannot be read."""

    def __init__(self) -> None:
        self.samples = make_samples([3, 3], masked=1)
        self.fingerprint = "0" * 32

    def image(self, index: int) -> np.ndarray:
        if index == 1:
            raise HarnessError("film 1 is lost")
        return noise(4 if index == 5 else index)

    def mask(self, index: int) -> np.ndarray:
        if index == 2:
            raise HarnessError("mask 2 is lost")
        return np.ones((256, 256), bool)


def test_a_dataset_that_lists_no_files_is_read_through_its_contract() -> None:
    defects = verify(Plain())
    assert [(d.file, d.severity, d.kind) for d in defects] == [
        ("COVID/1", "error", "unreadable"),
        ("COVID/2 (mask)", "error", "unreadable"),
        ("Lung_Opacity/2", "note", "duplicate"),
    ]
    assert defects[0].problem == "film 1 is lost"


def test_a_dataset_adds_defects_of_its_own() -> None:
    class Opinionated(Plain):
        def defects(self, progress: Callable[[int, int], None]) -> Iterator[harness.Defect]:
            progress(1, 1)
            yield harness.Defect(file="notes.txt", severity="note", problem="is in Latin")

    assert verify(Opinionated())[-1].problem == "is in Latin"


def test_a_defect_is_an_error_or_a_note() -> None:
    with pytest.raises(HarnessError, match="must be an error or a note"):
        harness.Defect(file="a", severity="warning", problem="b")  # type: ignore[arg-type]


def test_progress_counts_images_to_the_last(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    verify(open_folder(root, pad=False), lambda done, total: seen.append((done, total)))
    assert (seen[0], seen[-1]) == ((0, 8), (8, 8))


# The Radiography Database


def kinds(root: Path) -> dict[str, list[str]]:
    """Kind -> files."""
    grouped: dict[str, list[str]] = {}
    for defect in verify(open_radiography(root)):
        grouped.setdefault(defect.kind, []).append(defect.file)
    return grouped


def test_a_sheets_wrong_size_is_one_note_on_the_sheet(tmp_path: Path) -> None:
    sheets = [f"{c}.metadata.xlsx" for c in ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")]
    assert kinds(make_tree(tmp_path)) == {"size": sheets}
    assert kinds(make_tree(tmp_path / "right", image_size=256)) == {}


def test_sheets_and_groups_that_do_not_join_are_noted(tmp_path: Path) -> None:
    root = make_tree(tmp_path, image_size=256, images_per_patient=2)
    (root / "COVID" / "images" / "COVID-1.png").rename(root / "COVID" / "images" / "COVID-77.png")
    (root / "COVID" / "masks" / "COVID-1.png").rename(root / "COVID" / "masks" / "COVID-77.png")
    assert kinds(root) == {"no-join": ["COVID.metadata.xlsx"] * 2 + ["groups.csv"] * 2}


def test_an_image_that_is_not_named_like_the_others_is_noted(tmp_path: Path) -> None:
    root = make_tree(tmp_path, metadata=False)
    write(root / "Normal" / "images" / "chest.png", noise(1, 48, 48))
    assert kinds(root) == {
        "name": ["Normal/images/chest.png"],
        "no-mask": ["Normal/images/chest.png"],
    }


@pytest.mark.skipif(MINI is None, reason="HARNESS_RADIOGRAPHY_MINI does not name the folder")
def test_real_images_have_no_error() -> None:
    assert MINI is not None
    defects = verify(open_radiography(Path(MINI)))
    assert [defect for defect in defects if defect.severity == "error"] == []
    assert sum(defect.kind == "no-mask" for defect in defects) > 0


def test_what_archives_and_systems_leave_is_one_note_each(tmp_path: Path) -> None:
    make_folders(tmp_path)
    for name in ("__MACOSX/a/1.png", "healthy/Thumbs.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    seen = {d.file: d.problem for d in found(tmp_path) if d.kind in ("hidden", "stray")}
    left = "left behind by a system or an archive"
    assert seen == {"__MACOSX": left, "healthy/Thumbs.db": left}


def test_equal_pixels_are_told_by_id(tmp_path: Path) -> None:
    make_folders(tmp_path)
    shutil.copy(tmp_path / "ill" / "ill-1.png", tmp_path / "ill" / "ill-99.png")
    verified = inspect(open_folder(tmp_path, pad=False))
    assert verified.same_pixels == (("ill/ill-1", "ill/ill-99"),)
