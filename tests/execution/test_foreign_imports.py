"""A third party's modules are imported in their own cells only: whatever one does to the process,
the predictions of all other cells stay as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli_tools import TINY, harness, write_plugin

OTHERS = ("baselines/pixels", "supervised/convnext_base")
LIGHT = """
    import os
    import signal

    import harness

    HARNESS_API = 1
    os.environ["CXR_HARNESS_CACHE"] = "/nowhere"
    os.environ["KMP_BLOCKTIME"] = "9"
    os.chdir("/")
    os.umask(0o777)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @harness.hookimpl
    def harness_methods():
        yield harness.MethodSpec(
            name="wide",
            factory="harness_stranger_models:Wide",
            task="classification",
            family="strange",
            summary="Changes the process while it is imported",
        )

    @harness.hookimpl
    def harness_metrics():
        yield harness.MetricSpec(
            name="strange",
            kind="classes",
            function="harness_stranger_metric:strange",
            label="strange",
            summary="Changes the process while it is imported",
        )

    @harness.hookimpl
    def harness_session_start(directory, cells):
        os.environ["CXR_HARNESS_CACHE"] = "/elsewhere"
        os.chdir("/")
        for cell in cells:
            cell.record["seed"] = 7
            cell.record["protocol"]["epochs"] = 9

    @harness.hookimpl
    def harness_cell_start(cell):
        cell.record["seed"] = 8
"""
SPOILS = """
    import os

    import numpy as np
    import sklearn.linear_model
    import torch

    torch.set_default_dtype(torch.float64)
    fit = sklearn.linear_model.LogisticRegression.fit

    def shifted(self, features, labels, **more):
        return fit(self, features, np.roll(labels, 1), **more)

    sklearn.linear_model.LogisticRegression.fit = shifted
    os.chdir("/")
"""
MODELS = (
    SPOILS
    + """
    class Wide:
        def __init__(self, problem):
            self.classes = len(problem.classes)

        def skip(self):
            return None

        def fit(self, train, val, context):
            print("here", os.environ["CXR_HARNESS_CACHE"], os.environ["KMP_BLOCKTIME"])

        def predict(self, images):
            return {"label": np.full((len(images), self.classes), 1 / self.classes)}

        def save(self, directory):
            pass

        def load(self, directory):
            pass
"""
)
METRIC = (
    SPOILS
    + """
    def strange(predictions):
        return 0.5
"""
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of two runs of the same methods: without the stranger, and with it."""
    alone = tmp_path_factory.mktemp("alone")
    beside = tmp_path_factory.mktemp("beside")
    quick = (*TINY, "--set", "probe_seconds=0.1", "--set", "image_size=32")
    done = harness("run", "--plugins", ",".join(OTHERS), *quick, cwd=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    site = write_plugin(beside / "site", "stranger", LIGHT, MODELS)
    write_plugin(beside / "other", "metric", METRIC)
    (beside / "other" / "harness_metric.py").rename(site / "harness_stranger_metric.py")
    done = harness("run", "--plugins", ",".join((*OTHERS, "stranger")), *quick, cwd=beside,
                   plugins=site)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (beside / "said.txt").write_text(done.stderr)
    return alone, beside


def predictions(folder: Path, method: str) -> dict[str, bytes]:
    """By cell and file."""
    cells = folder.glob(f"results/*/cells/{method.replace('/', '--')}/*/*/predictions-*.npz")
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in cells}


@pytest.mark.parametrize("method", OTHERS)
def test_other_cells_predict_the_same_bytes_beside_a_strangers_modules(
    runs: tuple[Path, Path], method: str
) -> None:
    alone, beside = (predictions(folder, method) for folder in runs)
    assert len(alone) == 2
    assert alone == beside


@pytest.mark.parametrize("method", OTHERS)
def test_other_metrics_are_the_same_beside_a_strangers_metric(
    runs: tuple[Path, Path], method: str
) -> None:
    found = []
    for folder in runs:
        (path,) = folder.glob(f"results/*/cells/{method.replace('/', '--')}/*/*/metrics.json")
        found.append(json.loads(path.read_text()))
    alone, beside = found
    assert beside["test"]["label"].pop("strange") == 0.5
    beside["val"]["label"].pop("strange")
    assert alone == beside


def test_progress_says_whose_module_is_imported(runs: tuple[Path, Path]) -> None:
    said = (runs[1] / "said.txt").read_text()
    assert "stranger/wide  importing harness_stranger_models of plugin stranger" in said
    assert "importing harness_stranger_metric of plugin stranger" in said


def test_cells_get_the_environment_that_the_command_was_given(runs: tuple[Path, Path]) -> None:
    (log,) = runs[1].glob("results/*/cells/stranger--wide/*/*/log.txt")
    (line,) = [text for text in log.read_text().splitlines() if text.startswith("here")]
    assert line == f"here {os.environ['CXR_HARNESS_CACHE']} 0"


def test_what_a_hook_does_to_its_cells_changes_none(runs: tuple[Path, Path]) -> None:
    (path,) = runs[1].glob("results/*/cells/baselines--pixels/*/*/cell.json")
    record = json.loads(path.read_text())
    assert (record["seed"], record["protocol"]["epochs"]) == (0, 1)
