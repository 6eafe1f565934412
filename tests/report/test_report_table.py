"""The report over made-up cells."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from harness.protocol import QUICK
from harness.report.render import render
from harness.report.table.rows import rows
from harness.results.rundir import find_cells
from tests.builders import CLASSES, PROTOCOL, make_cell, metric_specs

LABEL = {
    "f1": 0.9668,
    "precision": 0.9699,
    "recall": 0.9639,
    "accuracy": 0.9601,
    "balanced_accuracy": 0.9639,
    "auroc": 0.99,
    "mcc": 0.95,
}
DASH = "\N{EN DASH}"
MASK = {"dice": 0.98, "dice_pooled": 0.981, "iou": 0.96}


def report(study, **options) -> str:
    return render(rows(find_cells(study)), metric_specs(), **options)


def lines_of(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if word in line]


def table_of(text):
    """Without the notes below it."""
    return text.split("\n- ")[0]


def test_a_section_per_task_has_the_best_first_and_what_failed_last(tmp_path):
    make_cell(tmp_path, "a/failed", status="failed", reason="ValueError: bad input")
    make_cell(tmp_path, "b/undefined", label={**LABEL, "f1": None})
    make_cell(tmp_path, "b/worse", label={**LABEL, "f1": 0.5})
    make_cell(tmp_path, "c/best", label={**LABEL, "f1": 0.9})
    make_cell(tmp_path, "d/unet", task="segmentation", mask=MASK, primary=("mask.dice",))
    found = json.loads(report(tmp_path, format="json"))["sections"]
    assert [section["task"] for section in found] == ["classification", "segmentation"]
    methods = [row["method"] for row in found[0]["rows"]]
    assert methods == ["c/best", "b/worse", "b/undefined", "a/failed"]


def test_figures_are_written_with_their_units_and_unknown_ones_as_a_dash(tmp_path):
    make_cell(tmp_path, label={**LABEL, "auroc": None}, timing={"latency_ms": None})
    (line,) = lines_of(table_of(report(tmp_path)), "demo/net")
    assert line.split() == [
        *("demo/net", "0.9668", "0.9699", "0.9639", "0.9601", DASH, "0.9500"),
        *("ok", "0.04", "86.4", DASH, "312", "MiB", "0.02/1.3", "random", "256/128"),
    ]


def test_a_figure_that_is_zero_is_not_taken_for_unknown(tmp_path):
    make_cell(tmp_path, label={**LABEL, "mcc": 0.0}, timing={"parameters_trainable": 0})
    (line,) = lines_of(table_of(report(tmp_path)), "demo/net")
    assert "0.0000" in line
    assert "0/1.3" in line
    assert DASH not in line


def test_a_failed_row_shows_no_figure_but_its_reason_and_the_end_of_its_log(tmp_path):
    log = [f"line {number}" for number in range(20)] + ["\x1b[31mValueError: bad\r"]
    make_cell(tmp_path, "a/bad", status="failed", reason="ValueError:\nbad", log_tail=log)
    make_cell(tmp_path, "b/skip", status="skipped", reason="needs masks")
    make_cell(tmp_path, "c/cut", status=None)
    text = report(tmp_path, width=100)
    assert "0.0000" not in text
    assert "- a/bad: failed: ValueError: bad" in text
    assert "- b/skip: skipped: needs masks" in text
    assert "- c/cut: unfinished:" in text
    assert lines_of(text, "    | ")[0] == "    | line 16"
    assert len(lines_of(text, "    | ")) == 5
    assert "\x1b" not in text


@pytest.mark.parametrize("status", ["failed", None])
def test_figures_beside_any_status_but_ok_are_not_shown(tmp_path, status):
    make_cell(tmp_path, status=status, label=LABEL, timing={"epochs": 3})
    (line,) = lines_of(report(tmp_path).split("\n- ")[0], "demo/net")
    assert "0.9668" not in line
    assert "85.3" not in line


def test_where_the_set_lacks_a_class_the_heading_and_a_note_say_so(tmp_path):
    make_cell(tmp_path, label=LABEL, present=CLASSES[:3])
    text = report(tmp_path, width=100)
    assert text.splitlines()[0] == (
        "classification · phantom · test · quick · cpu fp32 · "
        "macro over 3 of 4 classes (no Viral Pneumonia)"
    )
    assert "- F1 (4 classes): not defined; the test set holds no Viral Pneumonia." in text
    (section,) = json.loads(report(tmp_path, format="json"))["sections"]
    assert "3 of 4 classes" in section["heading"]
    assert section["classes_present"] == list(CLASSES[:3])
    assert section["rows"][0]["label_all_classes"] == {"f1": None}


def test_averages_over_different_classes_do_not_share_a_table(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL)
    make_cell(tmp_path, "b/net", label=LABEL, present=CLASSES[:3])
    assert len(json.loads(report(tmp_path, format="json"))["sections"]) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "radiography"},
        {"device": "cuda"},
        {"protocol": {**PROTOCOL, "epochs": 20}},
    ],
)
def test_what_cannot_be_compared_does_not_share_a_table(tmp_path, other):
    environment = {"environment": {"cpu": "one", "threads": 1}}
    make_cell(tmp_path, "a/net", label=LABEL, **environment)
    make_cell(tmp_path, "b/net", label=LABEL, **{**environment, **other})
    assert len(json.loads(report(tmp_path, format="json"))["sections"]) == 2


def test_a_declared_deviation_is_noted_once_and_does_not_leave_the_table(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL)
    for seed in (0, 1):
        make_cell(
            tmp_path,
            "b/probe",
            label=LABEL,
            seed=seed,
            deviations={"learning_rate": [0.0003, 0.01]},
        )
    text = report(tmp_path)
    assert len(lines_of(text, "classification · ")) == 1
    assert lines_of(text, "deviates") == [
        "- b/probe deviates from the protocol: learning_rate 0.0003 → 0.01"
    ]


def test_an_input_size_of_its_own_is_noted(tmp_path):
    make_cell(tmp_path, label=LABEL, timing={"input_size": 224})
    assert "- demo/net takes 224 px images where the protocol says 64 px" in report(tmp_path)


def test_seed_and_fraction_have_columns_only_where_they_vary(tmp_path):
    make_cell(tmp_path, label=LABEL)
    assert "seed" not in table_of(report(tmp_path))
    make_cell(tmp_path, label=LABEL, seed=1)
    make_cell(tmp_path, label=LABEL, seed=1, fraction=0.25)
    text = report(tmp_path)
    assert "seed" in text
    assert len(lines_of(text, "25 %")) == 1


def test_notes_of_the_split_are_said_once_and_selection_on_test_is_marked(tmp_path):
    shared = {"label": LABEL, "split_notes": ["groups unknown: the split may leak"]}
    make_cell(tmp_path, "a/net", **shared, selected_on_test=True)
    make_cell(tmp_path, "b/net", **shared)
    text = report(tmp_path)
    assert text.count("groups unknown") == 1
    assert "- Selected on test: a/net." in text


def test_replaced_results_are_counted_not_shown(tmp_path):
    make_cell(tmp_path, label={**LABEL, "f1": 0.1}, code="1")
    make_cell(tmp_path, label=LABEL, code="2", created="2026-02-01T10:00:00+00:00")
    text = report(tmp_path)
    assert len(lines_of(table_of(text), "demo/net")) == 1
    assert (
        "- 1 older result is hidden: it came from other code or another machine and has been "
        "re-run." in text
    )


@pytest.mark.parametrize("width", [60, 80, 100])
def test_text_fits_the_terminal_by_stacking_tables_that_repeat_the_method(tmp_path, width):
    name = "supervised/efficientnet_v2_l"
    make_cell(
        tmp_path,
        name,
        task="multitask",
        label=LABEL,
        mask=MASK,
        primary=("label.f1", "mask.dice"),
        split_notes=["a note that is far too long for one line of any terminal " * 3],
    )
    make_cell(tmp_path, "a/b", task="multitask", status="failed", log_tail=["x" * 300])
    text = report(tmp_path, width=width)
    assert max(map(len, text.splitlines())) <= width
    tables = len(lines_of(table_of(text), name))
    assert tables >= 3
    assert text.count("\nmethod ") == tables
    shown = text.split("\n- ")[0]
    for figure in ("0.9668", "0.9800", "86.4", "256/128", "200/100"):
        assert figure in shown


def test_a_wide_terminal_gets_one_table(tmp_path):
    make_cell(tmp_path, label=LABEL)
    assert len(lines_of(table_of(report(tmp_path, width=300)), "demo/net")) == 1


def test_a_multitask_table_is_ranked_by_the_mean_of_its_targets(tmp_path):
    make_cell(tmp_path, task="multitask", label=LABEL, mask=MASK, primary=("label.f1", "mask.dice"))
    assert "- Ranked by the mean of F1 and Dice." in report(tmp_path)


def test_markdown_is_one_table_with_a_heading(tmp_path):
    make_cell(tmp_path, label=LABEL)
    make_cell(tmp_path, "a/bad", status="oom", reason="out of memory", log_tail=["the end"])
    lines = report(tmp_path, format="markdown", width=40).splitlines()
    assert lines[0].startswith("### classification · ")
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4
    assert len({line.count("|") for line in table}) == 1
    assert "  the end" in lines


def test_json_holds_every_figure_unrounded_and_none_for_unknown(tmp_path):
    make_cell(tmp_path, label={**LABEL, "auroc": None}, timing={"minutes_per_epoch": 1 / 3})
    (section,) = json.loads(report(tmp_path, format="json"))["sections"]
    (row,) = section["rows"]
    assert row["label"] == {**LABEL, "auroc": None}
    assert row["timing"]["minutes_per_epoch"] == 1 / 3
    assert row["weights_card"] is None


def test_plugins_that_did_not_load_are_listed_in_every_format(tmp_path):
    make_cell(tmp_path, label=LABEL)
    broken = [("mine", "failed", "ImportError: no module named x")]
    for format in ("text", "markdown"):
        assert "- mine: failed: ImportError" in report(tmp_path, broken=broken, format=format)
    value = json.loads(report(tmp_path, broken=broken, format="json"))
    assert value["broken_plugins"] == [
        {"name": "mine", "status": "failed", "reason": "ImportError: no module named x"}
    ]


def test_a_further_test_set_has_a_table_of_its_own(tmp_path):
    cell = make_cell(tmp_path, label=LABEL)
    scores = cell.metrics["test"]
    further = {**scores, "label": {**LABEL, "f1": 0.4321}}
    cell.write_metrics({"val": scores, "test": scores, "test-hannover": further})
    cell.write_predictions("test-hannover", cell.predictions("test"))
    text = report(tmp_path)
    assert "· test ·" in text
    assert "0.4321" in text.partition("· test-hannover ·")[2]
    assert "train/test-hannover" in text
    assert "· val ·" not in text


def test_a_macro_average_says_in_its_column_over_how_many_classes_it_is(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL, present=CLASSES[:3])
    table = report(tmp_path, format="markdown")
    macro = ("f1", "precision", "recall", "auroc")
    heads = [spec.label for spec in metric_specs() if spec.name in macro and spec.name in LABEL]
    assert heads
    assert all(f" {head} 3 of 4 classes " in table for head in heads)
    assert table.count("3 of 4 classes |") == len(heads)


def test_what_was_changed_in_a_preset_is_said_in_the_heading(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL, protocol={**asdict(QUICK), "epochs": 7})
    assert "quick with epochs 7" in report(tmp_path)


def test_a_row_that_was_selected_on_test_says_so_in_its_status(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL, selected_on_test=True)
    assert "ok, selected on test" in lines_of(report(tmp_path), "a/net")[0]


def test_stages_are_noted_with_their_epochs_and_learning_rates(tmp_path):
    stages = [
        {"name": "linear", "epochs": 10, "learning_rate": 1e-3, "parameters": 5},
        {"name": "finetune", "epochs": 1, "learning_rate": 5e-5, "parameters": 50},
    ]
    make_cell(tmp_path, "ssl/net@lpft", label=LABEL, timing={"stages": stages})
    make_cell(tmp_path, "ssl/net@full", label=LABEL, timing={"stages": stages[:1]})
    text = report(tmp_path)
    assert (
        "ssl/net@lpft trains in stages: linear (10 epochs, learning rate 0.001), "
        "finetune (1 epoch, learning rate 5e-05)"
    ) in text
    assert "ssl/net@full trains in stages" not in text


def test_what_holds_for_all_tables_is_said_once(tmp_path):
    make_cell(tmp_path, "a/net", label=LABEL, split_notes=["groups unknown"])
    make_cell(tmp_path, "b/net", task="other", label=LABEL, split_notes=["groups unknown"])
    text = report(tmp_path)
    assert text.count("groups unknown") == 1
    assert "groups unknown" in text.partition("All tables")[2]


def test_activations_that_no_other_cell_shared_are_told(tmp_path):
    kept = {"probe": {"where": "memory", "bytes": 3_000_000, "seconds": 1.0}}
    make_cell(tmp_path, "ssl/net@linear", label=LABEL, timing={"activations": kept})
    text = report(tmp_path)
    assert "ssl/net@linear kept the activations of its frozen layers in memory" in text
    assert "they take 2.86 MiB" in text


def test_compiling_has_its_price(tmp_path):
    make_cell(tmp_path, "ssl/net@full", label=LABEL, timing={"buckets": {"compile": 36.25}})
    make_cell(tmp_path, "ssl/net@linear", label=LABEL, timing={"buckets": {"compile": 0.0}})
    assert "Compiling, not in min/epoch: 36.2 s for ssl/net@full." in report(tmp_path)


def test_micro_batches_are_noted_where_batch_normalisation_sees_them(tmp_path):
    protocol = {**PROTOCOL, "batch_size": 16, "micro_batch": 4}
    stage = {"name": "train", "epochs": 3, "learning_rate": 0.001, "parameters": 10}
    for method, normalises in (("demo/unet", True), ("demo/vit", False)):
        stages = [{**stage, "normalises_batches": normalises}]
        make_cell(tmp_path, method, label=LABEL, protocol=protocol, timing={"stages": stages})
    told = report(tmp_path)
    assert (
        "demo/unet has batch normalisation, which saw 4 images at a time: unlike training "
        "without micro-batches"
    ) in " ".join(told.split())
    assert "ok, normalised over 4 images" in lines_of(told, "demo/unet")[0]
    assert "demo/vit has" not in told
