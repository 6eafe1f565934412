"""What a reader may ask of a report: columns, order, conditions, means over seeds."""

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
from tests import builders
from tests.builders import CLASSES, image_ids, make_cell, metric_specs

DASH = "\N{EN DASH}"
FORMATS = ("text", "markdown", "latex", "csv", "json")


def report(study, format: str = "text", **view) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))  # type: ignore[arg-type]


def methods(study, **view) -> list[str]:
    columns = {"columns": ("method",), **view}
    text = report(study, "csv", **columns)
    return [record["method"] for record in csv.DictReader(io.StringIO(text, newline=""))]


def three(study) -> None:
    make_cell(study, "ssl/slow", label={"f1": 0.9}, timing={"latency_ms": {"p50": 9.0, "p95": 9.0}})
    make_cell(study, "ssl/fast", label={"f1": 0.8}, timing={"latency_ms": {"p50": 1.0, "p95": 2.0}})
    make_cell(study, "clip/none", label={"f1": None}, timing={"latency_ms": None})


@pytest.mark.parametrize("format", FORMATS)
def test_only_the_columns_asked_for_are_shown(tmp_path, format) -> None:
    three(tmp_path)
    text = report(tmp_path, format, columns=("label.f1", "method"))
    assert "ssl/slow" in text
    assert "312 MiB" not in text
    assert "327155712" not in text


def test_columns_keep_their_order(tmp_path) -> None:
    make_cell(tmp_path, label={"f1": 0.5})
    text = report(tmp_path, columns=("method", "fraction", "label.f1", "parameters_total"))
    (line,) = (line for line in text.splitlines() if line.startswith("demo/net"))
    assert line.split() == ["demo/net", "100", "%", "0.5000", "1.3"]


def test_recall_of_a_class_is_a_column(tmp_path) -> None:
    cell = make_cell(tmp_path, label={"f1": 0.5})
    scores = cell.metrics["test"]
    recall = dict.fromkeys(CLASSES, 0.25)
    cell.write_metrics({"test": {**scores, "recall_per_class": recall}})
    text = report(tmp_path, "csv", columns=("recall.Viral Pneumonia",))
    assert text == "recall.Viral Pneumonia\r\n0.25\r\n"


ODD = ("a", "a,b", "a,b, c", "Grade = 3", "Grade", ">=2")


def of_odd_classes(study, monkeypatch) -> None:
    monkeypatch.setattr(builders, "CLASSES", ODD)
    cell = make_cell(study, label={"f1": 0.5}, present=ODD)
    scores = cell.metrics["test"]
    recall = {name: index / 8 for index, name in enumerate(ODD)}
    cell.write_metrics({"test": {**scores, "recall_per_class": recall}})


@pytest.mark.parametrize("name", ODD)
def test_recall_of_a_class_with_commas_or_operators_is_a_column(
    tmp_path, monkeypatch, name
) -> None:
    of_odd_classes(tmp_path, monkeypatch)
    asked = f"method, recall.{name},label.f1"
    ((*head,), (*_, value, _)) = csv.reader(
        io.StringIO(report(tmp_path, "csv", columns=tuple(asked.split(","))), newline="")
    )
    assert head == ["method", f"recall.{name}", "label.f1"]
    assert float(value) == ODD.index(name) / 8


@pytest.mark.parametrize("name", ODD)
def test_rows_are_filtered_by_a_class_with_commas_or_operators(tmp_path, monkeypatch, name) -> None:
    of_odd_classes(tmp_path, monkeypatch)
    value = ODD.index(name) / 8
    assert methods(tmp_path, filters=(f"recall.{name}={value}",)) == ["demo/net"]
    assert methods(tmp_path, filters=(f" recall.{name} >= {value}",)) == ["demo/net"]
    with pytest.raises(HarnessError, match="no row is left"):
        methods(tmp_path, filters=(f"recall.{name}>{value}",))


def noted(study, **view) -> str:
    label = {"f1": 0.5, "auroc": 0.5, "mine": None}
    cell = make_cell(study, label=label, timing={"buckets": {"compile": 3.0}}, present=CLASSES[1:])
    scores = cell.metrics["test"]
    more = {
        "notes": ["metric mine of plugin 'ward' (ward:mine) failed on the test set"],
        "label_all_classes": {"f1": None},
    }
    cell.write_metrics({"test": {**scores, **more}})
    return report(study, **view)


TIMED = ("Timed on", "Compiling")
MEMORY, FAILED, LACKS = "Peak memory is", "metric mine of plugin", "F1 (4 classes): not defined"
NOTES = (*TIMED, MEMORY, FAILED, LACKS)


