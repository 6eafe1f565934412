"""The dataset ``csv``: the user's own images, listed in a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import Dataset, HarnessError
from harness.data.splits.make import make_split
from harness_folder.dataset import FileDataset, open_table
from tests.image_files import lungs, noise, write, write_table


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images, with masks for the first two, and no table."""
    for number in range(6):
        write(tmp_path / "pictures" / f"{number}.png", noise(number))
        write(tmp_path / "lungs" / f"{number}.png", lungs())
    return tmp_path


def table(root: Path, *rows: str, name: str = "dataset.csv") -> Path:
    return write_table(root / name, *(row.split(",") for row in rows))


def plain(root: Path) -> Path:
    labels = (f"pictures/{n}.png,{('ill', 'healthy')[n % 2]}" for n in range(6))
    return table(root, "path,label", *labels)


def opened(root: Path, *, pad: bool = False, **columns: str) -> FileDataset:
    return open_table(root, pad=pad, columns=columns)


def test_path_and_label_are_enough(root: Path) -> None:
    dataset = opened(plain(root))
    samples = dataset.samples
    assert isinstance(dataset, Dataset)
    assert samples.ids[:2] == ("pictures/0.png", "pictures/1.png")
    assert samples.classes == ("healthy", "ill")
    assert samples.labels.tolist() == [1, 0] * 3
    assert (samples.mask_size, samples.groups, samples.sources, samples.split) == (None,) * 4
    assert np.array_equal(dataset.image(3), noise(3))


def test_a_folder_stands_for_the_table_in_it(root: Path) -> None:
    assert opened(plain(root)).fingerprint == opened(root).fingerprint


def test_numbered_labels_keep_their_order(root: Path) -> None:
    table(root, "path,label", "pictures/0.png,10", "pictures/1.png,9", "pictures/2.png,0")
    assert opened(root).samples.classes == ("0", "9", "10")


def test_further_columns_give_masks_groups_sources_and_split(root: Path) -> None:
    table(
        root,
        "path,label,mask,group,source,split,remark",
        "pictures/0.png,ill,lungs/0.png,p1,here,train,x",
        "pictures/1.png,healthy,lungs/1.png,p1,,train,",
        "pictures/2.png,ill,,,there,val,",
        "pictures/3.png,healthy,,p3,,valid,",
        "pictures/4.png,ill,,p4,,test,",
        "pictures/5.png,healthy,,p5,,,",
    )
    dataset = opened(root)
    samples = dataset.samples
    assert samples.has_mask.tolist() == [True, True, False, False, False, False]
    assert np.array_equal(dataset.mask(0), lungs() > 0)
    assert samples.groups == ("p1", "p1", "pictures/2.png", "p3", "p4", "p5")
    assert samples.sources is not None
    assert samples.sources[:3] == ("here", "unknown", "there")
    assert samples.split == ("train", "train", "val", "val", "test", "")
    split = make_split(samples)
    assert [len(rows) for rows in split.parts.values()] == [2, 2, 1]
    assert "1 of 6 images are in no part of the dataset's own split" in split.notes


def test_padding_is_a_parameter_here_too(root: Path) -> None:
    write(root / "pictures" / "0.png", noise(0, 20, 40))
    plain(root)
    assert opened(root, pad=True).image(0).shape == (40, 40)
    assert opened(root).image(0).shape == (20, 40)
    assert opened(root, pad=True).fingerprint != opened(root).fingerprint


def test_the_fingerprint_covers_the_table(root: Path) -> None:
    before = opened(plain(root)).fingerprint
    text = (root / "dataset.csv").read_text()
    (root / "dataset.csv").write_text(text.replace("0.png,ill", "0.png,healthy"))
    assert opened(root).fingerprint != before


def test_files_that_the_table_does_not_name_are_nobodys_business(root: Path) -> None:
    plain(root)
    assert list(opened(root).defects(lambda done, total: None)) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("file,label", "pictures/0.png,ill"), "has no column path.*'file,label'"),
        (("path,label", "pictures/0.png,ill", "pictures/0.png,ill"), "line 3.*named before"),
        (("path,label", "pictures/0.png,"), "line 2: has no label"),
        (("path,label", ",ill"), "line 2: has no path"),
        (("path,label", "../0.png,ill"), "line 2.*lie in its folder"),
        (("path,label", "C:/0.png,ill"), "line 2.*relative"),
        (("path,label", "pictures/0.png,ill", "pictures/9.png,ok"), "1 of 2 files.*pictures/9.png"),
        (("path,label,mask", "pictures/0.png,ill,lungs/9.png"), "lungs/9.png"),
        (("path,label", "pictures/0.png,ill", "pictures/1.png,ill"), "two classes.*class 'ill'"),
        (("path,label,split", "pictures/0.png,ill,holdout"), "line 2: unknown split 'holdout'"),
        (("path,label", "pictures/0.png"), "line 2: does not have 2 columns"),
        (("path,label",), r"dataset\.csv: has a header and no row"),
        (("path,label", ".,ill"), "line 2: '.' names the table's own folder"),
        (("path,label", "pictures,ill", "pictures/1.png,ok"), "1 of 2 files.*pictures"),
        (("path,label", "/data/0.png,ill"), "line 2.*move the table"),
        (("path,Label,label", "pictures/0.png,ill,ok"), "columns 'Label' and 'label'"),
        (
            ("path,label,subject,patient", "pictures/0.png,ill,a,b"),
            "'subject' and 'patient'.*--column",
        ),
        (
            ("path,label", "pictures/0.png,ill", "pictures/1.png,ILL"),
            "'ILL' .line 3. and 'ill' .line 2",
        ),
        (
            ("path,label", "pictures/0.png,0", "pictures/1.png,0.0"),
            "'0' .line 2. and '0.0' .line 3",
        ),
        (("path,label", "pictures/0.png,0,5", "pictures/1.png,1"), "line 2.*needs quotes"),
    ],
)
def test_a_table_that_cannot_be_meant_is_an_error(
    root: Path, rows: tuple[str, ...], message: str
) -> None:
    table(root, *rows)
    with pytest.raises(HarnessError, match=message):
        opened(root)


