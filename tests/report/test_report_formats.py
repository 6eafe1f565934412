"""The report for programs: CSV, flat JSON."""

from __future__ import annotations

import csv
import io
import json

import pytest

from harness.errors import HarnessError
from harness.report.render import render
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import make_cell, metric_specs

LABEL = {"f1": 0.1 + 0.2, "auroc": None}


def report(study, format: str, **view) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))  # type: ignore[arg-type]


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# CSV


def test_csv_has_all_digits_and_nothing_for_unknown(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL, timing={"minutes_per_epoch": 1 / 3, "latency_ms": None})
    text = report(tmp_path, "csv")
    (record,) = records(text)
    assert float(record["label.f1"]) == 0.1 + 0.2
    assert float(record["minutes_per_epoch"]) == 1 / 3
    assert record["label.auroc"] == record["latency_ms"] == record["latency_cpu_ms"] == ""
    assert record["concurrent"] == "false"
    assert record["peak_memory_bytes"] == "327155712"
    assert (record["images_train"], record["images"]) == ("256", "128")


def test_csv_keeps_to_rfc_4180(tmp_path) -> None:
    make_cell(tmp_path, status="failed", reason='a, "b"\nand c')
    text = report(tmp_path, "csv", columns=("method", "reason"))
    assert text == 'method,reason\r\ndemo/net,"a, ""b"" and c"\r\n'


def test_csv_holds_the_sections_one_after_the_other(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "b/unet", task="segmentation", mask={"dice": 0.5}, primary=("mask.dice",))
    found = records(report(tmp_path, "csv"))
    assert [(r["method"], r["label.f1"] != "", r["mask.dice"]) for r in found] == [
        ("a/net", True, ""),
        ("b/unet", False, "0.5"),
    ]


def test_the_long_layout_has_a_row_per_cell_and_figure(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "b/bad", status="failed")
    view = {"columns": ("method", "status", "label.f1", "label.auroc", "latency_ms")}
    found = records(report(tmp_path, "csv", layout="long", **view))
    assert found == [
        {"method": "a/net", "status": "ok", "metric": "label.f1", "value": "0.30000000000000004"},
        {"method": "a/net", "status": "ok", "metric": "latency_ms", "value": "3.21"},
        {"method": "b/bad", "status": "failed", "metric": "label.f1", "value": ""},
        {"method": "b/bad", "status": "failed", "metric": "latency_ms", "value": ""},
    ]
    (section,) = json.loads(report(tmp_path, "json", layout="long", **view))["sections"]
    assert section["rows"][0]["value"] == 0.1 + 0.2
    assert section["rows"][2] == {**found[2], "value": None}


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_the_long_layout_is_for_programs(tmp_path, format) -> None:
    make_cell(tmp_path, label=LABEL)
    with pytest.raises(HarnessError, match=f"for csv and json, not for {format}"):
        report(tmp_path, format, layout="long")


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1 * 2", "@SUM(A1)"])
def test_text_of_a_csv_is_no_formula_for_a_spreadsheet(tmp_path, reason) -> None:
    make_cell(tmp_path, label={"mcc": -0.5})
    make_cell(tmp_path, "demo/bad", status="failed", reason=reason)
    good, bad = records(report(tmp_path, "csv", columns=("method", "reason", "label.mcc")))
    assert bad["reason"] == f"'{reason}"
    assert (good["label.mcc"], good["method"]) == ("-0.5", "demo/net")
    (section,) = json.loads(report(tmp_path, "json", columns=("reason",)))["sections"]
    assert section["rows"][1]["reason"] == reason


# JSON


def test_json_has_the_columns_that_were_asked_for_or_whole_rows(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL)
    (section,) = json.loads(report(tmp_path, "json", columns=("method", "label.auroc")))["sections"]
    assert section["rows"] == [{"method": "demo/net", "label.auroc": None}]
    (whole,) = json.loads(report(tmp_path, "json"))["sections"]
    assert whole["rows"][0]["label"] == LABEL
    (wide,) = json.loads(report(tmp_path, "json", layout="wide"))["sections"]
    assert wide["rows"][0]["label.f1"] == LABEL["f1"]
