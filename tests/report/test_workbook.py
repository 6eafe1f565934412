"""The report for a spreadsheet: what a workbook holds, and what no spreadsheet may run."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook
from openpyxl.workbook.workbook import Workbook

from harness.errors import HarnessError
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.report.workbook import workbook
from harness.results.rundir import find_cells
from tests import builders
from tests.builders import DISTURBED, TIMING, make_cell, metric_specs

LABEL = {"f1": 0.1 + 0.2, "auroc": None}


def book_of(study, *, broken=(), **view) -> Workbook:
    found = rows(find_cells(study))
    data = workbook(found, metric_specs(), broken=broken, view=View(**view))
    return load_workbook(io.BytesIO(data))


def records(sheet) -> list[dict[str, object]]:
    head, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(head, line, strict=True)) for line in lines]


def notes(book: Workbook) -> list[tuple[str, str]]:
    return [(note["sheet"], note["note"]) for note in records(book["Notes"])]


def test_a_sheet_per_section_and_one_of_notes(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "s/unet", task="s", mask={"dice": 0.4}, primary=("mask.dice",))
    book = book_of(tmp_path)
    assert book.sheetnames == ["classification phantom test", "s phantom test", "Notes"]
    said = notes(book)
    assert said[0] == (
        "classification phantom test",
        "classification · phantom · test · quick · cpu fp32",
    )
    assert ("s phantom test", "Ranked by Dice.") in said
    assert [sheet for sheet, note in said if note.startswith("Peak memory")] == ["all sheets"]


def test_numbers_are_numbers_with_the_digits_of_a_spreadsheet_and_unknown_is_empty(
    tmp_path,
) -> None:
    timing = {"cpu_minutes_per_epoch": 1 / 3, "latency_ms": None}
    make_cell(tmp_path, "a/net", label={**LABEL, "mcc": -0.5}, timing=timing)
    (record,) = records(book_of(tmp_path).worksheets[0])
    assert record["label.f1"] == pytest.approx(0.1 + 0.2, abs=1e-15)
    assert record["label.mcc"] == -0.5
    assert record["cpu_minutes_per_epoch"] == pytest.approx(1 / 3, abs=1e-15)
    assert record["label.auroc"] is record["latency_cpu_ms"] is None
    assert record["peak_memory_bytes"] == 327155712
    assert (record["images_train"], record["images"]) == (256, 128)
    assert (record["parameters_trainable"], record["parameters_total"]) == (20_000, 1_300_000)


def test_a_number_is_shown_as_other_tables_write_it(tmp_path) -> None:
    make_cell(tmp_path, label={"f1": 0.5}, timing={"minutes_per_epoch": 12.345}, fraction=0.125)
    columns = ("label.f1", "minutes_per_epoch", "peak_memory_bytes", "fraction", "seed")
    _, line = book_of(tmp_path, columns=columns).worksheets[0].iter_rows()
    assert [cell.number_format for cell in line] == ["0.0000", "0.0", "#,##0", "0.0%", "0"]


def test_the_headings_are_bold_and_stay_with_the_method_when_the_sheet_is_scrolled(
    tmp_path,
) -> None:
    make_cell(tmp_path, label=LABEL)
    sheet, said = book_of(tmp_path).worksheets
    assert all(cell.font.bold for cell in sheet[1])
    assert not any(cell.font.bold for cell in sheet[2])
    assert (sheet.freeze_panes, said.freeze_panes) == ("B2", "A2")
    assert said["A1"].font.bold
    first = book_of(tmp_path, columns=("label.f1", "method")).worksheets[0]
    assert first.freeze_panes == "A2"


def test_columns_are_as_wide_as_what_they_show(tmp_path) -> None:
    make_cell(tmp_path, "demo/" + "x" * 40, label=LABEL)
    make_cell(tmp_path, "demo/bad", status="failed", reason="y" * 500)
    sheet = book_of(tmp_path, columns=("method", "peak_memory_bytes", "reason")).worksheets[0]
    widths = {
        sheet[f"{letter}1"].value: size.width for letter, size in sheet.column_dimensions.items()
    }
    assert 45 <= widths["method"] <= 60
    assert widths["peak_memory_bytes"] >= len("peak_memory_bytes")
    assert widths["reason"] <= 60


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1 * 2", "@SUM(A1)", "#REF!", "=cmd|' /C calc'!A0"]
)
def test_text_is_never_a_formula(tmp_path, text) -> None:
    make_cell(tmp_path / text.replace("/", ":"), label=LABEL)
    make_cell(tmp_path, "demo/bad", status="failed", reason=text)
    book = book_of(tmp_path, columns=("method", "reason"))
    (cell,) = (cell for cell in book.worksheets[0]["B"] if cell.value == text)
    assert cell.data_type == "s"
    # Nor does it become one when somebody edits the cell.
    assert cell.quotePrefix == (not text.startswith("#"))
    assert not any(cell.data_type == "f" for sheet in book for row in sheet for cell in row)


def test_text_holds_nothing_that_a_workbook_cannot(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(builders, "CLASSES", ("a\x00b", "c\ufffe", "d" * 40_000, "[*]"))
    make_cell(tmp_path, "demo/bad", status="failed", reason="\x1b[31m\ufffe" + "z" * 40_000)
    (record,) = records(book_of(tmp_path).worksheets[0])
    assert str(record["reason"]).startswith("\\x1b[31m\\ufffe")
    assert len(str(record["reason"])) == 32767


def test_marks_of_other_tables_are_not_lost(tmp_path) -> None:
    blocks = {**TIMING["blocks"], "latency": DISTURBED}
    make_cell(tmp_path, "a/net", label=LABEL, timing={"blocks": blocks}, predicted=[2, 2, 2, 2])
    make_cell(tmp_path, "b/bad", status="failed", reason="no memory")
    good, bad = records(book_of(tmp_path).worksheets[0])
    assert good["method"] == "a/net (one class only)"
    assert good["disturbed"] == "latency"
    assert (bad["status"], bad["reason"]) == ("failed", "no memory")
    make_cell(tmp_path / "quiet", "a/net", label=LABEL)
    assert not {"disturbed", "reason"} & set(records(book_of(tmp_path / "quiet").worksheets[0])[0])


def test_twins_have_a_sheet_of_their_own(tmp_path) -> None:
    both = {"label": LABEL, "mask": {"dice": 0.5}, "primary": ("label.f1", "mask.dice")}
    make_cell(tmp_path, "m/both", task="multitask", twins={"mask": "s/unet"}, **both)
    make_cell(tmp_path, "s/unet", task="s", mask={"dice": 0.25}, primary=("mask.dice",))
    book = book_of(tmp_path)
    assert book.sheetnames[1] == "twins phantom test"
    (pair,) = records(book["twins phantom test"])
    assert (pair["method"], pair["twin"], pair["difference"]) == ("m/both", "s/unet", 0.25)
    assert any(
        sheet == "twins phantom test" and note.startswith("Δ") for sheet, note in notes(book)
    )


def test_sheets_have_names_that_a_spreadsheet_takes_and_tells_apart(tmp_path) -> None:
    for dataset in ("a", "A", "b" * 60, "b" * 70):
        make_cell(tmp_path / dataset, label=LABEL, dataset=dataset, fingerprint=dataset[0] * 32)
    names = book_of(tmp_path).sheetnames
    assert len({name.casefold() for name in names}) == 5
    assert all(len(name) <= 31 for name in names)


def test_seeds_are_four_columns_each(tmp_path) -> None:
    for seed, value in enumerate((0.25, 0.75)):
        make_cell(tmp_path, label={"f1": value}, seed=seed)
    view = {"aggregate": True, "columns": ("method", "seed", "label.f1")}
    sheet = book_of(tmp_path, **view).worksheets[0]
    assert records(sheet) == [
        {
            "method": "demo/net",
            "seed": "0 1",
            "label.f1": 0.5,
            "label.f1.min": 0.25,
            "label.f1.max": 0.75,
            "label.f1.n": 2,
        }
    ]
    assert (sheet["D2"].number_format, sheet["F2"].number_format) == ("0.0000", "0")


def test_plugins_that_did_not_load_are_among_the_notes(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL)
    said = notes(book_of(tmp_path, broken=[("bad", "failed", "no\nreason")]))
    assert said[-1] == ("Plugins that did not load", "bad: failed: no reason")


def test_a_workbook_has_no_long_layout(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL)
    with pytest.raises(HarnessError, match="for csv and json, not for xlsx"):
        book_of(tmp_path, layout="long")


def test_where_no_temporary_file_can_be_written_the_folder_is_named(tmp_path, monkeypatch) -> None:
    make_cell(tmp_path / "results", label=LABEL)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(HarnessError, match=r"gone \(No such file or directory\); set TMPDIR"):
        book_of(tmp_path)
