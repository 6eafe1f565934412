"""Pages of studies that are unlike any usual one: odd names, odd values, records that lie."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import HarnessError
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sources import Films
from harness.report.page.page import Asked, page_html
from harness.report.table.rows import rows
from harness.results.rundir import find_cells
from tests.builders import CLASSES, make_cell, metric_specs
from tests.cli_tools import ROOT, harness, inside
from tests.page_reader import Page
from tests.studies import classifier, segmenter, whole_study


def no_films(record: Any) -> Any:
    raise HarnessError("/home/alice/films/JohnDoe.png is not there")


def page(study: Path) -> Page:
    asked = Asked(films=Films(open=no_films, shown=lambda name: False))
    return Page(page_html(rows(find_cells(study)), metric_specs(), asked))


def test_methods_of_one_name_and_several_weights_stay_apart(tmp_path: Path) -> None:
    for order, (digest, right) in enumerate((("a" * 64, 0.9), ("b" * 64, 0.4))):
        cell = classifier(tmp_path, "x/net", right, order=order, code=digest)
        record = dict(cell.cell)
        start = {"kind": "directory", "card": None, "digest": digest, "files": []}
        record["identity"] = {**record["identity"], "weights": start}
        record["weights"] = start
        cell.write_cell(record)
    found = page(tmp_path)
    names = ["x/net [directory weights aaaaaaaa]", "x/net [directory weights bbbbbbbb]"]
    for name in ("roc-classification", "learning-loss-classification", "confusion-classification"):
        (records,) = found.articles[name].files.values()
        assert sorted({record["method"] for record in records}) == names


def test_the_best_epoch_of_a_metric_that_is_better_lower_is_its_lowest(tmp_path: Path) -> None:
    cell = classifier(tmp_path, "x/net", 0.8)
    metrics = json.loads((cell.path / "metrics.json").read_text())
    metrics["test"]["primary_higher_is_better"] = False
    (cell.path / "metrics.json").write_text(json.dumps(metrics))
    (cell.path / "history.jsonl").unlink()
    for epoch, value in enumerate((0.7, 0.3, 0.5), start=1):
        cell.append_history(
            {"event": "epoch", "epoch": epoch, "stage": "train", "loss": 1.0, "train_seconds": 1.0,
             "val": {"primary": value}}
        )  # fmt: skip
    (table,) = page(tmp_path).articles["learning-validation-classification"].tables
    assert table[1] == ["x/net", "0.7000", "0.3000", "2", "0.5000"]


@pytest.mark.parametrize("value", [1e17, -1e308, 1.5, -0.5, None])
def test_values_that_no_axis_can_show_are_in_the_table(tmp_path: Path, value: float | None) -> None:
    for index in range(3):
        cell = classifier(tmp_path, f"x/net_{index}", 0.8, order=index)
        metrics = json.loads((cell.path / "metrics.json").read_text())
        metrics["test"]["label"]["f1"] = metrics["test"]["primary"] = value
        (cell.path / "metrics.json").write_text(json.dumps(metrics))
    (table,) = page(tmp_path).articles["leaderboard-classification"].tables
    assert len(table) == 4


def test_a_class_that_is_called_like_a_column_keeps_its_column(tmp_path: Path) -> None:
    cell = classifier(tmp_path, "x/net", 0.8)
    metrics = json.loads((cell.path / "metrics.json").read_text())
    metrics["test"]["recall_per_class"] = {"method": 0.25, **dict.fromkeys(CLASSES, 0.5)}
    (cell.path / "metrics.json").write_text(json.dumps(metrics))
    (records,) = page(tmp_path).articles["recall-classification"].files.values()
    assert records[0]["method"] == "x/net"
    assert records[0]["recall.method"] == "0.25"


def test_a_page_of_many_classes_stays_small(tmp_path: Path) -> None:
    names = [f"class {index:03}" for index in range(300)]
    labels = np.random.default_rng(0).integers(0, 300, 600).tolist()
    cell = make_cell(tmp_path, "x/net", label={"f1": 0.5}, present=names)
    record = dict(cell.cell)
    record["dataset"] = {**record["dataset"], "classes": names}
    cell.write_cell(record)
    metrics = json.loads((cell.path / "metrics.json").read_text())
    metrics["test"]["classes"] = metrics["test"]["classes_present"] = names
    (cell.path / "metrics.json").write_text(json.dumps(metrics))
    file = cell.predictions("test")
    probabilities = np.random.default_rng(1).dirichlet(np.ones(300), 600).astype(np.float32)
    cell.write_predictions(
        "test",
        replace(
            file,
            ids=tuple(map(str, range(600))),
            labels=np.array(labels),
            classes=tuple(names),
            probabilities=probabilities / probabilities.sum(axis=1, keepdims=True),
        ),
    )
    asked = Asked(films=Films(open=no_films, shown=lambda name: False))
    html = page_html(rows(find_cells(tmp_path)), metric_specs(), asked)
    assert "300 classes are too many to draw" in html
    assert len(html) < 5e6


def test_no_folder_and_no_name_of_a_film_is_on_a_page(tmp_path: Path) -> None:
    study = tmp_path / "study"
    segmenter(study, "segmentation/unet", 0.9, split_notes=["1 bad file is left out: i/p0_3.png"])
    make_cell(study, "x/lost", status="failed", reason="OSError: /home/alice/JohnDoe.dcm is gone")
    (study / "study.toml").write_text('data_root = "/home/alice/films"\nout = "~/results"\n')
    text = page(study).text
    for hidden in ("alice", "JohnDoe", "p0_3", str(tmp_path)):
        assert hidden not in text
    assert 'data_root = "…"' in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a /home/x/y.png: no", "a …: no"),
        ("3/4 of 12 / 7 images", "3/4 of 12 / 7 images"),
        ("supervised/swin_b, CPU min/epoch", "supervised/swin_b, CPU min/epoch"),
        ("left out: i/p 3.png, q.dcm", "left out: i/p …, …"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("~/films", "…"),
    ],
)
def test_paths_are_told_from_other_words_with_slashes(text: str, shown: str) -> None:
    assert without_paths(text) == shown


def test_a_report_runs_nothing_that_a_record_names(tmp_path: Path) -> None:
    study = tmp_path / "results" / "s"
    whole_study(study)
    for cell in find_cells(study):
        record = dict(cell.cell)
        record["dataset"] = {
            **record["dataset"],
            "factory": "subprocess:run",
            "root": "/bin/sh",
            "params": {"input": f"touch {tmp_path / 'ran'}", "text": True},
        }
        cell.write_cell(record)
    done = inside("report", "--html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    study = tmp_path / "results" / "s"
    whole_study(study)
    (tmp_path / "mine.txt").write_text("mine")
    for target in (tmp_path / "mine.txt", "report.html"):
        (study / "report.html").unlink(missing_ok=True)
        (study / "report.html").symlink_to(target)
        done = inside("report", "--html", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert not (study / "report.html").is_symlink()
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_study_may_have_a_name_that_is_not_text(tmp_path: Path) -> None:
    study = tmp_path / os.fsdecode(b'st\xff<b>"')
    whole_study(study)
    done = inside("report", str(study), "--html", "--output", "p.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_the_page_costs_a_run_its_page_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import harness.report.page.template_file as t\n"
        "def rendered(page): raise ZeroDivisionError('no')\n"
        "t.rendered = rendered\n"
    )
    path = os.pathsep.join(map(str, (broken, ROOT, ROOT / "plugins")))
    done = harness(
        "run", "--plugins", "baselines/pixels", "--set", "train_images=32", cwd=tmp_path,
        env={"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "report.html was not written: ZeroDivisionError: no" in done.stderr
    assert "1 method ran" in done.stdout
    assert "Page" not in done.stdout
