"""Split files: what is written is read back, and what cannot be meant is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.dataset import Samples
from harness.data.splits.make import make_split, read_split, write_split
from harness.errors import HarnessError
from tests.tables import make_samples


@pytest.mark.parametrize("kind", ["standard", "study"])
def test_a_split_read_back_is_the_split_that_was_written(tmp_path, kind):
    samples = make_samples([30, 30, 30, 30], patients=[1, 1, 1, 1])
    split = make_split(samples, kind)
    write_split(split, samples, tmp_path / "deep" / "split.csv")
    again = read_split(tmp_path / "deep" / "split.csv", samples)
    assert again.digest == split.digest
    assert again.selected_on_test == split.selected_on_test
    assert {name: part.tolist() for name, part in again.parts.items()} == {
        name: part.tolist() for name, part in split.parts.items()
    }


def test_a_study_split_lists_its_test_images_as_both_parts(tmp_path):
    samples = make_samples([10, 10])
    write_split(make_split(samples, "study"), samples, tmp_path / "split.csv")
    header, *lines = (tmp_path / "split.csv").read_text().splitlines()
    assert header == "id,part"
    assert lines == sorted(lines)
    assert sum(line.endswith(",val+test") for line in lines) == 4


ODD_IDS = (
    "a/3 ",
    " a/1",
    "a/x\ny",
    "a/x\r\ny",
    "a/x\ry",
    'a/"q"',
    "a,b/1",
    "a/\t",
    "a/x y",
    "=a/1",
)


def test_a_split_of_images_with_any_names_is_read_back(tmp_path):
    samples = replace(make_samples([5, 5]), ids=ODD_IDS)
    split = make_split(samples)
    write_split(split, samples, tmp_path / "split.csv")
    assert read_split(tmp_path / "split.csv", samples).digest == split.digest


def test_blanks_that_a_spreadsheet_adds_around_a_name_do_not_matter(tmp_path, samples, rows):
    plain = read_split(_file(tmp_path, rows), samples)
    spaced = [(f" {name} ", f"{part} ") for name, part in rows]
    assert read_split(_file(tmp_path, spaced), samples).digest == plain.digest


def _file(tmp_path: Path, rows, *, newline="\n", start="") -> Path:
    path = tmp_path / f"split-{len(list(tmp_path.iterdir()))}.csv"
    text = newline.join(["id,part", *(",".join(row) for row in rows)])
    path.write_bytes((start + text).encode())
    return path


@pytest.fixture
def samples() -> Samples:
    return make_samples([4, 4], patients=[2, 2])


@pytest.fixture
def rows(samples) -> list[tuple[str, str]]:
    parts = ["train", "train", "val", "val", "train", "train", "test", "test"]
    return list(zip(samples.ids, parts, strict=True))


def test_the_digest_does_not_depend_on_path_order_line_ends_or_a_byte_order_mark(
    tmp_path, samples, rows
):
    files = [
        _file(tmp_path, rows),
        _file(tmp_path, rows[::-1]),
        _file(tmp_path, rows, newline="\r\n", start="\ufeff"),
    ]
    assert len({read_split(path, samples).digest for path in files}) == 1
    rows[0], rows[2] = (rows[0][0], "val"), (rows[2][0], "train")
    assert read_split(_file(tmp_path, rows), samples).digest != read_split(files[0], samples).digest


def test_further_test_sets_come_after_the_three_parts(tmp_path, samples, rows):
    rows[1] = (rows[1][0], "test-other-hospital")
    split = read_split(_file(tmp_path, rows), samples)
    assert list(split.parts) == ["train", "val", "test", "test-other-hospital"]
    assert split.parts["test-other-hospital"].tolist() == [1]


def test_unknown_ids_are_counted_and_five_are_named(tmp_path, samples, rows):
    strangers = [(f"new-{i}", "train") for i in range(7)]
    with pytest.raises(HarnessError, match=r"names 7 of 15 .*'new-0'.*'new-4' and 2 more"):
        read_split(_file(tmp_path, [*rows, *strangers]), samples)


@pytest.mark.parametrize("part", ["training", "Test", "test-", ""])
def test_unknown_parts_are_refused(tmp_path, samples, rows, part):
    rows[0] = (rows[0][0], part)
    with pytest.raises(HarnessError, match=f"unknown part '{part}'"):
        read_split(_file(tmp_path, rows), samples)


def test_an_image_in_two_parts_is_refused(tmp_path, samples, rows):
    with pytest.raises(HarnessError, match="names 1 images more than once: 'COVID/0'"):
        read_split(_file(tmp_path, [*rows, ("COVID/0", "test")]), samples)


def test_a_part_that_every_run_needs_must_not_be_missing(tmp_path, samples, rows):
    with pytest.raises(HarnessError, match="no image in val"):
        read_split(_file(tmp_path, [row for row in rows if row[1] != "val"]), samples)


def test_a_shared_part_beside_val_is_refused(tmp_path, samples, rows):
    rows[0] = (rows[0][0], "val+test")
    with pytest.raises(HarnessError, match=r"val\+test together with val or test"):
        read_split(_file(tmp_path, rows), samples)


def test_groups_in_several_parts_are_counted_as_leaks(tmp_path, samples, rows):
    notes = read_split(_file(tmp_path, rows), samples).notes
    assert not any("leaks" in note for note in notes)
    rows[1], rows[5] = (rows[1][0], "val"), (rows[5][0], "test")
    notes = read_split(_file(tmp_path, rows), samples).notes
    assert "the split file puts 2 groups into several parts: it leaks" in notes


def test_images_that_the_file_does_not_name_are_left_out_and_counted(tmp_path, samples, rows):
    split = read_split(_file(tmp_path, rows[1:]), samples)
    assert 0 not in np.concatenate(list(split.parts.values()))
    assert "1 of 8 images are in no part of the split file" in split.notes


@pytest.mark.parametrize(
    "content", [b"", b"image,set\na,train\n", b"\xff\xfe\x00id", b"\x89PNG\r\n"]
)
def test_a_file_that_is_no_split_is_named(tmp_path, samples, content):
    (tmp_path / "other.csv").write_bytes(content)
    with pytest.raises(HarnessError, match=r"other\.csv: "):
        read_split(tmp_path / "other.csv", samples)


def test_a_missing_split_file_is_named(tmp_path, samples):
    with pytest.raises(HarnessError, match=r"gone\.csv: the split cannot be read"):
        read_split(tmp_path / "gone.csv", samples)
