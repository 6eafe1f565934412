"""``harness data``, and what a run does about bad files."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from tests.cli_tools import TINY, harness, write_plugin
from tests.image_files import make_folders, noise, write, write_table

MINI = os.environ.get("HARNESS_RADIOGRAPHY_MINI")
BAD = "ill/images/ill-2.png"
BAD_MASK = "ill/masks/ill-3.png"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """48 images of two classes, with masks, in the folder ``data`` beside the results."""
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))
    counts = {"healthy": 24, "ill": 24}
    return make_folders(tmp_path / "data", counts, masks=["healthy", "ill"], size=(30, 40))


@pytest.fixture
def damaged(root: Path) -> Path:
    (root / BAD).write_bytes((root / BAD).read_bytes()[:200])
    (root / BAD_MASK).write_bytes(b"")
    return root


def data(
    *arguments: str | Path,
    cwd: Path,
    plugins: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> CompletedProcess[str]:
    return harness("data", *arguments, cwd=cwd, plugins=plugins, env=env)


def run(*arguments: str, cwd: Path, verb: str = "run") -> CompletedProcess[str]:
    return harness(
        verb, "--plugins", "baselines/*", "--dataset", "folder", "--data-root", "data",
        *arguments, *TINY, cwd=cwd,
    )  # fmt: skip


def cell(folder: Path) -> dict[str, Any]:
    """cell.json of the baseline on pixels."""
    (path,) = folder.rglob("baselines--pixels/*/*/cell.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


# list, info, prepare


def test_list_shows_every_dataset_and_what_it_needs(tmp_path: Path) -> None:
    done = data("list", cwd=tmp_path)
    assert done.returncode == 0
    for words in ("phantom", "radiography", "folder or file", "pad=false"):
        assert words in done.stdout
    facts = json.loads(data("list", "--json", cwd=tmp_path).stdout)
    assert {fact["name"] for fact in facts} >= {"folder", "csv", "phantom", "radiography"}


def test_info_is_the_card_of_the_dataset(root: Path, tmp_path: Path) -> None:
    rows = [(f"ill/images/ill-{n}.png", f"p{n // 2}", "here") for n in range(1, 25)]
    write_table(root / "groups.csv", ("file", "patient_id", "source"), *rows)
    write(root / "ill" / "images" / "ill-25.png", noise(1, 60, 20))
    text = data("info", "folder", "--data-root", "data", cwd=tmp_path).stdout
    for words in ("40 x 30: 48", "20 x 60: 1", "48, on 40 x 40", "here: 24", "fingerprint"):
        assert words in text
    card = json.loads(data("info", "folder", "--data-root", "data", "--json", cwd=tmp_path).stdout)
    assert card["classes"]["ill"] == {
        "images": 25,
        "masks": 24,
        "sources": {"here": 24, "unknown": 1},
    }
    assert card["groups"] == 13 + 25
    assert card["image_sizes"] == {"40 x 30": 48, "20 x 60": 1}
    assert len(card["fingerprint"]) == 32
    assert card["params"] == {"pad": False, "columns": {}}


def test_info_works_without_files_too(tmp_path: Path) -> None:
    card = json.loads(data("info", "phantom", "--json", cwd=tmp_path).stdout)
    assert (card["images"], card["root"], card["image_sizes"]) == (1320, None, None)


def test_prepare_builds_what_a_run_then_finds(root: Path, tmp_path: Path) -> None:
    done = data(
        "prepare", "folder", "--data-root", "data", "--size", "64", "--interpolation", "bilinear",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "48 images at 64 x 64, bilinear" in done.stdout
    assert "preparing images, bilinear: 48/48" in done.stderr
    again = run(cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "preparing images" not in again.stderr


def test_prepare_makes_both_interpolations_unless_told(root: Path, tmp_path: Path) -> None:
    done = data("prepare", "folder", "--data-root", "data", "--size", "32", cwd=tmp_path)
    assert ("bilinear" in done.stdout, "bicubic" in done.stdout) == (True, True)


# verify


def test_verify_lists_every_defect_by_file(damaged: Path, tmp_path: Path) -> None:
    (damaged / "ill" / "notes.txt").write_text("x")
    done = data("verify", "folder", "--data-root", "data", cwd=tmp_path)
    assert done.returncode == 1
    errors = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert (BAD in errors[0], BAD_MASK in errors[1]) == (True, True)
    assert "ill/notes.txt" in done.stdout
    assert "48 images, 48 masks, 2 errors, 1 note\n" in done.stdout
    assert "checking files: 48/48" in done.stderr


def test_verify_as_json_has_every_field(damaged: Path, tmp_path: Path) -> None:
    done = data("verify", "folder", "--data-root", "data", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["images"], found["errors"], found["notes"]) == (1, 48, 2, 0)
    assert [(d["file"], d["severity"]) for d in found["defects"]] == [
        (BAD, "error"),
        (BAD_MASK, "error"),
    ]
    assert set(found["defects"][0]) == {"file", "severity", "problem", "remedy", "kind"}


def test_notes_alone_are_no_failure(root: Path, tmp_path: Path) -> None:
    write(root / "ill" / "masks" / "ill-1.png", np.zeros((30, 40), np.uint8))
    done = data("verify", "folder", "--data-root", "data", cwd=tmp_path)
    assert (done.returncode, "0 errors, 1 note\n" in done.stdout) == (0, True)


def test_many_notes_of_one_kind_are_cut_short_unless_asked_for(root: Path, tmp_path: Path) -> None:
    for path in (root / "ill" / "masks").iterdir():
        path.unlink()
    short = data("verify", "folder", "--data-root", "data", cwd=tmp_path).stdout
    assert "and 14 more files" in short
    assert short.count("has no mask") == 11
    every = data("verify", "folder", "--data-root", "data", "--all", cwd=tmp_path).stdout
    assert every.count("has no mask") == 24


def test_the_embedded_dataset_has_nothing_to_verify(tmp_path: Path) -> None:
    done = data("verify", "phantom", cwd=tmp_path)
    assert (done.returncode, "no files to verify" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("foldr", "--data-root", "data"), "did you mean 'folder'"),
        (("folder",), "needs --data-root"),
        (("folder", "--data-root", "nowhere"), "no such folder"),
        (("folder", "--data-root", "a.csv"), "is a file"),
        (("csv", "--data-root", "a.csv"), "has no column"),
        (("phantom", "--data-root", "data"), "takes no --data-root"),
        (("folder", "--data-root", "data", "--data-param", "pda=true"), "did you mean 'pad'"),
        (("folder", "--data-root", "data", "--data-param", "pad=7"), "is true or false"),
        (("folder", "--data-root", "data", "--data-param", "pad"), "write NAME=VALUE"),
    ],
)
def test_bad_input_is_one_message(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a.csv").write_text("name\n")
    done = data("verify", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["info", "prepare"])
def test_every_verb_refuses_alike(verb: str, tmp_path: Path) -> None:
    done = data(verb, "folder", "--data-root", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout, "no such folder" in done.stderr) == (2, "", True)


def test_prepare_stops_at_errors_unless_told_to_skip_them(damaged: Path, tmp_path: Path) -> None:
    asked = ("prepare", "folder", "--data-root", "data", "--size", "16")
    done = data(*asked, cwd=tmp_path)
    assert (done.returncode, done.stdout, BAD in done.stderr) == (2, "", True)
    assert data(*asked, "--skip-bad", cwd=tmp_path).stdout.startswith("47 images at 16 x 16")


@pytest.mark.skipif(MINI is None, reason="HARNESS_RADIOGRAPHY_MINI does not name the folder")
def test_real_images_pass(tmp_path: Path) -> None:
    done = data("verify", "radiography", "--data-root", str(MINI), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stdout


# What a run does about bad files


def test_a_run_stops_at_errors_with_their_list(damaged: Path, tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    for words in ("2 errors", BAD, BAD_MASK, "--skip-bad", "harness data verify folder"):
        assert words in done.stderr
    assert not (tmp_path / "results").exists()


def test_skip_bad_goes_on_and_the_record_says_without_what(damaged: Path, tmp_path: Path) -> None:
    done = run("--skip-bad", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    note = f"2 bad files are left out: {BAD}, {BAD_MASK}"
    assert f"note: {note}" in done.stderr
    record, (study,) = cell(tmp_path), tmp_path.rglob("study.json")
    expected = {"images": ["ill/ill-2"], "masks": ["ill/ill-3"]}
    assert record["dataset"]["left_out"] == expected
    assert note in record["split"]["notes"]
    assert json.loads(study.read_text())["left_out"] == expected
    assert note in json.loads(study.read_text())["notes"]
    (split,) = tmp_path.rglob("splits/*.csv")
    assert len(split.read_text().splitlines()) == 1 + 47


def test_a_plan_without_bad_files_finds_the_cells_of_the_run(damaged: Path, tmp_path: Path) -> None:
    assert run("--skip-bad", cwd=tmp_path).returncode == 0
    planned = harness(
        "plan", "--plugins", "baselines/*", "--dataset", "folder", "--data-root", "data",
        "--skip-bad", *TINY, cwd=tmp_path,
    )  # fmt: skip
    assert "2 finished" in planned.stdout


def test_files_are_checked_once_for_their_content(root: Path, tmp_path: Path) -> None:
    assert "checking files" in run(cwd=tmp_path).stderr
    assert "checking files" not in run("--seeds", "1", cwd=tmp_path).stderr


def test_files_that_verify_has_seen_are_not_checked_again(root: Path, tmp_path: Path) -> None:
    assert data("verify", "folder", "--data-root", "data", cwd=tmp_path).returncode == 0
    assert "checking files" not in run(cwd=tmp_path).stderr


def test_the_embedded_dataset_is_not_checked(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "baselines/majority", *TINY, cwd=tmp_path)
    assert (done.returncode, "checking files" in done.stderr) == (0, False)


# Parameters of a dataset


def test_a_parameter_of_the_dataset_is_another_cell_with_its_value_on_record(
    root: Path, tmp_path: Path
) -> None:
    names = []
    for arguments in ((), ("--data-param", "pad=true")):
        assert run(*arguments, "--name", f"s{len(arguments)}", cwd=tmp_path).returncode == 0
        record = cell(tmp_path / "results" / f"s{len(arguments)}")
        assert record["dataset"]["params"] == {"pad": bool(arguments), "columns": {}}
        names.append((record["name"], record["dataset"]["fingerprint"]))
    assert names[0][0] != names[1][0]
    assert names[0][1] != names[1][1]


def test_score_opens_the_dataset_as_the_run_had_it(damaged: Path, tmp_path: Path) -> None:
    done = harness(
        "run", "--plugins", "segmentation/unet", "--dataset", "folder", "--data-root", "data",
        "--skip-bad", "--data-param", "pad=true", *TINY, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (metrics,) = tmp_path.rglob("metrics.json")
    before = json.loads(metrics.read_text())
    metrics.unlink()
    scored = harness("score", "results", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    assert json.loads(metrics.read_text()) == before


# A table as a dataset


def test_a_run_takes_a_table_as_its_root(root: Path, tmp_path: Path) -> None:
    rows = [
        (f"{name}/images/{name}-{n}.png", name, ("train", "train", "test")[n % 3])
        for name in ("healthy", "ill")
        for n in range(1, 25)
    ]
    write_table(root / "mine.csv", ("path", "label", "split"), *rows)
    done = harness(
        "run", "--plugins", "baselines/*", "--dataset", "csv", "--data-root", "data/mine.csv",
        *TINY, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the split is the dataset's own" in done.stderr
    assert "images of train are used for it" in done.stderr
    assert cell(tmp_path)["dataset"]["root"] == str(root / "mine.csv")


# get


def get(*arguments: str, cwd: Path, body: str | None = None) -> CompletedProcess[str]:
    """``harness data get``, with a package kagglehub that does what ``body`` says of ``handle``."""
    site = write_plugin(cwd / "site", "none", "HARNESS_API = 1\n")
    if body is not None:
        (site / "kagglehub.py").write_text(f"def dataset_download(handle):\n    {body}\n")
    return data("get", *arguments, cwd=cwd, plugins=site)


def test_get_downloads_and_says_where_the_dataset_lies(tmp_path: Path) -> None:
    done = get("radiography", cwd=tmp_path, body="return '/somewhere/' + handle")
    assert done.returncode == 0, done.stderr
    folder = "/somewhere/tawsifurrahman/covid19-radiography-database"
    assert done.stdout == folder + "\n"
    for words in ("licence:", "10.1109/ACCESS.2020.3010287", f"--data-root '{folder}'"):
        assert words in done.stderr


def test_get_without_network_or_credentials_says_what_to_do(tmp_path: Path) -> None:
    done = get("radiography", cwd=tmp_path, body="raise ConnectionError('no route to host')")
    assert done.returncode == 2
    for words in ("no route to host", "kaggle.json", "www.kaggle.com/datasets/"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_get_without_kagglehub_says_how_to_install_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("kagglehub") is not None:
        pytest.skip("kagglehub is installed here")
    done = get("radiography", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'cxr-harness[kaggle]'" in done.stderr


@pytest.mark.parametrize(
    ("name", "says"), [("phantom", "needs no files"), ("folder", "use files of your own")]
)
def test_get_of_what_cannot_be_downloaded_is_refused(name: str, says: str, tmp_path: Path) -> None:
    done = get(name, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (2, True)