def test_a_folder_without_a_table_is_an_error(root: Path) -> None:
    with pytest.raises(HarnessError, match=r"dataset\.csv: no such table"):
        opened(root)


def test_a_table_that_is_no_text_is_an_error(root: Path) -> None:
    (root / "dataset.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(HarnessError, match=r"dataset\.csv: cannot be read as CSV"):
        opened(root)


ROWS = ("pictures/0.png,ill,p1", "pictures/1.png,healthy,p1", "pictures/2.png,ill,")


@pytest.mark.parametrize("column", ["patient_id", "Patient", "PatientID", "subject id", "case_id"])
def test_a_column_of_patients_is_the_group(root: Path, column: str) -> None:
    table(root, f"path,label,{column}", *ROWS)
    samples = opened(root).samples
    assert samples.groups == ("p1", "p1", "pictures/2.png")
    assert f"dataset.csv: 1 of 3 images have no {column}: each is its own group" in samples.notes


def test_a_column_called_group_is_meant_where_there_are_others(root: Path) -> None:
    table(root, "path,label,patient_id,group", *(f"{row or 'x'},g" for row in ROWS))
    samples = opened(root).samples
    assert samples.groups == ("g", "g", "g")
    assert "dataset.csv: columns not used: patient_id" in samples.notes


def test_any_column_can_be_chosen_and_is_part_of_the_fingerprint(root: Path) -> None:
    table(root, "file,finding,MRN", *ROWS)
    chosen = opened(root, path="file", label="Finding", group="mrn")
    assert chosen.samples.groups == ("p1", "p1", "pictures/2.png")
    other = opened(root, path="file", label="Finding")
    assert chosen.fingerprint != other.fingerprint


def test_a_field_can_be_left_unread(root: Path) -> None:
    table(root, "path,label,group", *ROWS)
    assert opened(root, group="").samples.groups is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"grop": "x"}, "did you mean 'group'"), ({"group": "x"}, "no such column.*path, label")],
)
def test_a_choice_that_cannot_be_meant_is_an_error(
    root: Path, columns: dict[str, str], message: str
) -> None:
    with pytest.raises(HarnessError, match=message):
        opened(plain(root), **columns)


def test_absolute_paths_into_the_folder_of_the_table_will_do(root: Path) -> None:
    table(root, "path,label", f"{root}/pictures/0.png,ill", "pictures/1.png,healthy")
    assert opened(root).samples.ids == ("pictures/0.png", "pictures/1.png")


TEXT = "path{0}label\npictures/0.png{0}Rö\npictures/1.png{0}gesund\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.format(",").encode(),
        TEXT.format(";").encode("utf-8-sig"),
        TEXT.format("\t").encode("utf-16"),
        TEXT.format(";").encode("cp1252"),
        ("sep=;\r\n" + TEXT.format(";")).encode(),
        TEXT.format(",").replace("\n", "\r").encode(),
        TEXT.format(",").replace("Rö", '"Rö\n"').encode(),
        (TEXT.format(",") + "\n,\n , \n").encode(),
        ("\n" + TEXT.format(";")).encode(),
        (",,\r\n\r\n" + TEXT.format(",").replace("\n", "\r\n")).encode(),
        ("sep=;\n\n;\n" + TEXT.format(";")).encode("utf-8-sig"),
    ],
    ids=[
        *("utf-8", "mark", "utf-16", "cp1252", "sep", "old Mac", "line break", "blank rows"),
        *("blank first line", "first rows of commas", "blank rows after sep"),
    ],
)
def test_tables_are_read_as_spreadsheets_write_them(root: Path, content: bytes) -> None:
    (root / "dataset.csv").write_bytes(content)
    assert opened(root).samples.classes == ("gesund", "Rö")