@pytest.mark.parametrize(
    ("view", "there"),
    [
        ({}, NOTES),
        ({"columns": ("method", "seed", "label.auroc")}, ()),
        ({"columns": ("method", "label.f1")}, (LACKS,)),
        ({"columns": ("method", "label.mine")}, (FAILED,)),
        ({"columns": ("method", "peak_memory_bytes")}, (MEMORY,)),
        ({"columns": ("method", "minutes_per_epoch")}, TIMED),
        ({"columns": ("method", "latency_ms")}, TIMED[:1]),
        ({"columns": ("method",), "sort": "latency_ms"}, TIMED[:1]),
        ({"columns": ("method",), "filters": ("label.f1>0",)}, (LACKS,)),
    ],
)
def test_notes_are_on_what_is_shown_or_asked_for(tmp_path, view, there) -> None:
    text = " ".join(noted(tmp_path, **view).split())
    assert tuple(note for note in NOTES if note in text) == there


def test_a_figure_that_is_huge_or_just_below_zero_is_as_wide_as_others(tmp_path) -> None:
    names = ("f1", "precision", "recall", "accuracy")
    values = (1e301, -0.0, -0.00001, -0.5)
    make_cell(
        tmp_path, label=dict(zip(names, values, strict=True)), timing={"flops_per_image": 1e301}
    )
    columns = (*(f"label.{name}" for name in names), "flops_per_image")
    *_, line = (line for line in report(tmp_path, columns=columns).splitlines() if "e+301" in line)
    assert line.split() == ["1e+301", "0.0000", "0.0000", "-0.5000", "1e+295"]


def test_a_method_that_failed_says_no_more_of_its_start_than_one_that_finished(tmp_path) -> None:
    plain = {"parameters_total": None, "parameters_trainable": None}
    make_cell(tmp_path, "a/plain", label={"f1": 0.5}, timing=plain)
    make_cell(tmp_path, "b/plain", status="failed", reason="oops")
    make_cell(tmp_path, "c/net", label={"f1": 0.4})
    text = report(tmp_path, "csv", columns=("method", "weights"))
    found = {r["method"]: r["weights"] for r in csv.DictReader(io.StringIO(text, newline=""))}
    assert found == {"a/plain": "", "b/plain": "", "c/net": "random"}


@pytest.mark.parametrize(
    ("view", "says"),
    [
        ({"columns": ("label.f2",)}, r"--columns: no column 'label.f2' \(did you mean"),
        ({"columns": ("zzz",)}, r"no column 'zzz'; columns: method, params, task"),
        ({"sort": "-latency"}, r"--sort '-latency': no column 'latency' \(did you mean"),
        ({"filters": ("metod=x",)}, r"no column 'metod' \(did you mean 'method'"),
        ({"filters": ("method",)}, r"write COLUMN=VALUE"),
        ({"filters": ("label.f1>good",)}, r"label.f1 is numeric; 'good' is not a number"),
        ({"filters": ("method>a",)}, r"method is text; use = or !="),
        ({"filters": ("dataset=fantom",)}, r"no row is left; dataset is phantom"),
        ({"filters": ("ssl/*",)}, r"write COLUMN=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, view, says) -> None:
    three(tmp_path)
    with pytest.raises(HarnessError, match=says):
        report(tmp_path, **view)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, ["ssl/slow", "ssl/fast", "clip/none"]),
        ("label.f1", ["ssl/fast", "ssl/slow", "clip/none"]),
        ("-label.f1", ["ssl/slow", "ssl/fast", "clip/none"]),
        ("latency_ms", ["ssl/fast", "ssl/slow", "clip/none"]),
        ("method", ["clip/none", "ssl/fast", "ssl/slow"]),
        ("-method", ["ssl/slow", "ssl/fast", "clip/none"]),
    ],
)
def test_rows_are_sorted_by_a_column_and_what_is_unknown_is_last(tmp_path, sort, order) -> None:
    three(tmp_path)
    assert methods(tmp_path, sort=sort) == order
    if sort is not None:
        assert f"- Sorted by {sort.removeprefix('-')}." in report(tmp_path, sort=sort)


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (("method=ssl/*",), ["ssl/slow", "ssl/fast"]),
        (("method!=ssl/*",), ["clip/none"]),
        (("label.f1>0.8",), ["ssl/slow"]),
        (("label.f1>=0.8", "latency_ms<5"), ["ssl/fast"]),
        (("label.f1 = 0.9",), ["ssl/slow"]),
        (("label.f1!=0.9",), ["ssl/fast"]),
        (("label.f1=",), ["clip/none"]),
        (("label.f1!=",), ["ssl/slow", "ssl/fast"]),
        (("concurrent=false", "seed=0", "fraction=1"), ["ssl/slow", "ssl/fast", "clip/none"]),
    ],
)
def test_rows_are_filtered_and_all_conditions_must_hold(tmp_path, filters, left) -> None:
    three(tmp_path)
    assert methods(tmp_path, filters=filters) == left
    assert f"- Only rows with {' and '.join(filters)}." in report(tmp_path, filters=filters)


