"""What ``timing.json`` of a real cell says, computed again by hand from its parts."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import harness, inside

METHODS = ("ssl/dinov2_base@linear", "ssl/dinov2_base@lpft", "baselines/pixels")
EPOCHS = 3
QUICKER = (
    "--set", f"epochs={EPOCHS}", "--set", "train_images=32", "--set", "test_images=16",
    "--set", "probe_warmup=1", "--set", "probe_iterations=3",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("timings")
    done = harness("run", "--plugins", ",".join(METHODS), *QUICKER, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def timings(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        json.loads(path.with_name("cell.json").read_text())["id"]: json.loads(path.read_text())
        for path in folder.rglob("timing.json")
    }


@pytest.mark.parametrize("method", METHODS[:2])
@pytest.mark.parametrize(("name", "seconds"), [("", "wall_seconds"), ("cpu_", "cpu_seconds")])
def test_min_epoch_is_training_and_the_frozen_pass_over_the_epochs(
    run: Path, method: str, name: str, seconds: str
) -> None:
    timing = timings(run)[method]
    paid = timing["blocks"]["train"][seconds] + timing["blocks"]["frozen_prefix"][seconds]
    assert timing[f"{name}minutes_per_epoch"] == pytest.approx(paid / EPOCHS / 60)
    speed = timing[f"images_per_{name}second_train"]
    assert speed == pytest.approx(EPOCHS * 32 / paid)
    assert timing["blocks"]["frozen_prefix"]["wall_seconds"] == timing["activation_seconds"] > 0


def test_who_finds_the_activations_pays_their_price_as_who_made_them(run: Path) -> None:
    linear, tuned = (timings(run)[method]["blocks"]["frozen_prefix"] for method in METHODS[:2])
    assert linear == tuned


def test_the_mean_of_the_steps_holds_every_stage(run: Path) -> None:
    """Two epochs of the head, of which the second counts twice, and one of everything."""
    (history,) = run.glob("results/*/cells/ssl--dinov2_base*lpft/*/*/history.jsonl")
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    spent = {line["epoch"]: line["train_seconds"] for line in lines if line["event"] == "epoch"}
    assert len(spent) == EPOCHS
    steps = timings(run)["ssl/dinov2_base@lpft"]["minutes_per_epoch_steps"]
    assert steps == pytest.approx((2 * spent[2] + spent[3]) / 3 / 60)


def test_every_timed_block_has_its_cpu_time_and_the_load_of_others(run: Path) -> None:
    for method, timing in timings(run).items():
        blocks = timing["blocks"]
        probes = {"prepare", "train", "validate", "latency", "throughput", "end_to_end"}
        assert probes <= set(blocks), method
        for name in probes:
            assert blocks[name]["cpu_seconds"] > 0, (method, name)
            assert blocks[name]["other_load"] >= 0, (method, name)


def test_the_table_shows_and_sorts_by_what_contains_the_frozen_pass(run: Path) -> None:
    columns = "method,cpu_minutes_per_epoch,minutes_per_epoch"
    done = inside(
        "report", "results", "--format", "csv", "--columns", columns,
        "--sort", "minutes_per_epoch", cwd=run,
    )  # fmt: skip
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    values = [float(row["minutes_per_epoch"]) for row in found]
    assert values == sorted(values)
    for row in found:
        timing = timings(run)[row["method"]]
        for name in ("cpu_minutes_per_epoch", "minutes_per_epoch"):
            assert float(row[name]) == timing[name]


def test_one_cell_in_full_has_its_blocks(run: Path) -> None:
    done = inside("show", "ssl/dinov2_base@linear", cwd=run)
    assert done.returncode == 0, done.stderr
    assert "Timed blocks" in done.stdout
    assert "frozen_prefix" in done.stdout.partition("Timed blocks")[2]
