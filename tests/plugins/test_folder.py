"""The dataset ``folder``: the user's own images in class folders."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness import Dataset, HarnessError
from harness.data.splits.make import make_split
from harness_folder import harness_datasets
from harness_folder.dataset import FileDataset, open_folder
from tests.image_files import COUNTS, lungs, make_folders, noise, write, write_dicom, write_table


def opened(root: Path, *, pad: bool = False, **columns: str) -> FileDataset:
    return open_folder(root, pad=pad, columns=columns)


def files(root: Path, *names: str) -> Path:
    """Images of noise under these names."""
    for number, name in enumerate(names):
        write(root / name, noise(number))
    return root


def test_the_plugin_offers_folder_and_csv() -> None:
    specs = {spec.name: spec for spec in harness_datasets()}
    assert set(specs) == {"folder", "csv"}
    assert (specs["folder"].accepts_file, specs["csv"].accepts_file) == (False, True)
    assert all(spec.params == {"pad": False, "columns": {}} for spec in specs.values())


def test_class_folders_give_classes_ids_and_labels(tmp_path: Path) -> None:
    dataset = opened(make_folders(tmp_path, {"b": 11, "a": 1, "class 10": 1, "class 2": 1}))
    samples = dataset.samples
    assert isinstance(dataset, Dataset)
    assert samples.classes == ("a", "b", "class 2", "class 10")
    assert np.bincount(samples.labels).tolist() == [1, 11, 1, 1]
    assert samples.ids[:3] == ("a/a-1", "b/b-1", "b/b-2")
    assert (samples.groups, samples.sources, samples.split) == (None, None, None)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".PNG"])
def test_every_usual_format_is_read(tmp_path: Path, suffix: str) -> None:
    root = make_folders(tmp_path, suffix=suffix)
    dataset = opened(root)
    assert len(dataset.samples) == sum(COUNTS.values())
    stored = Image.open(root / "healthy" / f"healthy-1{suffix}").convert("L")
    assert np.array_equal(dataset.image(0), np.asarray(stored))


@pytest.mark.parametrize(
    ("name", "pixels", "expected"),
    [
        ("a.png", np.full((8, 8, 3), (255, 0, 0), np.uint8), 76),
        ("a.png", np.full((8, 8), 32896, np.uint16), 128),
        ("a.tif", np.full((8, 8), 65535, np.uint16), 255),
    ],
)
def test_colour_and_16_bit_become_8_bit_grey(
    tmp_path: Path, name: str, pixels: Any, expected: int
) -> None:
    make_folders(tmp_path)
    write(tmp_path / "healthy" / name, pixels)
    dataset = opened(tmp_path)
    grey = dataset.image(dataset.samples.ids.index("healthy/a"))
    assert grey.dtype == np.uint8
    assert set(grey.ravel().tolist()) == {expected}


def test_images_and_masks_of_the_same_stem_belong_together(tmp_path: Path) -> None:
    root = make_folders(tmp_path, masks=["ill"], size=(30, 60), suffix=".jpg")
    dataset = opened(root)
    samples = dataset.samples
    assert samples.has_mask.tolist() == [False] * 12 + [True] * 12
    assert samples.mask_size == 60
    assert "12 of 24 images have a reference mask" in samples.notes
    mask = dataset.mask(12)
    assert (mask.dtype, mask.shape) == (np.bool_, (60, 60))
    share = (lungs(30, 60) > 0).mean()
    assert abs(mask.mean() - share) < 0.02


def test_masks_are_never_read_as_a_class_or_an_image(tmp_path: Path) -> None:
    samples = opened(make_folders(tmp_path, masks=COUNTS)).samples
    assert samples.classes == ("healthy", "ill")
    assert len(samples) == 24


def test_large_masks_are_brought_to_512_pixels(tmp_path: Path) -> None:
    root = make_folders(tmp_path, {"a": 1, "b": 1}, masks=["a"], size=(600, 900))
    dataset = opened(root)
    assert dataset.samples.mask_size == 512
    assert dataset.mask(0).shape == (512, 512)


def test_padding_keeps_the_aspect_of_image_and_mask_alike(tmp_path: Path) -> None:
    root = make_folders(tmp_path, masks=["ill"], size=(20, 60))
    image, mask = opened(root, pad=True).image(12), opened(root, pad=True).mask(12)
    assert image.shape == mask.shape == (60, 60)
    assert np.array_equal(image[20:40], opened(root).image(12))
    assert np.array_equal(mask[20:40], lungs(20, 60) > 0)
    for pixels in (image, mask):
        assert not pixels[:20].any()
        assert not pixels[40:].any()


def test_padding_makes_another_fingerprint(tmp_path: Path) -> None:
    root = make_folders(tmp_path)
    assert opened(root).fingerprint != opened(root, pad=True).fingerprint


def test_the_fingerprint_is_that_of_the_content_wherever_it_lies(tmp_path: Path) -> None:
    root = make_folders(tmp_path / "here", masks=["ill"])
    before = opened(root).fingerprint
    assert opened(shutil.copytree(root, tmp_path / "there")).fingerprint == before
    with (root / "ill" / "masks" / "ill-1.png").open("ab") as file:
        file.write(b"\0")
    assert opened(root).fingerprint != before


def test_the_table_of_patients_gives_groups_and_sources(tmp_path: Path) -> None:
    root = make_folders(tmp_path)
    write_table(
        root / "groups.csv",
        ("file", "patient_id", "source"),
        ("healthy/healthy-1.png", "p1", "here"),
        ("healthy\\healthy-2.png", "p1", ""),
        ("ill/gone.png", "p9", ""),
    )
    samples, fingerprint = opened(root).samples, opened(root).fingerprint
    assert samples.groups is not None
    assert samples.sources is not None
    assert samples.groups[:3] == ("p1", "p1", "healthy/healthy-3")
    assert samples.sources[:2] == ("here", "unknown")
    assert "groups.csv names 1 files that are not here: ill/gone.png" in samples.notes
    (root / "groups.csv").write_text("file,patient_id\nhealthy/healthy-1.png,p2\n")
    assert opened(root).fingerprint != fingerprint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,who\n", "has no column file and patient_id"),
        ("file,patient_id\nhealthy-1.png,p1\n", "must read like healthy/healthy-1.png"),
        ("file,patient_id\n" + "healthy/healthy-1.png,p\n" * 2, "line 3.*named before"),
        ("file,patient_id\n/tmp/a.png,p\n", "line 2.*relative"),
        ("file,patient_id\nhealthy/healthy-1.png\n", "line 2.*2 columns"),
    ],
)
def test_a_table_of_patients_that_cannot_be_used_is_an_error(
    tmp_path: Path, content: str, message: str
) -> None:
    (make_folders(tmp_path) / "groups.csv").write_text(content)
    with pytest.raises(HarnessError, match=message):
        opened(tmp_path)


def test_a_table_of_a_spreadsheet_is_read_as_well(tmp_path: Path) -> None:
    table = "\ufeffFile;Patient_ID\r\nhealthy/healthy-1.png;p1\r\n"
    (make_folders(tmp_path) / "groups.csv").write_bytes(table.encode())
    groups = opened(tmp_path).samples.groups
    assert groups is not None
    assert groups[0] == "p1"


def test_part_folders_give_the_dataset_a_split_of_its_own(tmp_path: Path) -> None:
    for seed, (part, count) in enumerate((("train", 6), ("val", 2), ("test", 3))):
        make_folders(tmp_path / part, {"a": count, "b": count}, seed=10_000 * seed)
    samples = opened(tmp_path).samples
    assert samples.classes == ("a", "b")
    assert samples.ids[0] == "train/a/a-1"
    split = make_split(samples)
    assert {part: len(rows) for part, rows in split.parts.items()} == {
        "train": 12,
        "val": 4,
        "test": 6,
    }
    assert "the split is the dataset's own" in split.notes


def test_parts_have_the_spellings_of_the_field_and_further_test_sets(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "validation", "test", "test-abroad")):
        make_folders(tmp_path / part, {"a": 2, "b": 2}, seed=10_000 * seed)
    assert list(make_split(opened(tmp_path).samples).parts) == [
        "train",
        "val",
        "test",
        "test-abroad",
    ]


def test_a_folder_beside_train_that_is_no_part_is_named(tmp_path: Path) -> None:
    for part in ("train", "test", "extra"):
        make_folders(tmp_path / part)
    with pytest.raises(HarnessError, match="extra: lies beside the folder train"):
        opened(tmp_path)


def test_parts_without_train_are_refused(tmp_path: Path) -> None:
    for part in ("val", "test"):
        make_folders(tmp_path / part)
    with pytest.raises(HarnessError, match="no folder train"):
        opened(tmp_path)


def test_hidden_folders_and_what_archives_leave_are_ignored(tmp_path: Path) -> None:
    make_folders(tmp_path)
    for name in (".cache", "__MACOSX"):
        write(tmp_path / name / "a.png", noise(1))
    write(tmp_path / "ill" / "._ill-1.png", noise(1))
    assert opened(tmp_path).samples.classes == ("healthy", "ill")
    assert len(opened(tmp_path).samples) == 24


def test_an_empty_class_folder_is_noted(tmp_path: Path) -> None:
    (make_folders(tmp_path) / "rare").mkdir()
    samples = opened(tmp_path).samples
    assert samples.classes == ("healthy", "ill")
    assert "rare has no images" in samples.notes


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "holds no folder"),
        (("images/a.png", "masks/a.png"), "images and masks but no class folders.*--dataset csv"),
        (("only/a.png", "only/b.png"), "the one folder 'only'"),
        (("a/1.png", "b/2.png", "c/x/3.png", "c/y/4.png"), "no images but the folders x, y"),
        (("NORMAL/1.png", "normal/2.png", "b/3.png"), "'NORMAL' .*and 'normal' .*one way"),
        (("stage1/1.png", "stage01/2.png"), "'stage01' .*and 'stage1' "),
        (("train/NORMAL/1.png", "train/b/2.png", "test/normal/3.png"), "train/NORMAL.*test/normal"),
        (("a/images/1.png", "a/Images/2.png", "b/3.png"), "lies beside 'Images'"),
        (("a/1.png", "a/images/2.png", "b/3.png"), "lies beside the folder 'images'"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_an_error(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    for number, file in enumerate(files):
        write(tmp_path / file, noise(number))
    with pytest.raises(HarnessError, match=message):
        opened(tmp_path)


def test_dicom_files_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_dicom(tmp_path / name / "1.dcm", noise(ord(name)))
    assert np.array_equal(opened(tmp_path).image(1), noise(ord("b")))


def test_dicom_files_without_pydicom_are_refused_when_the_dataset_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_dicom(tmp_path / name / "1.dcm", noise(ord(name)))
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pydicom" else real(name)
    )
    with pytest.raises(HarnessError, match=r"pip install 'cxr-harness\[dicom\]'"):
        opened(tmp_path)


def test_images_that_differ_in_their_suffix_only_keep_it_in_their_ids(tmp_path: Path) -> None:
    files(tmp_path, "a/1.png", "a/1.jpg", "a/2.png", "b/1.png")
    assert opened(tmp_path).samples.ids == ("a/1.jpg", "a/1.png", "a/2", "b/1")


def test_an_image_named_as_another_with_its_suffix_has_an_id_of_its_own(tmp_path: Path) -> None:
    files(tmp_path, "a/1.png", "a/1.jpg", "a/1.png.bmp", "b/1.png")
    assert len(set(opened(tmp_path).samples.ids)) == 4


def test_a_mask_belongs_to_the_image_with_its_whole_name(tmp_path: Path) -> None:
    files(tmp_path, "a/images/1.png", "a/images/1.bmp", "b/2.png")
    write(tmp_path / "a" / "masks" / "1.png", lungs())
    samples = opened(tmp_path).samples
    assert dict(zip(samples.ids, samples.has_mask.tolist(), strict=True)) == {
        "a/1.bmp": False,
        "a/1.png": True,
        "b/2": False,
    }


def test_a_mask_that_could_be_of_two_images_is_an_error(tmp_path: Path) -> None:
    files(tmp_path, "a/images/1.png", "a/images/1.bmp", "b/2.png")
    write(tmp_path / "a" / "masks" / "1.tif", lungs())
    with pytest.raises(HarnessError, match=r"could be of 1\.bmp and 1\.png"):
        opened(tmp_path)


def test_webp_images_are_taken(tmp_path: Path) -> None:
    assert len(opened(files(tmp_path, "a/1.webp", "b/2.webp")).samples) == 2


@pytest.mark.parametrize("around", ["X", "X/X", "archive/X"])
def test_folders_that_an_archive_leaves_around_a_dataset_are_looked_through(
    tmp_path: Path, around: str
) -> None:
    files(tmp_path / around, "a/1.png", "b/2.png")
    files(tmp_path / "__MACOSX", "a/._1.png")
    (tmp_path / ".DS_Store").write_bytes(b"")
    samples = opened(tmp_path).samples
    assert samples.ids == ("a/1", "b/2")
    assert f"the dataset is in {around}" in samples.notes


def test_a_folder_that_holds_the_whole_dataset_again_is_left_out(tmp_path: Path) -> None:
    names = [f"{part}/{name}/1.png" for part in ("train", "test") for name in "ab"]
    files(tmp_path, *names, *(f"chest_xray/{name}" for name in names))
    samples = opened(tmp_path).samples
    assert samples.ids == ("train/a/1", "train/b/1", "test/a/1", "test/b/1")
    assert any("chest_xray (4 files), which repeats" in note for note in samples.notes)


def test_a_class_folder_within_itself_is_one_class(tmp_path: Path) -> None:
    assert opened(files(tmp_path, "a/a/1.png", "b/2.png")).samples.ids == ("a/1", "b/2")


def test_a_table_of_groups_above_the_class_folders_is_not_passed_over(tmp_path: Path) -> None:
    files(tmp_path, "X/a/1.png", "X/b/2.png")
    write_table(tmp_path / "groups.csv", ("file", "patient_id"), ("X/a/1.png", "p"))
    with pytest.raises(HarnessError, match=r"groups\.csv: must lie with the class folders"):
        opened(tmp_path)


def notes_of(root: Path) -> str:
    return "\n".join(opened(root).samples.notes)


def test_what_is_left_out_is_counted_by_class(tmp_path: Path) -> None:
    make_folders(tmp_path, {"a": 2, "b": 2}, masks=["a"])
    for name in ("a/images/x.gif", "a/images/noend", "b/y.nii"):
        (tmp_path / name).write_bytes(b"x")
    files(tmp_path, "b/more/1.png", "b/more/2.png", "alone.png")
    write(tmp_path / "a" / "masks" / "a-1_mask.png", lungs())
    (tmp_path / "b" / "Thumbs.db").write_bytes(b"x")
    said = notes_of(tmp_path)
    assert "files of other formats: 3 (a/images 2, b 1), e.g. noend; taken are images (png," in said
    assert "files in subfolders: 2 (b 2), e.g. more/;" in said
    assert "masks whose names match no image: 1 (a 1), e.g. a-1_mask.png; taken are masks" in said
    assert "images in no class folder: 1 (no class 1), e.g. alone.png" in said


def test_masks_among_images_are_said_to_be_taken_for_images(tmp_path: Path) -> None:
    files(tmp_path, "a/1.png", "a/1_mask.png", "b/2.png")
    assert "1 images are named like masks of others (a 1), as a/1_mask.png" in notes_of(tmp_path)


def test_a_dataset_with_nothing_left_out_has_no_such_note(tmp_path: Path) -> None:
    assert "left out" not in notes_of(make_folders(tmp_path, masks=COUNTS))


def with_masks(root: Path, *sides: tuple[int, int]) -> FileDataset:
    for number, size in enumerate(sides):
        write(root / "ab"[number % 2] / "images" / f"{number}.png", noise(number))
        write(root / "ab"[number % 2] / "masks" / f"{number}.png", lungs(*size))
    return opened(root)


def test_the_grid_of_masks_is_that_of_most_of_them(tmp_path: Path) -> None:
    dataset = with_masks(tmp_path, (8, 8), (64, 64), (64, 64), (100, 100))
    assert dataset.samples.mask_size == 64
    (note,) = (note for note in dataset.samples.notes if "64 x 64" in note)
    assert "of 2 of 4 masks; 1 is reduced and 1 is enlarged to it, nearest pixel" in note


def test_of_two_grids_with_as_many_masks_the_larger_one_counts(tmp_path: Path) -> None:
    assert with_masks(tmp_path, (32, 32), (64, 64)).samples.mask_size == 64


def test_masks_above_512_pixels_are_said_to_be_reduced(tmp_path: Path) -> None:
    dataset = with_masks(tmp_path, (600, 600), (700, 700))
    assert dataset.samples.mask_size == 512
    assert "2 are reduced to it" in "\n".join(dataset.samples.notes)


def test_masks_of_one_size_need_no_note(tmp_path: Path) -> None:
    assert "pixels" not in "\n".join(with_masks(tmp_path, (64, 64), (64, 64)).samples.notes)


def test_a_mask_of_another_size_takes_the_nearest_pixel(tmp_path: Path) -> None:
    dataset = with_masks(tmp_path, (20, 20), (40, 40), (40, 40), (40, 40))
    assert np.array_equal(dataset.mask(0), (lungs(20, 20) > 0).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("column", ["patient_id", "PatientID", "Patient ID", "subject", "case-id"])
def test_a_column_of_patients_is_found_by_its_usual_names(tmp_path: Path, column: str) -> None:
    table = make_folders(tmp_path) / "groups.csv"
    write_table(table, ("file", column), ("healthy/healthy-1.png", "p1"))
    assert (opened(tmp_path).samples.groups or ())[0] == "p1"


def test_any_column_of_the_table_can_be_chosen(tmp_path: Path) -> None:
    table = make_folders(tmp_path) / "groups.csv"
    write_table(table, ("Film", "MRN"), ("healthy/healthy-1.png", "p1"))
    assert (opened(tmp_path, path="Film", group="mrn").samples.groups or ())[0] == "p1"


def test_chosen_columns_need_a_table(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"--column group=…: there is no .*groups\.csv"):
        opened(make_folders(tmp_path), group="MRN")


def test_blank_rows_of_a_spreadsheet_are_passed_over(tmp_path: Path) -> None:
    table = make_folders(tmp_path) / "groups.csv"
    table.write_text("file,patient_id,,\nhealthy/healthy-1.png,p1,,\n,,,\n  ,\n,,,\n")
    assert (opened(tmp_path).samples.groups or ())[0] == "p1"


@pytest.mark.parametrize("start", ["\n", ",,\n", "\n , \n\n"])
def test_blank_rows_before_the_header_are_passed_over(tmp_path: Path, start: str) -> None:
    table = make_folders(tmp_path) / "groups.csv"
    table.write_text(f"{start}file,patient_id\nhealthy/healthy-1.png,p1\n")
    assert (opened(tmp_path).samples.groups or ())[0] == "p1"


@pytest.mark.parametrize("name", ["x\ny.png", " 3.png", "3 .png"])
def test_the_table_of_patients_can_name_any_file(tmp_path: Path, name: str) -> None:
    root = make_folders(tmp_path)
    (root / "ill" / "ill-1.png").rename(root / "ill" / name)
    write_table(root / "groups.csv", ("file", "patient_id"), (f"ill/{name}", "p1"))
    assert "p1" in (opened(root).samples.groups or ())


def test_a_patient_that_says_it_is_missing_is_none_and_is_said(tmp_path: Path) -> None:
    table = make_folders(tmp_path) / "groups.csv"
    rows = [(f"ill/ill-{n}.png", spelled) for n, spelled in enumerate(("p1", "nan", "-", "-"), 1)]
    write_table(table, ("file", "patient_id"), *rows)
    samples = opened(tmp_path).samples
    assert len(set(samples.groups or ())) == len(samples)
    said = "\n".join(samples.notes)
    assert "groups.csv: read as missing in the column patient_id: '-' 2, 'nan' 1" in said
    assert "names no patient for 23 images" in said


@pytest.mark.parametrize("name", ["nan", "unknown"])
def test_a_class_folder_named_as_a_missing_value_is_said(tmp_path: Path, name: str) -> None:
    samples = opened(files(tmp_path, "a/1.png", f"{name}/1.png")).samples
    assert samples.classes == ("a", name)
    assert any(
        f"may mean a missing label (with its images): {name!r} 1;" in note for note in samples.notes
    )
