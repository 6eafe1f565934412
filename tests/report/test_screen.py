"""The last screen of a run: 24 lines of 80 columns, and nothing in it that is not computed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from harness.metrics import classification
from harness.metrics.intervals import Interval, difference_interval, metric_interval
from harness.metrics.observations import observations
from harness.metrics.resampled import on_resamples
from harness.metrics.resampling import group_names, resample
from harness.protocol import PRESETS
from harness.report.screen.screen import Ended, has_screen, screen
from harness.report.screen.text import signed_text
from harness.report.table.rows import rows
from harness.results.browse.decimals import UNKNOWN
from harness.results.rundir import find_cells
from tests.builders import CLASSES, DISTURBED, QUIET, image_ids, make_cell, metric_specs
from tests.studies import (
    FROZEN,
    IMAGES,
    LABELS,
    TRAINED,
    ZERO_SHOT,
    _cells,
    baseline,
    classifier,
    segmenter,
    whole_study,
)

ENDED = Ended(
    folders=("results/phantom-quick",),
    summaries={"phantom": "Made-up X-rays, exact lung masks; no files"},
    embedded={"phantom"},
    seconds=161.4,
)


def shown(study: Path, ended: Ended = ENDED) -> str:
    return screen(rows(find_cells(study)), metric_specs(), ended)


def line_of(text: str, start: str) -> str:
    (line,) = [line for line in text.splitlines() if start in line]
    return line


def assert_fits(text: str) -> None:
    lines = text.splitlines()
    assert len(lines) <= 24, text
    assert max(map(cell_len, lines)) <= 80, text
    assert not any(line != line.rstrip() for line in lines)


def test_a_whole_study_is_told_in_24_lines_of_80_columns(tmp_path):
    whole_study(tmp_path)
    text = shown(tmp_path)
    assert_fits(text)
    first = text.splitlines()[0]
    assert first == ("17 methods ran · phantom (made-up X-rays), 120 test images · CPU · 2:41")
    for start in ("classification, one seed", "segmentation, 100 masks", "multitask, one seed"):
        assert start in text
    assert text.splitlines()[-2:] == [
        "All values   harness report results/phantom-quick",
        "Your images  harness run --plugins supervised --dataset folder --data-root DIR",
    ]


def test_the_first_five_are_shown_and_a_line_says_what_the_others_are(tmp_path):
    whole_study(tmp_path)
    text = shown(tmp_path)
    rest = line_of(text, " …  ")
    assert re.match(r" …  \d+ more, 0\.\d\d to 0\.\d\d; pixels 0\.", rest)
    assert rest.endswith("1 predicts one class only")
    order = [line.split()[1] for line in text.splitlines() if line.startswith(" ●")]
    assert order[:2] == ["supervised/net_0", "ssl/encoder@freeze8"]
    assert order[-2:] == ["segmentation/unet", "multitask/both"]
    assert re.search(r"2 more, 0\.8\d* to 0\.9\d*$", line_of(text, "segmentation/unet"))


def test_a_row_has_the_tables_value_and_the_interval_of_its_predictions(tmp_path):
    cell = classifier(tmp_path, "a/net", 0.7)
    file = cell.predictions("test")
    value = cell.metrics["test"]["label"]["f1"]
    resampling = resample(group_names(file))
    expected = metric_interval(
        [value],
        on_resamples("label.f1", [file], resampling),
        groups=resampling.groups,
        rests_on=observations("label.f1", file),
    )
    line = line_of(shown(tmp_path), "a/net")
    assert f"{value:.2f}  [{expected.low:.2f}, {expected.high:.2f}]" in line


def test_chance_is_computed_from_the_shares_of_the_classes(tmp_path):
    """The majority has 60 % of the images: its F1 is 0.75, the others' 0; of two classes, that is
    0.375 on average, which is drawn after 3/8 of the axis."""
    labels = [0] * 60 + [1] * 40
    classifier(tmp_path, "a/net", 0.95, labels=labels, present=CLASSES[:2])
    text = shown(tmp_path)
    heading, row = line_of(text, "classification, one"), line_of(text, "a/net")
    place = row.index("┊") - 54
    assert place == round(0.375 * 25)
    assert heading.index("chance") <= 54 + place < heading.index("chance") + len("chance")


def test_a_method_that_predicts_one_class_only_says_so_in_place_of_a_bar(tmp_path):
    classifier(tmp_path, "a/constant", 1, predicted=[2] * IMAGES)
    assert line_of(shown(tmp_path), "a/constant").endswith("one class only")


def test_the_best_of_several_targets_says_so_too(tmp_path):
    classifier(tmp_path, "a/net", 0.9)
    answers = {"predicted": [2] * IMAGES, "task": "multitask", "mask": {"dice": 0.9}}
    classifier(tmp_path, "multitask/both", 1, **answers, primary=("label.f1", "mask.dice"))
    assert line_of(shown(tmp_path), "multitask/both").endswith("one class only; Dice 0.90")


def test_a_metric_with_a_long_name_keeps_the_columns(tmp_path):
    cell = classifier(tmp_path, "a/net", 0.7)
    scores = cell.metrics["test"]
    name = "a_measure_that_a_plugin_brings_with_it"
    label = {**scores["label"], name: 0.7}
    primary = {"label": label, "primary": 0.7, "primary_metrics": [f"label.{name}"]}
    cell.write_metrics({"test": {**scores, **primary}})
    assert_fits(shown(tmp_path))


def test_a_preset_with_small_networks_says_in_capitals_what_it_is_good_for(tmp_path):
    cell = classifier(tmp_path, "a/net", 0.7, protocol={**_protocol(), "tiny": True})
    record = dict(cell.cell)
    record["method"] = {**record["method"], "tiny": {"width": 1}}
    cell.write_cell(record)
    line = shown(tmp_path).splitlines()[1]
    assert line == ("QUICK IS A CHECK THAT EVERYTHING WORKS: small networks, 64 px, random weights")


def _protocol() -> dict[str, Any]:
    return {"name": "quick", "image_size": PRESETS["quick"].image_size, "epochs": 3}


def test_full_networks_need_no_such_line(tmp_path):
    classifier(tmp_path, "a/net", 0.7)
    assert "CHECK" not in shown(tmp_path)


def test_a_difference_is_claimed_where_its_interval_leaves_out_0(tmp_path):
    one = classifier(tmp_path, "ssl/encoder@freeze8", 0.9, timing=FROZEN)
    other = classifier(tmp_path, "ssl/encoder@full", 0.6, order=1)
    files = [cell.predictions("test") for cell in (one, other)]
    draws = on_resamples("label.f1", files, resample(group_names(files[0])))
    values = [[cell.metrics["test"]["label"]["f1"]] for cell in (one, other)]
    expected = difference_interval(*values, [draws[0]], [draws[1]])
    assert (
        f" · encoder freeze8 vs full: F1 +{expected.value:.2f} "
        f"[+{expected.low:.2f}, +{expected.high:.2f}], better; 1.00 of its CPU time per epoch."
    ) in " ".join(shown(tmp_path).split("\n   "))


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((-0.1414, -0.0041), "\N{MINUS SIGN}0.073 [\N{MINUS SIGN}0.141, \N{MINUS SIGN}0.004]"),
        ((0.00002, 0.1), "+0.05001 [+0.00002, +0.10000]"),
        ((-0.0041, 0.1414), "+0.069 [\N{MINUS SIGN}0.004, +0.141]"),
        ((0.0, 0.1414), "+0.07 [+0.00, +0.14]"),
    ],
)
def test_an_interval_that_leaves_out_0_is_not_written_as_if_it_held_it(ends, text):
    low, high = ends
    assert signed_text(Interval((low + high) / 2, low, high)) == text


def test_none_is_claimed_where_the_interval_holds_0(tmp_path):
    classifier(tmp_path, "ssl/encoder@freeze8", 0.70, timing=FROZEN)
    classifier(tmp_path, "ssl/encoder@full", 0.72, order=1)
    text = shown(tmp_path)
    assert "no difference shown" in text
    assert "better" not in text
    assert "worse" not in text


@pytest.mark.parametrize("disturbed", ["freeze8", "full"])
def test_a_marked_timing_enters_no_sentence(tmp_path, disturbed):
    blocks = dict.fromkeys(("train", "validate", "latency", "throughput", "end_to_end"), DISTURBED)
    for name, right, timing in (("freeze8", 0.9, FROZEN), ("full", 0.6, TRAINED)):
        marked = {"blocks": blocks} if name == disturbed else {}
        classifier(tmp_path, f"ssl/encoder@{name}", right, timing={**timing, **marked})
    text = shown(tmp_path)
    assert "encoder freeze8 vs full" in text
    assert "CPU time" not in text


def test_the_time_of_a_strategy_is_its_share_of_an_epoch_of_full_training(tmp_path):
    quick = {"blocks": {"train": QUIET}, "cpu_minutes_per_epoch": 0.0152}
    classifier(tmp_path, "ssl/encoder@freeze8", 0.9, timing={**FROZEN, **quick})
    classifier(tmp_path, "ssl/encoder@full", 0.6, order=1)
    assert "0.38 of its CPU time per epoch." in " ".join(shown(tmp_path).split())


def test_zero_shot_is_told_by_its_range_over_the_prompts(tmp_path):
    classifier(tmp_path, "clip/vit@short", 0.9, timing=ZERO_SHOT)
    classifier(tmp_path, "clip/vit@signs", 0.5, order=1, timing=ZERO_SHOT)
    low, high = (row.primary for row in sorted(rows(find_cells(tmp_path)), key=lambda r: r.primary))
    expected = f" · vit without training: F1 {low:.2f} (prompt signs) to {high:.2f} (short)."
    assert expected in shown(tmp_path)


def test_the_best_network_is_compared_with_the_best_baseline(tmp_path):
    baseline(tmp_path, 0.5, order=5)
    classifier(tmp_path, "a/net", 0.9)
    classifier(tmp_path, "a/other", 0.8, order=1)
    assert " · net, best of 2 networks, beats pixels: F1 +0." in shown(tmp_path)


def test_no_network_is_said_to_beat_a_baseline_that_it_is_not_shown_to_beat(tmp_path):
    baseline(tmp_path, 0.7, order=5)
    classifier(tmp_path, "a/net", 0.72)
    assert " · No trained network is shown to beat pixels: net F1 " in shown(tmp_path)


def test_a_baseline_that_is_better_than_every_network_is_said_to_be(tmp_path):
    baseline(tmp_path, 0.95, order=5)
    classifier(tmp_path, "a/net", 0.4)
    assert re.search(r" · No trained network beats pixels: net F1 .0.*worse\.", shown(tmp_path))


def from_phantoms(study: Path, method: str, right: float, **changes: Any) -> None:
    """A small network that started from small weights made on the phantom."""
    cell = classifier(study, method, right, **changes)
    record = dict(cell.cell)
    card = {
        "pretraining_method": "masked modelling",
        "pretraining_data": "8,000 simulated radiographs (phantom, seed 1001)",
        "labels_used": False,
        "licence": "Apache-2.0",
    }
    record["method"] = {**record["method"], "tiny": {"width": 1}, "weights": card}
    record["weights"] = {**record["weights"], "kind": "pretrained", "card": "own"}
    cell.write_cell(record)


def test_on_other_images_the_screen_says_what_small_weights_are_worth_there(tmp_path):
    tiny = {"protocol": {**_protocol(), "tiny": True}, "dataset": "folder", "root": "/data"}
    baseline(tmp_path, 0.9, order=5, **tiny)
    from_phantoms(tmp_path, "a/net", 0.5, **tiny)
    text = " ".join(shown(tmp_path).split())
    start = "· net, best from weights of 8,000 simulated radiographs, is worse than pixels: F1 "
    assert start in text
    assert "64 px, own small weights" in text


def test_on_the_images_that_they_were_made_on_it_does_not(tmp_path):
    tiny = {"protocol": {**_protocol(), "tiny": True}}
    baseline(tmp_path, 0.9, order=5, **tiny)
    from_phantoms(tmp_path, "a/net", 0.5, **tiny)
    assert "simulated radiographs" not in shown(tmp_path)


def test_methods_that_the_best_is_not_shown_to_beat_are_named_first(tmp_path):
    for index, right in enumerate((0.9, 0.89, 0.5)):
        classifier(tmp_path, f"a/net_{index}", right, order=index)
    assert " · net_0 is not shown to beat net_1 (F1)." in shown(tmp_path)


def test_a_best_method_that_beats_all_says_by_how_much_it_beats_the_next(tmp_path):
    for index, right in enumerate((0.95, 0.6, 0.5)):
        classifier(tmp_path, f"a/net_{index}", right, order=index)
    text = " ".join(shown(tmp_path).split())
    assert re.search(
        r" · net_0 beats every other method; the next, net_1, by F1 \+0\.\d+ \[\+0", text
    )


def test_segmenters_are_told_by_the_best_and_the_worst(tmp_path):
    for name, quality in (("unet", 0.95), ("fpn", 0.9), ("pan", 0.8)):
        segmenter(tmp_path, f"segmentation/{name}", quality)
    assert " · unet vs pan, best and worst of 3: Dice +0.1" in shown(tmp_path)


def test_several_tasks_at_once_are_compared_with_each_alone(tmp_path):
    whole_study(tmp_path)
    for path in _cells(tmp_path):
        if not any(name in str(path) for name in ("multitask", "unet", "net_0")):
            (path / "status.json").unlink()
            (path / "cell.json").unlink()
            (path / "metrics.json").unlink(missing_ok=True)
    text = " ".join(shown(tmp_path).split())
    assert re.search(r"· both vs each task alone: F1 .0.* Dice .0\.0", text)


def test_seeds_are_one_row_with_their_mean(tmp_path):
    cells = [classifier(tmp_path, "a/net", 0.7, order=s, seed=s) for s in range(3)]
    values = [cell.metrics["test"]["label"]["f1"] for cell in cells]
    text = shown(tmp_path)
    assert "classification, 3 seeds" in text
    assert f" {np.mean(values):.2f}  [" in line_of(text, "a/net")
    assert text.startswith("1 method ran")


def test_of_several_fractions_the_largest_is_shown_and_said(tmp_path):
    classifier(tmp_path, "a/net", 0.9, fraction=0.25)
    classifier(tmp_path, "a/net", 0.5, fraction=0.5)
    text = shown(tmp_path)
    assert "classification, 50 % of data" in text
    assert " +  also trained on 25 % of the data: harness report" in text
    assert text.count("a/net") == 1


def test_kept_results_are_counted_apart(tmp_path):
    cell = classifier(tmp_path, "a/net", 0.7)
    classifier(tmp_path, "a/other", 0.8)
    other = next(path for path in _cells(tmp_path) if path != cell.path)
    text = shown(tmp_path, replace(ENDED, kept={str(cell.path)}))
    assert text.startswith("1 method ran, 1 kept · ")
    text = shown(tmp_path, replace(ENDED, kept={str(cell.path), str(other)}))
    assert text.startswith("2 methods kept · ")


def test_a_study_without_a_result_says_why_and_has_no_block(tmp_path):
    for name in ("short", "signs"):
        make_cell(
            tmp_path, f"clip/vit@{name}", status="skipped", reason="no weights; use --weights DIR"
        )
    text = shown(tmp_path)
    assert_fits(text)
    assert text.splitlines() == [
        "0 methods ran · phantom (made-up X-rays) · CPU · 2:41",
        "",
        f" {UNKNOWN}  2 skipped (clip/vit@…): use --weights DIR",
        "",
        "All values   harness report results/phantom-quick",
        "Your images  harness run --plugins supervised --dataset folder --data-root DIR",
    ]


def test_every_kind_of_failure_is_a_line_with_what_to_do(tmp_path):
    classifier(tmp_path, "a/net", 0.9)
    lost = make_cell(tmp_path, "x/lost", status="failed", reason="ValueError: no")
    large = make_cell(tmp_path, "x/large", status="oom", reason="out of memory")
    digits = [cell.path.name.rpartition("-")[2][:8] for cell in (lost, large)]
    make_cell(tmp_path, "x/bare", status="not_installed", reason="pip install 'x>=3'")
    make_cell(tmp_path, "x/later", status=None)
    damaged = classifier(tmp_path, "x/torn", 0.9)
    (damaged.path / "metrics.json").write_text("{")
    text = shown(tmp_path, replace(ENDED, broken=("mine",)))
    assert_fits(text)
    for line in (
        f" ✗  1 failed (x/lost): harness show {digits[0]}",
        f" ✗  1 oom (x/large): harness show {digits[1]}",
        " ✗  1 not installed (x/bare): pip install 'x>=3'",
        f" {UNKNOWN}  1 unfinished (x/later): repeat the command",
        " ✗  1 damaged (x/torn): repeat the command with --rerun",
        " ✗  1 plugin did not load (mine): harness plugins",
    ):
        assert line in text.splitlines()


def test_what_makes_every_value_doubtful_is_on_the_screen(tmp_path):
    notes = ["groups unknown: the split may leak"]
    classifier(tmp_path, "a/net", 0.9, split_notes=notes, selected_on_test=True)
    text = shown(tmp_path)
    assert " !  groups unknown: the split may leak" in text
    assert " !  selected on test: " in text


@pytest.mark.parametrize("told", [True, False])
def test_sources_that_give_the_class_away_are_said(tmp_path, told):
    cell = classifier(tmp_path, "x/net", 0.8)
    sources = tuple(str(label) if told else "same" for label in LABELS)
    file = cell.predictions("test")
    cell.write_predictions("test", replace(file, sources=sources))
    line = " !  the source alone tells 100 % of the classes"
    assert any(text.startswith(line) for text in shown(tmp_path).splitlines()) == told


def test_classes_that_the_test_set_lacks_are_named(tmp_path):
    classifier(tmp_path, "a/net", 0.9, labels=[0, 1, 2] * 20, present=CLASSES[:3])
    said = " !  classification: macro over 3 of 4 classes (no Viral Pneumonia)"
    assert said in shown(tmp_path)


def test_a_long_name_is_cut_in_the_middle_and_no_value_ever(tmp_path):
    classifier(tmp_path, "plugin/a_method_with_quite_a_long_name@strategy", 0.7)
    line = line_of(shown(tmp_path), "plugin/")
    assert line.startswith(" ●  plugin/a_met…ame@strategy")
    assert re.search(r" 0\.\d\d  \[0\.\d\d, 0\.\d\d\]", line)


def test_names_in_other_scripts_keep_the_columns(tmp_path):
    """Chinese characters take two columns each."""
    classifier(tmp_path, "a/肺炎分类网络肺炎分类网络肺炎分类网络", 0.7)
    classifier(tmp_path, "a/net", 0.6, order=1)
    text = shown(tmp_path, replace(ENDED, summaries={"phantom": "胸部X线图像" * 20}))
    assert_fits(text)
    columns = {
        cell_len(line.partition("[")[0]) for line in text.splitlines() if line.startswith(" ●")
    }
    assert len(columns) == 1


def test_a_set_of_one_class_has_a_screen(tmp_path):
    classifier(tmp_path, "a/net", 1.0, labels=[1] * 40, present=CLASSES[1:2])
    text = shown(tmp_path)
    assert_fits(text)
    assert "1.00  [0.83, 1.00]" in line_of(text, "a/net")


def test_masks_without_counts_have_a_value_and_no_interval(tmp_path):
    make_cell(tmp_path, "a/unet", task="segmentation", mask={"dice": 0.91}, primary=("mask.dice",))
    text = shown(tmp_path)
    assert "0.91" in line_of(text, "a/unet")
    assert "interval" not in text


def test_a_metric_of_a_plugin_has_a_value_and_no_interval(tmp_path):
    make_cell(tmp_path, "a/net", label={"mine": 17.5}, primary=("label.mine",))
    line = line_of(shown(tmp_path), "a/net")
    assert line.split() == ["●", "a/net", "17.50"]


def test_predictions_that_are_lost_cost_the_screen_nothing_else(tmp_path):
    classifier(tmp_path, "a/net", 0.9)
    lost = classifier(tmp_path, "a/other", 0.8, order=1)
    (lost.path / "predictions-test.npz").write_bytes(b"")
    assert_fits(shown(tmp_path))


def test_many_tasks_and_settings_fit(tmp_path):
    for task in range(7):
        for index in range(6):
            name = f"t{task}/net_{index}"
            classifier(tmp_path, name, 0.9 - index / 10, order=index, task=f"task-{task}")
    for epochs in range(5, 9):
        classifier(tmp_path, "a/net", 0.5, protocol={**_protocol(), "epochs": epochs})
    text = shown(tmp_path)
    assert_fits(text)
    assert " +  phantom, quick with epochs" in text


def test_everything_at_once_fits_and_says_that_there_is_more(tmp_path):
    notes = ["the split leaks", "groups unknown", "duplicates"]
    doubtful = {"split_notes": notes, "selected_on_test": True, "present": CLASSES[:3]}
    for task in range(7):
        for index in range(6):
            name = f"t{task}/net_{index}"
            classifier(tmp_path, name, 0.9 - index / 10, task=f"task-{task}", **doubtful)
    for status in ("failed", "oom", "timeout", "skipped", "load_failed", "not_installed", None):
        make_cell(tmp_path, f"x/{status}", status=status, reason="no; do something")
    for epochs in range(5, 9):
        classifier(tmp_path, "a/net", 0.5, protocol={**_protocol(), "epochs": epochs})
    text = shown(tmp_path, replace(ENDED, broken=("mine", "yours")))
    assert_fits(text)
    assert re.search(r" \+  \d+ more notes: harness report\n\nAll values", text)


def test_a_dataset_of_ones_own_needs_no_word_on_own_images(tmp_path):
    classifier(tmp_path, "a/net", 0.7, dataset="folder", root="/data/lungs")
    assert "Your images" not in shown(tmp_path)


def test_a_run_that_measured_speed_alone_has_no_screen(tmp_path):
    make_cell(tmp_path, "a/net", protocol={**_protocol(), "time_only": True})
    assert not has_screen(rows(find_cells(tmp_path)))


def test_a_difference_is_over_the_images_that_both_have(tmp_path):
    """The one is scored on the first 80 images, the other on all: what it does on the last 40
    does not count."""
    part = classifier(tmp_path, "ssl/encoder@freeze8", 0.95, labels=LABELS[:80], timing=FROZEN)
    full = classifier(tmp_path, "ssl/encoder@full", 0.6, order=1)
    files = [part.predictions("test"), full.predictions("test").of_images(image_ids(80))]
    values = [[classification.f1(file.class_predictions())] for file in files]
    everybody = resample(group_names(full.predictions("test")))
    draws = [[values] for values in on_resamples("label.f1", files, everybody)]
    expected = difference_interval(*values, *draws)
    numbers = f"F1 +{expected.value:.2f} [+{expected.low:.2f}, +{expected.high:.2f}], better"
    assert numbers in shown(tmp_path)


@pytest.mark.parametrize(
    ("others", "says"),
    [(0.6, r"net_0 beats net_1: F1 \+0\.\d+ \[\+0"), (0.94, "net_0 is not shown to beat net_1")],
)
def test_two_networks_are_compared(tmp_path, others, says):
    for index, right in enumerate((0.95, others)):
        classifier(tmp_path, f"a/net_{index}", right, order=index)
    assert re.search(f" · {says}", " ".join(shown(tmp_path).split()))


def test_two_that_another_sentence_compares_are_not_compared_again(tmp_path):
    classifier(tmp_path, "a/net", 0.95, order=0)
    baseline(tmp_path, 0.5, order=1)
    assert shown(tmp_path).count("beats") == 1
