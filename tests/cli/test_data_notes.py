"""What a run must say of its data, every verb says: info, verify, plan, run and report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli_tools import harness, inside
from tests.image_files import make_folders, noise, write, write_table


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 20 films, of which ten are there a second time, under another patient; a
    file of another format; a table with a column that nobody needs."""
    folder = tmp_path_factory.mktemp("doubled")
    root = make_folders(folder / "films", {"a": 20, "b": 20})
    rows = [("file", "PatientID", "age")]
    for name in "ab":
        for number in range(1, 21):
            film = root / name / f"{name}-{number}.png"
            if number > 10:
                shutil.copy(root / name / f"{name}-{number - 10}.png", film)
            rows.append((f"{name}/{film.name}", f"{name}{number}", "50"))
    write_table(root / "groups.csv", *rows)
    (root / "a" / "film.gif").write_bytes(b"GIF")
    return folder


LEFT_OUT = "left out, files of other formats: 1 (a 1), e.g. film.gif"
UNUSED = "groups.csv: columns not used: age"
DUPLICATES = "exact duplicates: 40 images of 20 films, 20 in several groups"


def env(folder: Path) -> dict[str, str]:
    return {"CXR_HARNESS_CACHE": str(folder / "cache")}


def test_every_verb_says_what_a_run_must_know(doubled: Path) -> None:
    asked = ("--dataset", "folder", "--data-root", "films")
    about = ("folder", "--data-root", "films")
    verified = inside("data", "verify", *about, cwd=doubled, env=env(doubled))
    described = inside("data", "info", *about, cwd=doubled, env=env(doubled))
    planned = inside("plan", "--plugins", "baselines", *asked, cwd=doubled, env=env(doubled))
    ran = harness("run", "--plugins", "baselines/majority", *asked, cwd=doubled, env=env(doubled))
    reported = inside("report", "results", cwd=doubled, env=env(doubled))
    assert ran.returncode == 0, ran.stderr
    study = json.loads((doubled / "results" / "folder-films-quick" / "study.json").read_text())
    for said in (
        verified.stdout,
        described.stdout,
        planned.stderr,
        ran.stderr,
        reported.stdout,
        "\n".join(study["notes"]),
    ):
        assert LEFT_OUT in said
        assert UNUSED in said
        assert DUPLICATES in said
    assert "in several parts of the split: the split leaks" in reported.stdout


def test_verify_says_the_notes_as_json_too(doubled: Path) -> None:
    done = inside(
        "data", "verify", "folder", "--data-root", "films", "--json", cwd=doubled, env=env(doubled)
    )
    notes = json.loads(done.stdout)["dataset_notes"]
    assert any(note.startswith(DUPLICATES) for note in notes)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = []
    for number in range(24):
        path = write(tmp_path / "films" / f"{number}.png", noise(number))
        rows.append((f"films/{path.name}", "ab"[number % 2], f"m{number // 4}"))
    return write_table(tmp_path / "table.csv", ("path", "label", "MRN"), *rows)


def test_columns_can_be_chosen_by_every_verb_that_opens_the_data(table: Path) -> None:
    about = ("csv", "--data-root", "table.csv", "--column", "group=MRN")
    described = inside("data", "info", *about, "--json", cwd=table.parent)
    assert json.loads(described.stdout)["groups"] == 6
    for verb in ("verify", "prepare"):
        assert inside("data", verb, *about, cwd=table.parent).returncode == 0
    words = ("--dataset", "csv", "--data-root", "table.csv", "--column", "group=MRN")
    planned = inside("plan", "--plugins", "baselines", *words, cwd=table.parent)
    assert planned.returncode == 0
    assert "groups unknown" not in planned.stderr


def test_a_study_file_can_choose_columns_and_a_mistake_is_told_with_its_line(table: Path) -> None:
    file = table.parent / "study.toml"
    text = (
        'plugins = "baselines"\ndataset = "csv"\ndata_root = "table.csv"\n[column]\ngroup = "{}"\n'
    )
    file.write_text(text.format("mrn"))
    assert "groups unknown" not in inside("plan", "study.toml", cwd=table.parent).stderr
    file.write_text(text.format("mrm"))
    wrong = inside("plan", "study.toml", cwd=table.parent)
    assert wrong.returncode == 2
    assert "study.toml, line 5 (column.group): --column group=mrm" in wrong.stderr
    assert "its columns: path, label, MRN" in wrong.stderr


def test_the_study_file_of_a_run_chooses_the_same_columns(table: Path) -> None:
    words = ("--dataset", "csv", "--data-root", "table.csv", "--column", "group=MRN")
    ran = harness("run", "--plugins", "baselines/majority", *words, cwd=table.parent)
    assert ran.returncode == 0, ran.stderr
    written = (table.parent / "results" / "csv-table-quick" / "study.toml").read_text()
    assert '[column]\ngroup = "MRN"' in written


@pytest.mark.parametrize(
    ("dataset", "column", "message"),
    [
        ("phantom", "group=x", "dataset 'phantom' reads no table"),
        ("csv", "group", "write FIELD=NAME"),
        ("csv", "grop=x", "did you mean 'group'"),
    ],
)
def test_a_choice_of_columns_that_cannot_be_meant_is_bad_input(
    table: Path, dataset: str, column: str, message: str
) -> None:
    root = () if dataset == "phantom" else ("--data-root", "table.csv")
    done = inside("data", "info", dataset, *root, "--column", column, cwd=table.parent)
    assert done.returncode == 2
    assert message in done.stderr


def test_names_that_differ_in_case_only_are_bad_input_that_names_both(tmp_path: Path) -> None:
    for part in ("train", "val"):
        make_folders(tmp_path / part, {"NORMAL": 2, "PNEUMONIA": 2})
    make_folders(tmp_path / "test", {"normal": 2, "PNEUMONIA": 2})
    done = inside("data", "info", "folder", "--data-root", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "train/NORMAL" in done.stderr
    assert "test/normal" in done.stderr


def test_classes_that_look_like_numbers_are_shown_as_they_are(tmp_path: Path) -> None:
    rows = []
    for number, label in enumerate(("01", "1.10")):
        write(tmp_path / f"{number}.png", noise(number))
        rows.append((f"{number}.png", label))
    write_table(tmp_path / "t.csv", ("path", "label"), *rows)
    shown = inside("data", "info", "csv", "--data-root", "t.csv", cwd=tmp_path).stdout
    assert "\n01 " in shown
    assert "\n1.10 " in shown
