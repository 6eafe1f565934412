"""What a split's notes say of leaks that names and pixels show, and of classes that parts lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.data.dataset import Samples
from harness.data.splits.make import make_split, read_split
from tests.image_files import write_table
from tests.tables import make_samples


@pytest.fixture
def samples() -> Samples:
    """Twelve images of two classes, each its own patient."""
    return make_samples([6, 6], masked=0, patients=[1, 1])


def split_notes(samples: Samples, folder: Path, parts: str) -> str:
    """The notes of a split file that gives each image the part of its letter."""
    names = {"t": "train", "v": "val", "e": "test"}
    rows = [(i, names[letter]) for i, letter in zip(samples.ids, parts, strict=True)]
    path = write_table(folder / "split.csv", ("id", "part"), *rows)
    return "\n".join(read_split(path, samples).notes)


def test_a_class_that_train_has_not_is_said(samples: Samples, tmp_path: Path) -> None:
    said = split_notes(samples, tmp_path, "tttveevvveee")
    assert "train has no image of class 'Lung_Opacity': the 6 of it in val and test" in said


def test_a_class_that_val_or_test_lacks_is_said(samples: Samples, tmp_path: Path) -> None:
    said = split_notes(samples, tmp_path, "ttttttttvvee")
    assert "val has no image of class 'COVID'" in said
    assert "test has no image of class 'COVID'" in said
    assert "train has no image" not in said


def test_a_class_that_every_part_has_is_not_spoken_of(samples: Samples, tmp_path: Path) -> None:
    assert "has no image" not in split_notes(samples, tmp_path, "tttveetttvee")


def test_a_class_that_the_datasets_own_split_keeps_from_train_is_said(samples: Samples) -> None:
    own = replace(samples, split=("train",) * 4 + ("test",) * 2 + ("val",) * 3 + ("test",) * 3)
    said = "\n".join(make_split(own).notes)
    assert "train has no image of class 'Lung_Opacity'" in said


def test_groups_spelled_alike_in_several_parts_are_said(samples: Samples, tmp_path: Path) -> None:
    assert samples.groups is not None
    alike = replace(samples, groups=("P1", "p01", *samples.groups[2:]))
    assert "several parts: P1 and p01; if they are one patient" in split_notes(
        alike, tmp_path, "tevtttttttve"
    )
    assert "spelled alike" not in split_notes(alike, tmp_path, "ttvettttttve")


def test_duplicates_are_counted_across_groups_and_parts(samples: Samples, tmp_path: Path) -> None:
    ids = samples.ids
    doubled = replace(samples, same_pixels=((ids[0], ids[1]), (ids[2], ids[3], ids[4])))
    said = split_notes(doubled, tmp_path, "tevtttttttve")
    assert "5 images of 2 films, 2 in several groups, 2 in several parts" in said
    said = split_notes(doubled, tmp_path, "ttttttvvveee")
    assert "0 in several parts of the split" in said
    assert "the split leaks" not in said


def test_nothing_is_said_of_duplicates_where_there_are_none(samples: Samples) -> None:
    assert "duplicates" not in "\n".join(make_split(samples).notes)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_split_file_is_read_as_a_spreadsheet_writes_it(
    samples: Samples, tmp_path: Path, separator: str
) -> None:
    rows = zip(samples.ids, ("train", "val", "test") * 4, strict=True)
    lines = [separator.join(row) for row in (("ID", "Part"), *rows, ("", ""))]
    (tmp_path / "split.csv").write_text("\ufeff" + "\r\n".join(lines))
    parts = read_split(tmp_path / "split.csv", samples).parts
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 4, "val": 4, "test": 4}
