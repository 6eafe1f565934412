"""``harness run`` from the command to the table, on made-up and on real images."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.provenance import RESULTS_VERSION
from tests import results_version
from tests.cli_tools import TINY, harness, inside
from tests.trees import make_tree

MINI = os.environ.get("HARNESS_RADIOGRAPHY_MINI")
STRATEGIES = ("full", "freeze8", "linear", "lpft")
METHODS = {
    *(f"ssl/{name}@{s}" for name in ("dinov2_base", "beitv2_base") for s in STRATEGIES),
    *(f"clip/vit_l14@{name}" for name in ("photo", "short", "signs", "findings", "ensemble")),
    "supervised/convnext_base",
    "supervised/densenet161",
    "supervised/efficientnet_lite0",
    "supervised/efficientnet_v2_l",
    "supervised/resnext101_64x4d",
    "supervised/swin_b",
    "supervised/vit_b_16",
    "segmentation/deeplabv3",
    "segmentation/deeplabv3plus",
    "segmentation/fpn",
    "segmentation/linknet",
    "segmentation/manet",
    "segmentation/pan",
    "segmentation/pspnet",
    "segmentation/unet",
    "segmentation/unetplusplus",
    "multitask/unet_multitask",
    "multitask/unet_resnet50_aux",
    "baselines/majority",
    "baselines/pixels",
}
"""26 trained networks, 5 zero-shot, 2 baselines."""


SMALL_PARAMETERS = {
    "ssl/dinov2_base@full": (652_100, 652_100),
    "ssl/dinov2_base@freeze8": (4 * 50_112 + 128 + 260, 652_100),
    "ssl/dinov2_base@linear": (260, 652_100),
    "ssl/dinov2_base@lpft": (652_100, 652_100),
    "ssl/beitv2_base@full": (651_492, 651_492),
    "ssl/beitv2_base@freeze8": (200_996, 651_492),
    "ssl/beitv2_base@linear": (260, 651_492),
    "ssl/beitv2_base@lpft": (651_492, 651_492),
    "supervised/convnext_base": (670_972, 670_972),
    "supervised/densenet161": (310_324, 310_324),
    "supervised/efficientnet_lite0": (3_376_132, 3_376_132),
    "supervised/efficientnet_v2_l": (373_952, 373_952),
    "supervised/resnext101_64x4d": (1_107_140, 1_107_140),
    "supervised/swin_b": (373_449, 373_449),
    "supervised/vit_b_16": (216_900, 216_900),
    "segmentation/deeplabv3": (632_733, 632_733),
    "segmentation/deeplabv3plus": (534_957, 534_957),
    "segmentation/fpn": (694_781, 694_781),
    "segmentation/linknet": (545_429, 545_429),
    "segmentation/manet": (1_247_025, 1_247_025),
    "segmentation/pan": (538_580, 538_580),
    "segmentation/pspnet": (96_173, 96_173),
    "segmentation/unet": (742_853, 742_853),
    "segmentation/unetplusplus": (1_112_389, 1_112_389),
    "multitask/unet_multitask": (490_813, 490_813),
    "multitask/unet_resnet50_aux": (743_369, 743_369),
}
"""Trainable and all parameters of the quick preset's small members, with 4 classes."""


