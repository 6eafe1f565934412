"""What a table says of speed: by CPU or wall time, marked where it is not of a quiet machine."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from harness.report.render import render
from harness.report.table.catalogue import catalogue
from harness.report.table.rows import rows
from harness.report.table.view import View
from harness.results.rundir import find_cells
from tests.builders import DISTURBED, PROTOCOL, QUIET, TIMING, make_cell, metric_specs

LABEL = {"f1": 0.9}
DASH = "\N{EN DASH}"
WALL = ("minutes_per_epoch", "images_per_second_train", "latency_ms", "latency_p95_ms",
        "throughput_images_per_second", "end_to_end_images_per_second")  # fmt: skip
SPEEDS = {"throughput_images_per_second": 500.0, "end_to_end_images_per_second": 400.0}


def report(study: Any, format: str = "text", **view: Any) -> str:
    found = rows(find_cells(study))
    return render(found, metric_specs(), format=format, view=View(**view))  # type: ignore[arg-type]


def line_of(text: str, word: str = "demo/net") -> str:
    return next(line for line in text.splitlines() if word in line)


def records(study: Any, **view: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report(study, "csv", **view), newline="")))


def blocks(**changed: Any) -> dict[str, Any]:
    return {"blocks": {**TIMING["blocks"], **changed}, **SPEEDS}


def test_on_a_cpu_the_table_counts_cpu_time_and_wall_time_stays_available(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL)
    text = report(tmp_path)
    assert "CPU min/" in text
    assert {"0.04", "86.4", "3.19"} <= set(line_of(text).split())
    assert "Speeds are by CPU time" in text
    assert line_of(report(tmp_path, columns=("method", "minutes_per_epoch"))).endswith(" 0.05")


def test_on_a_gpu_the_table_counts_wall_time(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL, device="cuda")
    text = report(tmp_path)
    assert {"0.05", "85.3", "3.21"} <= set(line_of(text).split())
    assert "CPU min/" not in text


@pytest.mark.parametrize(
    ("block", "column"),
    [
        ("train", "cpu_minutes_per_epoch"),
        ("train", "images_per_second_train"),
        ("latency", "latency_ms"),
        ("latency", "latency_cpu_ms"),
        ("throughput", "throughput_images_per_second"),
        ("end_to_end", "end_to_end_images_per_second"),
    ],
)
def test_a_figure_of_a_block_that_was_held_up_is_marked_and_others_are_not(
    tmp_path, block, column
) -> None:
    make_cell(tmp_path, "a/held_up", label=LABEL, timing=blocks(**{block: DISTURBED}))
    make_cell(tmp_path, "b/quiet", label=LABEL, timing=blocks())
    text = report(tmp_path, columns=("method", column))
    assert line_of(text, "a/held_up").endswith("*")
    assert "*" not in line_of(text, "b/quiet")
    assert "- Timings marked * were taken while other work held the cell up" in text
    held_up, quiet = records(tmp_path, columns=("method", "disturbed"))
    assert (held_up["disturbed"], quiet["disturbed"]) == (block, "")


def test_a_table_without_a_marked_figure_does_not_explain_marks(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL, concurrent=True)
    assert "marked *" not in report(tmp_path)


@pytest.mark.parametrize("column", WALL)
def test_wall_times_carry_the_mark_of_another_cell(tmp_path, column) -> None:
    make_cell(tmp_path, label=LABEL, concurrent=True, timing=blocks())
    assert line_of(report(tmp_path, columns=("method", column))).endswith("*")


def test_what_is_unknown_is_not_marked(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL, concurrent=True, timing={"minutes_per_epoch": None})
    assert line_of(report(tmp_path, columns=("method", "minutes_per_epoch"))).endswith(DASH)


def test_the_price_of_the_frozen_pass_marks_the_epoch_that_contains_it(tmp_path) -> None:
    timing = {"activation_seconds": 36.0, **blocks(frozen_prefix=DISTURBED)}
    make_cell(tmp_path, label=LABEL, timing=timing)
    columns = ("method", "cpu_minutes_per_epoch", "cpu_minutes_per_epoch_steps")
    text = report(tmp_path, columns=columns)
    assert line_of(text).split()[1] == "0.04*"
    assert "contain their full price, whichever cell paid it.\n" in report(tmp_path)


def test_a_price_of_a_quiet_machine_is_stated(tmp_path) -> None:
    frozen = {"wall_seconds": 2.6, "cpu_seconds": 2.5, "other_load": 0.0}
    timing = {"activation_seconds": 2.6, **blocks(frozen_prefix=frozen)}
    make_cell(tmp_path, "ssl/net@linear", label=LABEL, timing=timing)
    make_cell(tmp_path, "ssl/net@full", label=LABEL, timing={"activation_seconds": 0.0})
    assert "In CPU time: 2.5 s for ssl/net@linear." in report(tmp_path)


def test_preparing_the_images_is_in_no_epoch_and_has_its_price(tmp_path) -> None:
    timing = {"prepare_seconds": 9.0, **blocks(prepare=QUIET)}
    make_cell(tmp_path, "a/net", label=LABEL, timing=timing)
    make_cell(tmp_path, "b/net", label=LABEL)
    assert "(shared by all rows, not in min/epoch) took 9 s for a/net." in report(tmp_path)


def test_several_threads_are_held_up_where_others_keep_their_cores_busy(tmp_path) -> None:
    busy = {"wall_seconds": 10.0, "cpu_seconds": 21.0, "other_load": 1.8}
    for name, cores in (("a/crowded", 4), ("b/roomy", 8)):
        make_cell(
            tmp_path,
            name,
            label=LABEL,
            timing=blocks(train=busy),
            environment={"cpu": "C", "threads": 4, "cpu_count": cores},
        )
    text = report(tmp_path, columns=("method", "cpu_minutes_per_epoch"))
    assert line_of(text, "a/crowded").endswith("*")
    assert "*" not in line_of(text, "b/roomy")


def test_speeds_alone_are_marked_by_what_was_measured(tmp_path) -> None:
    step = {"p50": 4.0, "p95": 5.0, "calls": 40, "cpu_p50": 3.9}
    for name, taken in (("a/held_up", DISTURBED), ("b/quiet", QUIET)):
        make_cell(
            tmp_path,
            name,
            concurrent=True,
            protocol={**PROTOCOL, "time_only": True},
            timing={"step_ms": step, **blocks(step=taken)},
        )
    text = report(tmp_path)
    assert "3.9*" in line_of(text, "a/held_up")
    assert "*" not in line_of(text, "b/quiet")


def test_a_mean_over_seeds_carries_the_mark_of_one_seed(tmp_path) -> None:
    make_cell(tmp_path, label=LABEL, seed=0)
    make_cell(tmp_path, label=LABEL, seed=1, timing=blocks(train=DISTURBED))
    columns = ("method", "cpu_minutes_per_epoch", "latency_cpu_ms")
    line = line_of(report(tmp_path, aggregate="seeds", columns=columns))
    assert "n=2)*" in line
    assert line.endswith("n=2)")


def test_an_order_by_marked_figures_says_so(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL, timing=blocks(train=DISTURBED))
    make_cell(tmp_path, "b/net", label=LABEL)
    assert "includes marked timings, which it does not rank" in report(
        tmp_path, sort="cpu_minutes_per_epoch"
    )
    assert "includes marked timings, which it does not rank" not in report(
        tmp_path, sort="latency_cpu_ms"
    )


OLD: Any = {k: v for k, v in TIMING.items() if k != "blocks" and "cpu" not in k}
"""A record of the time before blocks were timed."""


def test_figures_of_older_records_are_marked_as_not_measured(tmp_path) -> None:
    cell = make_cell(tmp_path, label=LABEL)
    cell.write_timing(OLD)
    text = report(tmp_path)
    assert "0.05?" in line_of(text)
    assert "- Timings marked ? are from older records" in text


def test_older_records_beside_new_ones_have_no_cpu_time(tmp_path) -> None:
    make_cell(tmp_path, "a/new", label=LABEL)
    cell = make_cell(tmp_path, "b/old", label=LABEL)
    cell.write_timing({**OLD, "latency_ms": {"p50": 3.0, "p95": 4.0}})
    line = line_of(report(tmp_path), "b/old")
    assert line.count(DASH) >= 3


def test_older_records_are_shown_with_their_frozen_pass(tmp_path) -> None:
    cell = make_cell(tmp_path, label=LABEL)
    # 0.05 min/epoch of steps, and 18 s once for 3 epochs: 0.1 min each.
    cell.write_timing({**OLD, "activation_seconds": 18.0})
    columns = ("minutes_per_epoch", "minutes_per_epoch_steps", "images_per_second_train")
    (record,) = records(tmp_path, columns=columns)
    values = [float(record[name]) for name in columns]
    assert values == pytest.approx([0.15, 0.05, 85.3 / 3])


def test_only_an_unmarked_figure_may_be_compared(tmp_path) -> None:
    make_cell(tmp_path, "a/net", label=LABEL, timing=blocks(train=DISTURBED))
    make_cell(tmp_path, "b/net", label=LABEL)
    held_up, quiet = rows(find_cells(tmp_path))
    minutes = catalogue((), ())["minutes_per_epoch"]
    assert (minutes.undisturbed(held_up), minutes.undisturbed(quiet)) == (None, 0.05)
