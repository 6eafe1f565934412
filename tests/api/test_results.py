"""``harness.run`` and ``harness.load``: studies from Python, and what they have left."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

import harness
from tests.cli_tools import TINY, environment
from tests.cli_tools import harness as command

QUICK = {"epochs": 1, "train_images": 32, "test_images": 16}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("python")


@pytest.fixture(scope="module")
def results(folder: Path) -> harness.Results:
    return harness.run(
        ["baselines", "segmentation/unet"], set=QUICK, out=folder, seeds=0, progress=False
    )


def cell(results: harness.Results, method: str) -> harness.Cell:
    (found,) = (cell for cell in results if cell.method == method)
    return found


def test_every_cell_is_there_with_its_status(results: harness.Results) -> None:
    assert {cell.method: cell.status for cell in results} == {
        "baselines/majority": "ok",
        "baselines/pixels": "ok",
        "segmentation/unet": "ok",
    }
    assert len(results) == len({cell.key for cell in results}) == 3
    assert repr(results) == "<Results: 3 ok>"


def test_a_run_from_python_is_the_run_of_the_command(
    results: harness.Results, tmp_path: Path
) -> None:
    done = command("run", "--plugins", "baselines", *TINY, "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for one in harness.load(tmp_path / "results"):
        same = cell(results, one.method)
        assert one.key == same.key
        file = "predictions-test.npz"
        assert (one.directory / file).read_bytes() == (same.directory / file).read_bytes()


def test_predictions_of_classes_are_arrays_in_one_order(results: harness.Results) -> None:
    found = cell(results, "baselines/pixels").predictions("test")
    assert len(found) == 16 == len(set(found.ids))
    assert found.probabilities is not None
    assert found.probabilities.shape == (16, len(found.classes))
    assert np.array_equal(found.predicted, found.probabilities.argmax(axis=1))
    accuracy = cell(results, "baselines/pixels").metrics["test"]["label"]["accuracy"]
    assert accuracy == pytest.approx((found.predicted == found.labels).mean())
    assert found.masks is None


def test_predictions_of_masks_are_images(results: harness.Results) -> None:
    found = cell(results, "segmentation/unet").predictions("test")
    assert found.masks is not None
    assert (found.masks.shape, found.masks.dtype) == ((16, 128, 128), np.bool_)
    assert found.has_mask is not None
    assert found.has_mask.all()
    assert found.probabilities is found.predicted is None


def test_a_set_that_was_not_predicted_is_an_error_that_names_those_that_were(
    results: harness.Results,
) -> None:
    with pytest.raises(harness.HarnessError, match=r"no predictions of the set 'tset'; sets: test"):
        cell(results, "baselines/pixels").predictions("tset")


def test_history_has_a_record_for_each_epoch(results: harness.Results) -> None:
    (epoch,) = cell(results, "segmentation/unet").history()
    assert (epoch["epoch"], epoch["images"]) == (1, 32)
    assert cell(results, "baselines/pixels").history() == []


def test_timing_is_that_of_the_cell(results: harness.Results) -> None:
    timing = cell(results, "segmentation/unet").timing
    assert timing is not None
    assert timing["epochs"] == 1


def test_loaded_results_are_those_of_the_run(results: harness.Results, folder: Path) -> None:
    loaded = harness.load(folder)
    assert {cell.key for cell in loaded} == {cell.key for cell in results}
    assert loaded.report() == results.report()
    assert loaded.cells[0].record == results.cells[0].record


def test_one_cell_can_be_loaded_from_its_folder(results: harness.Results) -> None:
    (one,) = harness.load(results.cells[0].directory)
    assert one.key == results.cells[0].key


def test_the_frame_has_the_values_of_the_csv(results: harness.Results, tmp_path: Path) -> None:
    frame = results.frame()
    written = list(csv.DictReader(io.StringIO(results.report(format="csv"))))
    assert list(frame.columns) == list(written[0])
    assert {"study", "fingerprint", "split", "root"} <= set(frame.columns)
    assert list(frame["method"]) == [row["method"] for row in written]
    shown = [float(row["label.f1"]) if row["label.f1"] else np.nan for row in written]
    assert np.array_equal(frame["label.f1"].astype(float), shown, equal_nan=True)
    assert isinstance(frame, pd.DataFrame)


def test_a_frame_without_pandas_says_what_to_install(
    results: harness.Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(harness.HarnessError, match=r"pip install 'cxr-harness\[pandas\]'"):
        results.frame()


@pytest.mark.parametrize(
    ("name", "begins"),
    [("t.md", "### "), ("t.csv", "method,"), ("t.json", "{"), ("t.html", "<h3>")],
)
def test_a_report_is_written_in_the_format_of_its_suffix(
    results: harness.Results, tmp_path: Path, name: str, begins: str
) -> None:
    text = results.report(tmp_path / name)
    assert text.startswith(begins)
    assert (tmp_path / name).read_bytes() == text.encode()


def test_a_workbook_is_written_and_the_report_returned_as_text(
    results: harness.Results, tmp_path: Path
) -> None:
    assert results.report(tmp_path / "t.xlsx") == results.report()
    assert load_workbook(tmp_path / "t.xlsx").sheetnames[-1] == "Notes"


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("t.md", "csv", r"path .*t\.md: \.md is the suffix of markdown, and format says csv"),
        ("t.pdf", None, r"no format has the suffix \.pdf"),
        ("t.csv", "exel", r"no format 'exel'"),
        (None, "xlsx", r"format xlsx needs a file: path NAME\.xlsx"),
    ],
)
def test_a_format_that_cannot_be_meant_writes_nothing(
    results: harness.Results, tmp_path: Path, name: str | None, form: str | None, said: str
) -> None:
    with pytest.raises(harness.HarnessError, match=said):
        results.report(None if name is None else tmp_path / name, format=form)
    assert list(tmp_path.iterdir()) == []


def test_a_report_has_the_columns_rows_and_order_that_are_asked_for(
    results: harness.Results,
) -> None:
    text = results.report(
        format="csv", columns=["method"], sort="method", filters=["task=classification"]
    )
    assert text.split() == ["method", "baselines/majority", "baselines/pixels"]


def test_a_notebook_shows_the_report_as_html(results: harness.Results) -> None:
    shown = results._repr_html_()
    assert shown.count("<table>") == 2
    assert '<td style="text-align: left">baselines/pixels</td>' in shown
    assert "<li>Ranked by F1.</li>" in shown


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sets": {"epochs": 1}}, r"no study key 'sets' \(did you mean 'set'\?\); keys: plugins"),
        ({"set": 3}, r"set = 3: expected a dict"),
        ({"skip_bad": "yes"}, r'skip_bad = "yes": expected true or false'),
        ({"seeds": [0, True]}, r"seeds = \[0, true\]: expected a number"),
        ({"plugins": "nothing"}, r"pattern 'nothing' matches no method"),
        ({"keep_checkpoints": "some"}, r"'some': use one of none, best, all"),
        ({"jobs": 0}, r"--jobs 0: give a whole number from 1"),
        ({"timeout": -1}, r"--timeout -1: give seconds, more than 0"),
    ],
)
def test_bad_input_is_one_sentence(keys: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(harness.HarnessError, match=said):
        harness.run(**{"plugins": "baselines", "out": tmp_path, "progress": False, **keys})
    assert list(tmp_path.iterdir()) == []


def test_folders_without_a_run_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(harness.HarnessError, match="holds no run"):
        harness.load(tmp_path)
    with pytest.raises(harness.HarnessError, match="no such folder"):
        harness.load(tmp_path / "nowhere")


def test_a_study_file_is_run_and_keywords_win_over_it(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'plugins = "all"\nout = "here"\n[set]\nepochs = 1\ntrain_images = 8\ntest_images = 8\n'
    )
    found = harness.run("baselines/majority", study=file, set={"train_images": 16}, progress=False)
    (only,) = found
    assert only.directory.is_relative_to(tmp_path / "here")
    used = only.record["protocol"]
    assert (used["train_images"], used["test_images"]) == (16, 8)


def test_a_mistake_in_a_study_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('plugins = "baselines"\n[set]\nepochs = 1\nbatch_size = 0\n')
    with pytest.raises(harness.HarnessError, match=r"study.toml, line 4 \(set.batch_size\): "):
        harness.run(study=file, out=tmp_path, progress=False)
    with pytest.raises(harness.HarnessError, match=r"^(?!.*study.toml)"):
        harness.run(study=file, out=tmp_path, set={"batch_size": -1}, progress=False)


def test_a_damaged_cell_says_so_and_the_others_are_there(tmp_path: Path) -> None:
    harness.run("baselines", set=QUICK, out=tmp_path, progress=False)
    first, _ = harness.load(tmp_path)
    (first.directory / "cell.json").write_text("{")
    damaged, whole = harness.load(tmp_path)
    assert (damaged.status, whole.status) == ("damaged", "ok")
    assert damaged.method == first.method
    assert str(first.directory / "cell.json") in damaged.reason


SCRIPT = """
import harness
for seed in (0, 1):
    found = harness.run("baselines/majority", seeds=seed, set={"train_images": 8, "test_images": 8})
    print(repr(found))
"""


def test_a_script_needs_no_guard_and_nothing_but_its_own_words_go_to_stdout(
    tmp_path: Path,
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "<Results: 1 ok>\n" * 2), done.stderr
    assert done.stderr == ""


def test_python_m_harness_is_the_command(tmp_path: Path) -> None:
    (tmp_path / "select.py").write_text("raise RuntimeError('not this one')\n")
    words = [sys.executable, "-m", "harness", "plugins"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "baselines/pixels" in done.stdout
