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
from harness.data.splits import make_split
from harness_folder import harness_datasets
from harness_folder.dataset import FileDataset, open_folder
from tests.image_files import COUNTS, lungs, make_folders, noise, write, write_dicom, write_table


def opened(root: Path, *, pad: bool = False) -> FileDataset:
    return open_folder(root, pad=pad)


def test_the_plugin_offers_folder_and_csv() -> None:
    specs = {spec.name: spec for spec in harness_datasets()}
    assert set(specs) == {"folder", "csv"}
    assert (specs["folder"].accepts_file, specs["csv"].accepts_file) == (False, True)
    assert all(spec.params == {"pad": False} for spec in specs.values())


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
        ("name,patient\n", "lacks the column file and patient_id"),
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
        (("data/a/1.png", "data/b/2.png"), "no image but the folders a, b"),
        (("a/1.png", "a/1.jpg", "b/2.png"), r"1\.png: lies beside 1\.jpg"),
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
