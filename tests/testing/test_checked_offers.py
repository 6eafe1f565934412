"""Promises of datasets, metrics, tasks, executors and loggers: what breaks one is caught by its
check, and by no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.discovery.registry import Entry, Plugins, discover
from harness.specs import (
    DatasetSpec,
    ExecutorSpec,
    LoggerSpec,
    MetricSpec,
    TargetSpec,
    TaskSpec,
)
from harness.testing.checks.check import Check
from harness.testing.checks.datasets import dataset_checks
from harness.testing.checks.executors import executor_checks
from harness.testing.checks.loggers import logger_checks
from harness.testing.checks.metrics import metric_checks
from harness.testing.checks.tasks import task_checks
from harness.testing.perform import not_worth_it, perform

MODULE = "tests.testing.broken_offers"


@pytest.fixture(scope="module")
def installed() -> Plugins:
    return discover()


def verdicts(checks: Iterable[Check]) -> dict[str, tuple[str, str]]:
    """Promise -> verdict and what was seen, of every check that is worth making."""
    found, by_id = {}, dict[str, str]()
    for check in checks:
        if not not_worth_it(check, by_id):
            outcome = perform(check)
            by_id[check.id] = outcome.verdict
            found[check.promise.name] = outcome.verdict, outcome.seen
    return found


def expect(checks: Iterable[Check], promise: str | None, seen: str = "") -> None:
    """The promise is broken and no other is; None: all hold, and none is left out."""
    found = verdicts(checks)
    wrong = {name: text for name, (verdict, text) in found.items() if verdict != "passed"}
    assert list(wrong) == ([] if promise is None else [promise]), wrong
    if promise is not None:
        assert found[promise][0] == "failed"
        assert seen in wrong[promise]


@pytest.mark.parametrize(
    ("name", "promise", "seen"),
    [
        ("Films", None, ""),
        ("NoDataset", "opens", "returned NoDataset, which lacks one of samples, fingerprint"),
        ("Twins", "opens", "names an image twice"),
        ("OtherFingerprint", "fingerprint", "opened twice, it has the fingerprints"),
        ("Colours", "images", "image(0) has shape [20, 30, 3]"),
        ("Floats", "images", "image(0) is of type float64"),
        ("SmallMasks", "masks", "mask(0) has shape [8, 8], and mask_size is 16"),
        ("OneBuffer", "threads", "differs when several threads read"),
        ("Heavy", "without-torch", "imports torch at"),
    ],
)
def test_datasets(name: str, promise: str | None, seen: str) -> None:
    spec = DatasetSpec(
        name="films", factory=f"{MODULE}_light:{name}", summary="Films", needs_root=False
    )
    expect(dataset_checks(spec, {}), promise, seen)


def test_a_dataset_that_needs_a_folder_and_has_none_is_skipped(tmp_path: Path) -> None:
    spec = DatasetSpec(name="films", factory=f"{MODULE}_light:Films", summary="Films")
    found = verdicts(dataset_checks(spec, {}))
    assert found["opens"] == ("skipped", "it needs a folder: --data-root films=DIR")
    expect(dataset_checks(spec, {"films": tmp_path}), None)
    expect(dataset_checks(spec, {"": tmp_path}), None)


@pytest.mark.parametrize(
    ("name", "kind", "promise", "seen"),
    [
        ("accuracy", "classes", None, ""),
        ("area", "binary-mask", None, ""),
        ("over_absent", "classes", "value", "returned nan on the predictions in which a class is"),
        ("writes", "classes", "writes-nothing", "has written to its argument"),
        ("draws", "classes", "writes-nothing", "of the same predictions"),
        ("imports_torch", "classes", "without-torch", "imports torch at"),
    ],
)
def test_metrics(name: str, kind: str, promise: str | None, seen: str) -> None:
    spec = MetricSpec(
        name=name, kind=kind, function=f"{MODULE}_light:{name}", label="metric", summary="A metric"
    )
    expect(metric_checks(spec), promise, seen)


@pytest.mark.parametrize(
    ("loss", "primary", "promise", "seen"),
    [
        ("harness.tasks.losses:cross_entropy", "label.f1", None, ""),
        (f"{MODULE}:per_sample", "label.f1", "losses", "returned a Tensor of shape [8]"),
        (f"{MODULE}:detached", "label.f1", "losses", "returned a tensor without a gradient"),
        (f"{MODULE}:over_pairs", "label.f1", "losses", "of 1 samples returned nan"),
        ("harness.tasks.losses:cross_entropy", "label.f2", "description", "no plugin offers (did"),
    ],
)
def test_tasks(loss: str, primary: str, promise: str | None, seen: str, installed: Plugins) -> None:
    target = TargetSpec(name="label", kind="classes", loss=loss, activation="softmax")
    spec = TaskSpec(name="grading", summary="Grades", targets=(target,), primary=(primary,))
    expect(task_checks(spec, installed), promise, seen)


@pytest.mark.parametrize(
    ("name", "promise", "seen"),
    [
        ("Spawn", None, ""),
        ("RunsNothing", "runs-a-cell", "its process ended with code 0 and left no status"),
        ("Unkillable", "kills-a-cell", "although it was killed"),
    ],
)
def test_executors(name: str, promise: str | None, seen: str, installed: Plugins) -> None:
    spec = ExecutorSpec(name="spawn", factory=f"{MODULE}:{name}", summary="An executor")
    plugins = replace(installed, executors={**installed.executors, "spawn": Entry("tests", spec)})
    expect(executor_checks(spec, plugins), promise, seen)


@pytest.mark.parametrize(
    ("name", "promise", "seen"),
    [
        ("Notes", None, ""),
        ("Raises", "logs-a-cell", "harness_cell_start of plugin 'tests' failed: RuntimeError"),
        ("NeedsAStart", "logs-again", "harness_cell_finish of plugin 'tests' failed: KeyError"),
    ],
)
def test_loggers(name: str, promise: str | None, seen: str, installed: Plugins) -> None:
    spec = LoggerSpec(name="notes", factory=f"{MODULE}:{name}", summary="A logger")
    plugins = replace(installed, loggers={**installed.loggers, "notes": Entry("tests", spec)})
    expect(logger_checks(spec, plugins), promise, seen)
