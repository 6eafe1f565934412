"""What a method is measured against is the dataset's: no method, metric or hook can write it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.machine import Resources
from harness.results.rundir import CellDirectory
from harness.storage.json_files import read_json, write_json
from tests.cli_tools import TINY, harness, write_plugin

LIGHT = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for name in ("writes", "unlocks", "peeks", "forges", "spoils", "drops", "honest"):
            yield harness.MethodSpec(
                name=name,
                factory=f"harness_cheat_models:{name.capitalize()}",
                task="classification",
                family="cheat",
                summary="A method for tests",
            )

    @harness.hookimpl
    def harness_metrics():
        for name in ("lists", "rewrites"):
            yield harness.MetricSpec(
                name=name,
                kind="classes",
                function=f"harness_cheat_models:{name}",
                label=name,
                summary="A metric for tests",
            )

    @harness.hookimpl
    def harness_select_cells(cells):
        for cell in cells:
            cell.record["seed"] = 5
        return [cell for cell in cells if not cell.method.endswith("drops")]
"""
MODELS = """
    import gc
    import numpy as np
    import torch
    from torch import nn

    import harness

    class Honest:
        def __init__(self, problem):
            self.classes = len(problem.classes)

        def skip(self):
            return None

        def fit(self, train, val, context):
            context.report({"event": 3.0, "trees": 1.0})

        def predict(self, images):
            return {"label": np.eye(self.classes, dtype=np.float32)[[0] * len(images)]}

        def save(self, directory):
            pass

        def load(self, directory):
            pass

    Drops = Honest

    class Writes(Honest):
        def fit(self, train, val, context):
            val.labels[:] = 0

    class Unlocks(Honest):
        def fit(self, train, val, context):
            for part in (train, val):
                for array in (part.labels, part.has_mask, part.pixels):
                    array.setflags(write=True)
                    array[:] = 0

    class Peeks(Honest):
        def fit(self, train, val, context):
            from harness.training.batches import Part

            known = {*train.ids, *val.ids}
            opened = [held for held in gc.get_objects() if isinstance(held, Part)]
            if any(part.labels.any() for part in opened if set(part.ids) - known):
                raise harness.HarnessError("the test set is open")

    class Forges(Honest):
        def save(self, directory):
            path = directory.parent / "predictions-test.npz"
            with np.load(path) as stored:
                arrays = dict(stored)
            arrays["labels"] = arrays["probabilities"].argmax(axis=1)
            np.savez(path, **arrays)

    class Spoils(harness.TorchMethod):
        def build(self):
            features = 3 * self.problem.image_size**2
            return nn.Sequential(nn.Flatten(), nn.Linear(features, len(self.problem.classes)))

        def forward(self, module, images):
            return {"label": module(images)}

        def loss(self, outputs, batch):
            terms = super().loss(outputs, batch)
            # What autograd has saved is the method's own loss; .data is not watched.
            batch.targets["label"].data.zero_()
            batch.images.data.zero_()
            return terms

    def lists(predictions):
        return {"f1": 1.0}

    def rewrites(predictions):
        predictions.labels[:] = 0
        return 1.0
"""


