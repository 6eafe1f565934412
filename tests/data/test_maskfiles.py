"""Masks that lie among the images of a folder are counted, however they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import named_like_masks
from harness.inference.images import new_images
from harness_folder.dataset import open_folder
from tests.image_files import lungs, make_folders, noise, write

NAMES = [
    "1_mask",
    "mask_1",
    "1-mask",
    "Mask-1",
    "1mask",
    "mask1",
    "1.mask",
    "1 (mask)",
    "1_mask_left",
    "1_segmentation",
    "seg_1",
    "1_lungs",
    "lung 1",
    "1_label",
    "1_gt",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_among_films_is_told_by_its_name(name: str) -> None:
    assert named_like_masks(["1", "2", name]) == [name]


@pytest.mark.parametrize("name", ["9_mask", "mask-9", "9 segmentation"])
def test_a_mask_of_no_film_is_told_by_the_word(name: str) -> None:
    assert named_like_masks(["1", "2", name]) == [name]


@pytest.mark.parametrize("name", ["lung_9", "label9", "masked", "1_lateral", "segment", "mask"])
def test_other_names_are_those_of_films(name: str) -> None:
    assert named_like_masks(["1", "2", name]) == []


@pytest.mark.parametrize("name", ["mask_{}", "{}-mask", "{}_mask"])
def test_a_run_counts_the_masks_among_its_images_and_says_where_they_belong(
    tmp_path: Path, name: str
) -> None:
    root = make_folders(tmp_path / "data", {"a": 2, "b": 2})
    for number in (1, 2):
        write(root / "a" / f"{name.format(f'a-{number}')}.png", lungs())
    said = "\n".join(open_folder(root, pad=False).samples.notes)
    assert "2 images are named like masks of others (a 2), as a/" in said
    assert "move masks into a folder masks, each with the name of its image" in said


def test_what_is_predicted_for_masks_is_said(tmp_path: Path) -> None:
    write(tmp_path / "1.png", noise(1))
    write(tmp_path / "mask_1.png", lungs())
    notes = new_images([tmp_path], lambda done, total: None).notes
    assert notes == ("1 image named like masks of others, e.g. mask_1",)
