"""Errors are found once for a dataset's content, and a run can go on without the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.defects.admission import known_errors, without
from harness.data.left_out import leave_out
from harness.data.recorded import RecordedDataset, read_samples, write_samples
from harness.data.sources.defect import Defect
from harness.data.splits.make import make_split, read_split, write_split
from harness.errors import HarnessError
from harness_folder.dataset import FileDataset, open_folder
from tests.image_files import make_folders, write

Counts = list[tuple[int, int]]


def opened(root: Path) -> FileDataset:
    return open_folder(root, pad=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """20 images with masks; one image and the mask of another are bad."""
    folder = make_folders(tmp_path / "data", {"a": 10, "b": 10}, masks=["a", "b"])
    (folder / "a" / "images" / "a-2.png").write_bytes(b"")
    (folder / "b" / "masks" / "b-3.png").write_bytes(b"")
    return folder


def errors_of(root: Path, cache: Path) -> tuple[tuple[Defect, ...], Counts]:
    """The errors, and the progress that was reported while they were looked for."""
    progress: Counts = []
    errors = known_errors(opened(root), cache, lambda *count: progress.append(count))
    return errors, progress


def test_a_second_run_does_not_look_again(root: Path, tmp_path: Path) -> None:
    first, looked = errors_of(root, tmp_path / "cache")
    again, looked_again = errors_of(root, tmp_path / "cache")
    assert [error.file for error in first] == ["a/images/a-2.png", "b/masks/b-3.png"]
    assert again == first
    assert looked
    assert not looked_again


def test_other_content_is_looked_at_anew(root: Path, tmp_path: Path) -> None:
    errors_of(root, tmp_path / "cache")
    make = make_folders(tmp_path / "good", {"a": 10, "b": 10}, masks=["a", "b"])
    (make / "a" / "images" / "a-2.png").replace(root / "a" / "images" / "a-2.png")
    errors, looked = errors_of(root, tmp_path / "cache")
    assert [error.file for error in errors] == ["b/masks/b-3.png"]
    assert looked


def test_a_damaged_memory_is_made_again(root: Path, tmp_path: Path) -> None:
    first, _ = errors_of(root, tmp_path / "cache")
    (file,) = (tmp_path / "cache" / "verified").iterdir()
    file.write_text("{}")
    assert errors_of(root, tmp_path / "cache")[0] == first


def remaining(root: Path, tmp_path: Path) -> Any:
    return without(opened(root), errors_of(root, tmp_path / "cache")[0])


def test_a_bad_image_goes_and_of_a_bad_mask_only_the_mask(root: Path, tmp_path: Path) -> None:
    samples = remaining(root, tmp_path).samples
    assert len(samples) == 19
    assert "a/a-2" not in samples.ids
    assert not samples.has_mask[samples.ids.index("b/b-3")]
    assert samples.has_mask.sum() == 18
    assert (samples.left_out, samples.masks_left_out) == (("a/a-2",), ("b/b-3",))


def test_what_is_left_out_is_noted_by_file(root: Path, tmp_path: Path) -> None:
    notes = remaining(root, tmp_path).samples.notes
    assert "2 bad files are left out: a/images/a-2.png, b/masks/b-3.png" in notes


def test_the_other_images_keep_their_pixels(root: Path, tmp_path: Path) -> None:
    whole, rest = opened(root), remaining(root, tmp_path)
    for index in (0, 1, 18):
        there = whole.samples.ids.index(rest.samples.ids[index])
        assert np.array_equal(rest.image(index), whole.image(there))
        assert np.array_equal(rest.mask(index), whole.mask(there))


def test_the_fingerprint_tells_what_is_left_out(root: Path) -> None:
    whole = opened(root)
    prints = {
        whole.fingerprint,
        leave_out(whole, ["a/a-2"], []).fingerprint,
        leave_out(whole, [], ["a/a-2"]).fingerprint,
        leave_out(whole, ["a/a-2", "a/a-3"], []).fingerprint,
    }
    assert len(prints) == 4


def test_what_was_recorded_is_left_out_when_a_cell_opens_the_dataset(
    root: Path, tmp_path: Path
) -> None:
    rest = remaining(root, tmp_path)
    write_samples(tmp_path / "table.npz", rest.samples)
    samples = read_samples(tmp_path / "table.npz")
    recorded = RecordedDataset(samples, rest.fingerprint, lambda: opened(root))
    assert samples.left_out == ("a/a-2",)
    assert np.array_equal(recorded.image(1), rest.image(1))


def test_a_split_file_may_name_what_is_left_out(root: Path, tmp_path: Path) -> None:
    whole = opened(root).samples
    write_split(make_split(whole), whole, tmp_path / "split.csv")
    rest = remaining(root, tmp_path).samples
    split = read_split(tmp_path / "split.csv", rest)
    assert sum(len(rows) for rows in split.parts.values()) == 19
    assert "1 images of the split file are left out of the run" in split.notes


def test_an_error_of_no_image_cannot_be_left_out(root: Path) -> None:
    with pytest.raises(HarnessError, match=r"groups\.csv: cannot be left out"):
        without(opened(root), [Defect(file="groups.csv", severity="error", problem="is odd")])


def test_an_image_that_is_not_there_cannot_be_left_out(root: Path) -> None:
    with pytest.raises(HarnessError, match="no image 'a/a-99'"):
        leave_out(opened(root), ["a/a-99"], [])


def test_something_must_be_left(root: Path) -> None:
    with pytest.raises(HarnessError, match="no image is left"):
        leave_out(opened(root), opened(root).samples.ids, [])


def test_a_split_of_the_datasets_own_loses_the_image_too(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "val", "test")):
        make_folders(tmp_path / "data" / part, {"a": 3, "b": 3}, seed=10_000 * seed)
    write(tmp_path / "data" / "train" / "a" / "a-9.png", np.zeros((8, 8), np.uint8))
    rest = leave_out(opened(tmp_path / "data"), ["train/a/a-9"], [])
    assert {part: len(rows) for part, rows in make_split(rest.samples).parts.items()} == {
        "train": 6,
        "val": 6,
        "test": 6,
    }
    assert replace(rest.samples).split is not None