class Run:
    """One run of all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        plugins = write_plugin(folder / "site", "cheat", LIGHT, MODELS)
        self.plugins = plugins
        quick = (*TINY, "--set", "probe_seconds=0.1", "--set", "image_size=32")
        self.words = ("--plugins", "cheat", *quick)
        self.done = harness("run", *self.words, cwd=folder, plugins=plugins)

    def cell(self, method: str) -> CellDirectory:
        (path,) = self.folder.glob(f"results/*/cells/cheat--{method}/*/*")
        return CellDirectory(path)

    def status(self, method: str) -> tuple[str, str]:
        status = self.cell(method).status
        assert status is not None
        return status["status"], status["reason"]

    def table(self) -> dict[str, int]:
        """Image -> label, as the study has recorded it."""
        (path,) = self.folder.glob("results/*/data/*.npz")
        with np.load(path) as table:
            return dict(zip(table["ids"].tolist(), table["labels"].tolist(), strict=True))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("cheat"))


def test_arrays_that_a_method_is_handed_are_read_only(run: Run) -> None:
    status, reason = run.status("writes")
    assert status == "failed"
    assert "read-only" in reason


@pytest.mark.parametrize("method", ["unlocks", "spoils", "honest"])
def test_what_a_method_writes_reaches_no_reference(run: Run, method: str) -> None:
    assert run.status(method) == ("ok", "")
    table = run.table()
    for part in ("val", "test"):
        file = run.cell(method).predictions(part)
        assert file.labels.tolist() == [table[name] for name in file.ids]


def test_what_a_method_writes_does_not_change_its_validation_score(run: Run) -> None:
    fitted = [
        next(line["val"] for line in run.cell(method).history if line["event"] == "fitted")
        for method in ("unlocks", "honest")
    ]
    assert fitted[0] == fitted[1]
    assert fitted[0]["primary"] < 0.5


def test_test_sets_are_opened_when_the_method_has_learned(run: Run) -> None:
    assert run.status("peeks") == ("ok", "")


def test_a_method_that_changes_its_prediction_file_has_failed(run: Run) -> None:
    status, reason = run.status("forges")
    assert status == "failed"
    assert "predictions-test.npz: labels differ for" in reason


def test_what_a_method_reports_is_figures_whatever_it_calls_them(run: Run) -> None:
    lines = [line for line in run.cell("honest").history if "trees" in line]
    assert lines == [{"event": "figures", "trees": 1.0}]


def test_metrics_that_fail_cost_their_values_and_are_named_in_the_table(run: Run) -> None:
    metrics = run.cell("honest").metrics
    assert metrics is not None
    assert metrics["test"]["label"]["lists"] is metrics["test"]["label"]["rewrites"] is None
    assert metrics["test"]["label"]["f1"] is not None
    assert len(metrics["test"]["classes_present"]) == 4
    table = harness("report", "results", cwd=run.folder, plugins=run.plugins).stdout
    assert "metric lists of plugin 'cheat'" in table
    assert "metric rewrites of plugin 'cheat'" in table


def test_scoring_again_says_the_same(run: Run) -> None:
    before = run.cell("honest").metrics
    done = harness("score", "results", cwd=run.folder, plugins=run.plugins)
    assert done.returncode == 0, done.stderr
    assert run.cell("honest").metrics == before


def test_cells_that_a_plugin_drops_are_counted(run: Run) -> None:
    said = "plugin 'cheat' dropped 1 of 7 cells (harness_select_cells)"
    assert f"note: {said}" in run.done.stderr
    (path,) = run.folder.glob("results/*/study.json")
    study = read_json(path)
    assert said in study["notes"]
    assert [Path(name).parts[1] for name in study["dropped"]["cheat"]] == ["cheat--drops"]
    done = harness("plan", *run.words, "--json", cwd=run.folder, plugins=run.plugins)
    planned: dict[str, Any] = json.loads(done.stdout)
    assert planned["dropped"] == {"cheat": 1}


def test_what_a_hook_does_to_its_cells_changes_none(run: Run) -> None:
    assert run.cell("honest").cell["seed"] == 0


@pytest.mark.parametrize("change", [{"seed": 5}, {"identity": {"seed": 5}}, {"hash": "0" * 64}])
def test_a_cell_whose_record_is_not_the_one_it_is_named_by_is_refused(
    run: Run, tmp_path: Path, change: dict[str, Any]
) -> None:
    from harness import run_cell

    cell = run.cell("honest")
    study = tmp_path / "study"
    moved = study / cell.path.relative_to(cell.path.parents[3])
    moved.mkdir(parents=True)
    record: dict[str, Any] = dict(cell.cell)
    for name, value in change.items():
        record[name] = {**record[name], **value} if isinstance(value, dict) else value
    write_json(moved / "cell.json", record)
    resources = Resources(device="cpu", threads=1, concurrent=False)
    assert run_cell(moved, resources, asked=0.0) == 1
    status = CellDirectory(moved).status
    assert status is not None
    assert status["status"] == "failed"
    assert "was changed after it was planned" in status["reason"]


def forged(run: Run) -> Path:
    """The honest cell's predictions, with another label."""
    path = run.cell("honest").path / "predictions-test.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["labels"] = (arrays["labels"] + 1) % 4
    np.savez(path, **arrays)
    return path


def test_a_report_believes_no_prediction_file_with_other_labels(run: Run) -> None:
    path = run.cell("honest").path / "predictions-test.npz"
    kept = path.read_bytes()
    forged(run)
    try:
        for verb in ("report", "status", "score"):
            done = harness(verb, "results", cwd=run.folder, plugins=run.plugins)
            assert done.returncode == 1, done.stderr
            assert "predictions-test.npz: labels differ for 16 images" in " ".join(
                (done.stdout + done.stderr).split()
            )
    finally:
        path.write_bytes(kept)