def records(folder: Path, name: str) -> dict[str, Any]:
    """Method id -> the JSON file ``name`` of its cell."""
    return {
        json.loads((path.parent / "cell.json").read_text())["id"]: json.loads(path.read_text())
        for path in folder.rglob(f"cells/*/*/*/{name}")
    }


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All bundled methods on the embedded dataset: (folder, printed screen)."""
    folder = tmp_path_factory.mktemp("phantom")
    done = harness("run", "--plugins", "all", *TINY, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_every_method_ends_ok(phantom: tuple[Path, str]) -> None:
    statuses = {m: s["status"] for m, s in records(phantom[0], "status.json").items()}
    assert statuses == dict.fromkeys(METHODS, "ok")


def test_results_are_those_of_the_results_version(phantom: tuple[Path, str]) -> None:
    expected = json.loads(results_version.FILE.read_text())
    assert not results_version.differences(
        results_version.numbers(phantom[0]), expected["numbers"]
    ), results_version.RAISE
    assert expected["results_version"] == RESULTS_VERSION


def test_the_table_names_every_method_and_metric(phantom: tuple[Path, str]) -> None:
    table = inside("report", "results", cwd=phantom[0]).stdout
    for words in (*METHODS, "F1", "AUROC", "MCC", "Dice", "IoU", "min/", "latency", "random"):
        assert words in table


def test_the_screen_of_all_methods_fits(phantom: tuple[Path, str]) -> None:
    lines = phantom[1].splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("33 methods ran · ")


def test_predictions_cover_the_test_part_and_metrics_are_between_0_and_1(
    phantom: tuple[Path, str],
) -> None:
    cells, metrics = records(phantom[0], "cell.json"), records(phantom[0], "metrics.json")
    for method, scores in metrics.items():
        assert scores["test"]["images"] == cells[method]["data"]["test"]["images"] == 16
        assert 0 <= scores["test"]["primary"] <= 1
        if scores["test"]["mask"] is not None:
            assert 0 < scores["test"]["mask"]["dice_soft"] < 1


def test_every_trained_method_trains_the_epochs_of_the_protocol(phantom: tuple[Path, str]) -> None:
    timings = records(phantom[0], "timing.json")
    assert {m: timings[m]["epochs"] for m in SMALL_PARAMETERS} == dict.fromkeys(SMALL_PARAMETERS, 1)
    for method in SMALL_PARAMETERS:
        assert sum(stage["epochs"] for stage in timings[method]["stages"]) == 1


def test_the_validation_predictions_are_those_of_the_best_epoch(phantom: tuple[Path, str]) -> None:
    metrics = records(phantom[0], "metrics.json")
    for path in phantom[0].rglob("cells/*/*/*/history.jsonl"):
        method = json.loads((path.parent / "cell.json").read_text())["id"]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        ends = [line["val"] for line in lines if line["event"] in ("epoch", "fitted")]
        if method.startswith("clip/"):
            assert not ends, method
            continue
        assert ends, method
        assert metrics[method]["val"]["primary"] == pytest.approx(ends[-1]["primary"], abs=1e-6)
        assert ("loss" in ends[-1]) == (method in SMALL_PARAMETERS)


def test_trainable_and_all_parameters_are_those_of_the_list(phantom: tuple[Path, str]) -> None:
    """A block of the small ViT has 50,112 parameters: 256 of norms, 12,480 of queries, keys and
    values, 4,160 of the projection, 33,088 of two layers, 128 of layer scales. ``freeze8`` trains
    four of them, the last norm (128) and the head (260); ``linear`` the head."""
    found = {
        method: (timing["parameters_trainable"], timing["parameters_total"])
        for method, timing in records(phantom[0], "timing.json").items()
    }
    others = {method: (0, 356_033) for method in METHODS if method.startswith("clip/")}
    others |= {"baselines/majority": (None, None), "baselines/pixels": (None, None)}
    assert found == SMALL_PARAMETERS | others


def test_a_second_run_trains_nothing_and_prints_the_same_screen(phantom: tuple[Path, str]) -> None:
    folder, screen = phantom
    stamps = {p: p.stat().st_mtime_ns for p in folder.rglob("predictions-*.npz")}
    again = harness("run", "--plugins", "all", *TINY, cwd=folder)
    assert again.returncode == 0
    assert again.stdout.startswith("33 methods kept · ")
    assert again.stdout.splitlines()[1:] == screen.splitlines()[1:]
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("predictions-*.npz")} == stamps


def test_score_recomputes_the_same_metrics(phantom: tuple[Path, str]) -> None:
    folder, _ = phantom
    before = records(folder, "metrics.json")
    for path in folder.rglob("metrics.json"):
        path.unlink()
    done = harness("score", "results", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert records(folder, "metrics.json") == before


def test_report_prints_the_table_again_and_as_json(phantom: tuple[Path, str]) -> None:
    folder, _ = phantom
    table = harness("run", "--plugins", "all", *TINY, "--quiet", cwd=folder).stdout
    text = harness("report", "results", cwd=folder)
    assert text.returncode == 0
    assert text.stdout.strip() in table
    value = json.loads(harness("report", "results", "--format", "json", cwd=folder).stdout)
    assert {row["method"] for s in value["sections"] for row in s["rows"]} == METHODS
    markdown = harness("report", "results", "--format", "markdown", cwd=folder).stdout
    assert markdown.startswith("### ")


def test_status_and_plan_tell_that_all_is_finished(phantom: tuple[Path, str]) -> None:
    folder, _ = phantom
    assert "33 ok" in harness("status", "results", cwd=folder).stdout
    planned = harness("plan", "--plugins", "all", *TINY, cwd=folder).stdout
    assert "33 cells in results/phantom-quick: 33 finished" in planned


def test_plan_runs_and_writes_nothing(tmp_path: Path) -> None:
    done = harness(
        "plan", "--plugins", "all", "--seeds", "0,1", "--fractions", "0.5,1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "132 cells" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_adding_a_method_changes_no_other_cell(phantom: tuple[Path, str]) -> None:
    alone = harness("plan", "--plugins", "baselines/pixels", *TINY, cwd=phantom[0]).stdout
    assert "finished" in alone


def test_the_same_seed_gives_byte_identical_predictions_inline(
    phantom: tuple[Path, str], tmp_path: Path
) -> None:
    done = harness(
        "run", "--plugins", "ssl/dinov2_base@linear", "--executor", "inline", *TINY, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    for path in tmp_path.rglob("predictions-*.npz"):
        other = phantom[0] / path.relative_to(tmp_path)
        assert other.read_bytes() == path.read_bytes()


def test_fractions_are_nested_and_another_seed_differs(tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "baselines/pixels,supervised/convnext_base", "--seeds", "0,1",
        "--fractions", "0.5,1", *TINY, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = [json.loads(p.read_text()) for p in tmp_path.rglob("cell.json")]
    assert sorted({c["data"]["train"]["images"] for c in cells}) == [16, 32]
    files = list(tmp_path.rglob("supervised--*/*/*/predictions-test.npz"))
    assert len({f.read_bytes() for f in files}) == 4


def test_the_radiography_layout_runs_with_masks_where_there_are_any(tmp_path: Path) -> None:
    make_tree(tmp_path / "data", masks=("COVID", "Normal"))
    done = harness(
        "run", "--plugins", "baselines,segmentation/unet,multitask/unet_multitask", *TINY,
        "--dataset", "radiography", "--data-root", "data", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("groups unknown: the split may leak") == 1
    assert "groups unknown: the split may leak" in done.stdout
    data = {m: c["data"] for m, c in records(tmp_path, "cell.json").items()}
    for part in ("train", "val", "test"):
        segmented, multitask = (
            data["segmentation/unet"][part],
            data["multitask/unet_multitask"][part],
        )
        assert segmented["images"] == segmented["masks"]
        assert 0 < multitask["masks"] < multitask["images"]


def test_the_study_split_is_marked_as_selected_on_test(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines", "--split", "study", *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "selected on test" in done.stdout


@pytest.mark.skipif(MINI is None, reason="HARNESS_RADIOGRAPHY_MINI does not name the folder")
def test_real_images_with_a_class_of_one_patient(tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "all", "--dataset", "radiography", "--data-root", str(MINI),
        "--preset", "quick", "--set", "epochs=1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("Viral Pneumonia has 1 patient") == 1
    assert "3 of 4 classes" in done.stdout
    assert "not defined" in harness("report", "results", cwd=tmp_path).stdout
    for method, scores in records(tmp_path, "metrics.json").items():
        if scores["test"]["label"] is not None:
            assert len(scores["test"]["classes_present"]) == 3, method
            assert scores["test"]["label_all_classes"]["f1"] is None
