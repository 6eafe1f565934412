"""Masks that mark nothing, or everything, or are the image itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.defects.admission import remember, remembered, with_found
from harness.data.defects.verify import inspect
from harness.data.sources.mask_notes import mask_notes
from harness.data.splits.make import make_split
from harness_folder.dataset import open_folder, open_table
from tests.cli_tools import inside
from tests.image_files import lungs, make_folders, noise, write, write_table
from tests.raw_images import png
from tests.tables import make_samples

EMPTY, FULL = np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8)


def filled(root: Path, mask: np.ndarray, count: int) -> Path:
    """Two classes of 20 films with masks; of the first ``count`` of each, the mask is this."""
    make_folders(root, {"a": 20, "b": 20}, masks=["a", "b"])
    for name in "ab":
        for number in range(1, count + 1):
            write(root / name / "masks" / f"{name}-{number}.png", mask)
    return root


def test_every_verb_counts_empty_masks_once_they_are_read(tmp_path: Path) -> None:
    filled(tmp_path / "films", EMPTY, 3)
    env = {"CXR_HARNESS_CACHE": str(tmp_path / "cache")}
    about = ("folder", "--data-root", "films")
    verified = inside("data", "verify", *about, cwd=tmp_path, env=env)
    described = inside("data", "info", *about, cwd=tmp_path, env=env)
    words = ("--plugins", "segmentation/unet", "--dataset", *about)
    planned = inside("plan", *words, cwd=tmp_path, env=env)
    for said in (verified.stdout, described.stdout, planned.stderr):
        assert "6 of 40 reference masks mark no pixel: Dice and IoU are 1 where nothing" in said


@pytest.mark.parametrize(("mask", "what"), [(EMPTY, "no pixel"), (FULL, "every pixel")])
def test_a_dataset_whose_masks_are_all_empty_or_full_is_said(
    tmp_path: Path, mask: np.ndarray, what: str
) -> None:
    dataset = open_folder(filled(tmp_path / "films", mask, 20), pad=False)
    remember(dataset, inspect(dataset), tmp_path / "cache")
    found = remembered(dataset, tmp_path / "cache")
    assert found is not None
    samples = with_found(dataset, found).samples
    (said,) = mask_notes(samples)
    assert said.startswith(f"all 40 reference masks mark {what}: ")
    assert said in make_split(samples, kind="standard", seed=0).notes


def test_a_part_whose_masks_are_all_empty_is_named() -> None:
    samples = make_samples([6, 6], masked=12, patients=[1, 1])
    parts = ["train", "val", "test"] * 4
    empty = tuple(i for i, part in zip(samples.ids, parts, strict=True) if part == "test")
    told = replace(samples, split=tuple(parts), empty_masks=(*empty, samples.ids[0]))
    (said,) = mask_notes(told)
    assert said.startswith("5 of 12 reference masks mark no pixel, among them all 4 of test: ")


def test_masks_that_mark_something_are_not_mentioned(tmp_path: Path) -> None:
    dataset = open_folder(filled(tmp_path / "films", EMPTY, 0), pad=False)
    seen = inspect(dataset)
    assert (seen.empty_masks, seen.full_masks) == ((), ())
    assert mask_notes(dataset.samples) == []


def test_a_full_mask_is_noted_by_verification(tmp_path: Path) -> None:
    dataset = open_folder(filled(tmp_path / "films", FULL, 1), pad=False)
    noted = [(d.file, d.severity) for d in inspect(dataset).defects if d.kind == "full-mask"]
    assert noted == [("a/masks/a-1.png", "note"), ("b/masks/b-1.png", "note")]


def test_a_mask_whose_levels_are_an_error_does_not_count_as_empty(tmp_path: Path) -> None:
    root = filled(tmp_path / "films", (lungs() > 0).astype(np.uint8), 1)
    seen = inspect(open_folder(root, pad=False))
    assert {d.kind for d in seen.defects} == {"mask-levels"}
    assert seen.empty_masks == ()


class Images:
    """A dataset whose files only it knows."""

    fingerprint = "0"

    def __init__(self) -> None:
        self.samples = make_samples([2, 2], masked=4, patients=[1, 1])

    def image(self, index: int) -> np.ndarray:
        return noise(index)

    def mask(self, index: int) -> np.ndarray:
        return (EMPTY if index == 1 else lungs()) > 0


def test_masks_without_known_files_are_counted_too() -> None:
    dataset = Images()
    assert inspect(dataset).empty_masks == (dataset.samples.ids[1],)


@pytest.mark.parametrize("deep", [False, True])
def test_an_image_given_as_its_own_mask_is_an_error(tmp_path: Path, deep: bool) -> None:
    rows = [("path", "label", "mask")]
    for number, label in enumerate("aabb"):
        name = f"{number}.png"
        if deep:
            png(tmp_path / name, noise(number).astype(np.uint16) * 60)
        else:
            write(tmp_path / name, noise(number))
        rows.append((name, label, name))
    dataset = open_table(write_table(tmp_path / "t.csv", *rows), pad=False)
    errors = [defect for defect in inspect(dataset).defects if defect.severity == "error"]
    assert {(error.file, error.problem) for error in errors} == {
        (f"{number}.png", "is the image itself") for number in range(4)
    }