def test_a_twin_that_is_filtered_out_is_still_a_twin(tmp_path) -> None:
    both = {"label": {"f1": 0.5}, "mask": {"dice": 0.5}, "primary": ("label.f1", "mask.dice")}
    scored = {"images": image_ids(4)}
    make_cell(
        tmp_path, "multitask/both", task="multitask", twins={"label": "a/net"}, **both, **scored
    )
    make_cell(tmp_path, "a/net", label={"f1": 0.25}, **scored)
    text = report(tmp_path, filters=("task=multitask",))
    assert "+0.2500" in text
    assert "not run" not in text


def seeds(study, method: str = "a/net", values=(0.905, 0.918, 0.913), **changes) -> None:
    for seed, f1 in enumerate(values):
        make_cell(study, method, label={"f1": f1}, seed=seed, **changes)


def test_seeds_become_one_row_with_mean_range_and_number(tmp_path) -> None:
    seeds(tmp_path)
    text = report(tmp_path, aggregate="seeds", columns=("method", "seed", "label.f1", "fraction"))
    (line,) = (line for line in text.splitlines() if "a/net" in line)
    assert "0, 1, 2" in line
    assert f"0.912 (0.905{DASH}0.918, n=3)" in line
    assert line.endswith("100 %")
    assert "the range of n seeds, not an interval" in text


def test_a_row_per_cell_is_shown_unless_asked_otherwise(tmp_path) -> None:
    seeds(tmp_path)
    assert methods(tmp_path) == ["a/net"] * 3
    assert "n=3" not in report(tmp_path)


def test_fractions_parameters_and_weights_keep_rows_apart(tmp_path) -> None:
    seeds(tmp_path)
    seeds(tmp_path, values=(0.5, 0.6), fraction=0.25)
    seeds(tmp_path, values=(0.1, 0.2), changed_params={"head": ["a", "b"]})
    text = report(tmp_path, aggregate="seeds", columns=("method", "fraction", "label.f1"))
    assert len([line for line in text.splitlines() if "n=2)" in line]) == 2
    assert "a/net [head=b]" in text
    assert f"0.550 (0.500{DASH}0.600, n=2)" in text


def test_means_rank_the_table_and_what_failed_stays_a_row_of_its_own(tmp_path) -> None:
    seeds(tmp_path, "a/unsteady", (0.1, 0.9))
    seeds(tmp_path, "b/steady", (0.6, 0.6))
    make_cell(tmp_path, "b/steady", seed=2, status="failed", reason="ValueError: no")
    assert methods(tmp_path, aggregate="seeds") == ["b/steady", "a/unsteady", "b/steady"]
    assert "- b/steady seed 2: failed: ValueError: no" in report(tmp_path, aggregate="seeds")
    assert methods(tmp_path, aggregate="seeds", sort="label.f1")[0] == "a/unsteady"


def test_programs_get_mean_lowest_highest_and_number(tmp_path) -> None:
    seeds(tmp_path, values=(0.25, 0.75))
    view = {"aggregate": True, "columns": ("method", "seed", "label.f1")}
    assert report(tmp_path, "csv", **view) == (
        "method,seed,label.f1,label.f1.min,label.f1.max,label.f1.n\r\na/net,0 1,0.5,0.25,0.75,2\r\n"
    )
    long = report(tmp_path, "csv", layout="long", **view)
    assert long.splitlines()[1] == "a/net,0 1,label.f1,0.5,0.25,0.75,2"
    (section,) = json.loads(report(tmp_path, "json", **view))["sections"]
    assert section["rows"][0]["label.f1.n"] == 2


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_people_get_the_mean_in_every_format(tmp_path, format) -> None:
    seeds(tmp_path)
    text = report(tmp_path, format, aggregate="seeds").replace("--", DASH)
    assert f"0.912 (0.905{DASH}0.918, n=3)" in text


def test_a_metric_that_one_seed_lacks_counts_the_others(tmp_path) -> None:
    seeds(tmp_path, values=(0.5, None, 0.7))
    assert f"0.600 (0.500{DASH}0.700, n=2)" in report(tmp_path, aggregate="seeds")