def test_an_encoding_that_is_a_guess_is_said(root: Path) -> None:
    (root / "dataset.csv").write_bytes(TEXT.format(";").encode("cp1252"))
    assert any("read as Windows-1252" in note for note in opened(root).samples.notes)


def test_a_table_in_utf_16_without_a_mark_is_refused_with_the_remedy(root: Path) -> None:
    (root / "dataset.csv").write_bytes(TEXT.format(",").encode("utf-16-le"))
    with pytest.raises(HarnessError, match=r"zero bytes.*CSV UTF-8"):
        opened(root)


def test_rows_may_lack_cells_at_their_end_that_no_run_needs(root: Path) -> None:
    table(root, "path,label,group,source", "pictures/0.png,ill,p1,here", "pictures/1.png,ok")
    assert opened(root).samples.groups == ("p1", "pictures/1.png")


def test_blank_rows_before_the_header_count_as_lines(root: Path) -> None:
    table(root, "", ",", "path,label", "pictures/0.png,ill", "pictures/1.png,")
    with pytest.raises(HarnessError, match="line 5: has no label"):
        opened(root)


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_a_table_in_utf_32_is_refused_with_the_remedy(root: Path, encoding: str) -> None:
    (root / "dataset.csv").write_bytes(TEXT.format(",").encode(encoding))
    with pytest.raises(HarnessError, match=r"UTF-32.*CSV UTF-8"):
        opened(root)


@pytest.mark.parametrize(
    "name", ["x\ny.png", "x\r\ny.png", " 3.png", "3.png ", "a\\b.png", "4 .png"]
)
def test_a_table_can_name_any_file(root: Path, name: str) -> None:
    write(root / "pictures" / "9.png", noise(9)).rename(root / "pictures" / name)
    write(root / "lungs" / "9.png", lungs()).rename(root / "lungs" / name)
    write_table(
        root / "dataset.csv",
        ("path", "label", "mask"),
        (f"pictures/{name}", "ill", f"lungs/{name}"),
        ("pictures/1.png", "healthy", ""),
    )
    dataset = opened(root)
    assert dataset.samples.ids == (f"pictures/{name}", "pictures/1.png")
    assert dataset.samples.has_mask.tolist() == [True, False]


def test_blanks_around_a_path_that_no_file_has_do_not_matter(root: Path) -> None:
    table(root, "path,label", " pictures/0.png ,ill", "pictures\\1.png,healthy")
    assert opened(root).samples.ids == ("pictures/0.png", "pictures/1.png")


@pytest.mark.parametrize(
    "spelled", ["nan", "NaN", "N/A", "NA", "<NA>", "None", "unknown", "-", "?"]
)
def test_a_group_that_says_it_is_missing_is_none_and_is_said(root: Path, spelled: str) -> None:
    rows = [f"pictures/{n}.png,{('ill', 'ok')[n % 2]},{spelled}" for n in range(4)]
    table(root, "path,label,patient", *rows, "pictures/4.png,ill,p4", "pictures/5.png,ok,")
    samples = opened(root).samples
    assert samples.groups == (*(f"pictures/{n}.png" for n in range(4)), "p4", "pictures/5.png")
    assert f"dataset.csv: read as missing in the column patient: {spelled!r} 4" in samples.notes
    assert "dataset.csv: 5 of 6 images have no patient: each is its own group" in samples.notes


def test_groups_that_are_all_missing_are_unknown(root: Path) -> None:
    rows = [f"pictures/{n}.png,{('ill', 'ok')[n % 2]},nan" for n in range(4)]
    samples = opened(table(root, "path,label,group", *rows).parent).samples
    assert samples.groups is None
    assert "dataset.csv: read as missing in the column group: 'nan' 4" in samples.notes


def test_a_source_that_says_it_is_missing_is_unknown(root: Path) -> None:
    table(root, "path,label,source", "pictures/0.png,ill,NA", "pictures/1.png,ok,ward 1")
    assert opened(root).samples.sources == ("unknown", "ward 1")


@pytest.mark.parametrize("spelled", ["nan", "N/A", "NULL"])
def test_a_label_that_programs_write_for_a_missing_one_is_an_error(
    root: Path, spelled: str
) -> None:
    rows = ("pictures/0.png,ill", "pictures/1.png,ok", f"pictures/2.png,{spelled}")
    table(root, "path,label", *rows)
    with pytest.raises(HarnessError, match=f"1 of 3 rows .*'{spelled}' 1.* line 4; delete"):
        opened(root)


@pytest.mark.parametrize("spelled", ["none", "Unknown", "-"])
def test_a_label_that_may_say_it_is_missing_is_a_class_and_is_said(
    root: Path, spelled: str
) -> None:
    rows = ("pictures/0.png,ill", f"pictures/1.png,{spelled}", f"pictures/2.png,{spelled}")
    samples = opened(table(root, "path,label", *rows).parent).samples
    assert spelled in samples.classes
    assert any(
        f"may mean a missing label (with its images): {spelled!r} 2;" in note
        for note in samples.notes
    )
