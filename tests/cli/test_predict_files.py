"""``harness predict``: what one bad file costs, which files are films, which cells are meant."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.inference.images import new_images
from tests.cli_tools import TINY, inside
from tests.cli_tools import harness as run_harness
from tests.image_files import lungs, make_folders, noise, write, write_dicom
from tests.raw_images import chunk, exif, png

METHOD = "multitask/unet_multitask"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose ``results`` holds one method, trained from two seeds."""
    folder = tmp_path_factory.mktemp("seeds")
    words = ("--plugins", METHOD, "--seeds", "0,1", *TINY, "--set", "probe_seconds=0.1")
    done = run_harness("run", *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Four films in a folder."""
    for number in range(4):
        write(tmp_path / "films" / f"{number}.png", noise(number, 50, 70))
    return tmp_path / "films"


def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:900])


# One bad file


def test_one_bad_file_costs_that_file_alone(seeds: Path, films: Path) -> None:
    cut(films / "2.png")
    words = ("predict", "seed0", films, "--results", seeds / "results")
    done = inside(*words, cwd=films.parent)
    assert done.returncode == 2
    assert "1 of 4 files cannot be used, and nothing is predicted" in done.stderr
    assert "2.png: cannot be read as an image" in done.stderr
    assert "--skip-bad" in done.stderr
    assert not (films.parent / "predictions").exists()
    done = inside(*words, "--skip-bad", cwd=films.parent)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("3 images: ")
    assert "2.png: cannot be read as an image" in done.stderr.splitlines()[-1]
    assert [Path(line["file"]).stem for line in lines(films.parent / "predictions")] == list("013")


def test_every_bad_file_is_named_before_anything_is_predicted(seeds: Path, films: Path) -> None:
    cut(films / "0.png")
    (films / "3.png").unlink()
    (films / "3.png").symlink_to("nowhere.png")
    write(films / os.fsdecode(b"Herzgr\xf6\xdfe.png"), noise(9))
    words = ("predict", "seed0", films, "missing.png", "--results", seeds / "results")
    done = inside(*words, cwd=films.parent)
    assert done.returncode == 2
    for said in (
        "4 of 6 files",
        "0.png: cannot be read as an image",
        "3.png: is a broken link",
        r"Herzgr\xf6\xdfe.png: has a name that is not UTF-8",
        "missing.png: no such file",
    ):
        assert said in done.stderr
    done = inside(*words, "--skip-bad", cwd=films.parent)
    assert done.returncode == 1, done.stderr
    assert len(lines(films.parent / "predictions")) == 2


def test_where_no_file_is_left_nothing_is_predicted(seeds: Path, films: Path) -> None:
    for path in films.iterdir():
        path.write_bytes(b"")
    words = ("predict", "seed0", films, "--results", seeds / "results", "--skip-bad")
    done = inside(*words, cwd=films.parent)
    assert done.returncode == 2
    assert "4 of 4 files cannot be used" in done.stderr


# Which files are films


def names(*paths: Path) -> list[str]:
    return [image.stem for image in new_images(paths, lambda done, total: None).images]


def test_the_masks_of_a_dataset_are_no_films(tmp_path: Path) -> None:
    root = make_folders(tmp_path / "data", {"a": 2, "b": 1}, masks=["a", "b"])
    found = new_images([root], lambda done, total: None)
    assert [image.stem for image in found.images] == [
        "a/images/a-1",
        "a/images/a-2",
        "b/images/b-1",
    ]
    assert found.notes == ("3 masks next to these images left out",)
    assert names(root / "a") == ["images/a-1", "images/a-2"]
    assert names(root / "a" / "masks") == ["a-1", "a-2"]


def test_a_folder_masks_without_images_beside_it_holds_films(tmp_path: Path) -> None:
    write(tmp_path / "masks" / "1.png", noise(1))
    assert names(tmp_path) == ["masks/1"]


def test_dicom_without_a_suffix_is_a_film_and_keeps_its_name(tmp_path: Path) -> None:
    write_dicom(tmp_path / "1.2.840.7", noise(1))
    write_dicom(tmp_path / "IM0001", noise(2))
    (tmp_path / "README").write_text("x" * 200)
    assert names(tmp_path) == ["1.2.840.7", "IM0001"]


def test_what_systems_leave_behind_is_no_film(tmp_path: Path) -> None:
    for name in ("__MACOSX/1.png", ".trash/1.png", "._1.png", "1.png"):
        write(tmp_path / name, noise(1))
    assert names(tmp_path) == ["1"]


def test_files_read_otherwise_than_stored_are_counted(tmp_path: Path) -> None:
    png(tmp_path / "a.png", noise(1).astype(np.uint16) * 16)
    png(tmp_path / "b.png", noise(1), before=chunk(b"eXIf", exif(3)))
    notes = new_images([tmp_path], lambda done, total: None).notes
    assert [note.partition(" ")[0] for note in notes] == ["1", "1"]
    assert "16-bit" in notes[0]
    assert "stored turned" in notes[1]


def test_a_mask_lies_on_the_film_as_a_viewer_shows_it(seeds: Path, tmp_path: Path) -> None:
    film = np.rint(90 + 60 * np.sin(np.arange(60 * 90).reshape(60, 90) / 400)).astype(np.uint8)
    film[lungs(60, 90) > 0] = 20
    stored = np.ascontiguousarray(np.rot90(film))  # Orientation 6 turns it back, clockwise.
    png(tmp_path / "turned.png", stored, before=chunk(b"eXIf", exif(6)))
    png(tmp_path / "upright.png", film)
    results = seeds / "results"
    done = inside("predict", "seed0", tmp_path, "--results", results, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    masks = [
        np.asarray(Image.open(tmp_path / "predictions" / "masks" / f"{name}.png"))
        for name in ("turned", "upright")
    ]
    assert masks[0].shape == (60, 90)
    assert np.array_equal(masks[0], masks[1])


# Which cells are meant


def test_cells_to_choose_from_are_listed_with_dataset_date_and_score(
    seeds: Path, films: Path
) -> None:
    done = inside("predict", METHOD, films, "--results", seeds / "results", cwd=films.parent)
    assert done.returncode == 2
    listed = [line for line in done.stderr.splitlines() if line.startswith("  ")]
    assert {line.split()[1].split("-")[0] for line in listed} == {"seed0", "seed1"}
    for line in listed:
        method, _, dataset, date, time, *score = line.split()
        assert (method, dataset) == (METHOD, "phantom")
        assert (date.count("-"), time.count(":")) == (2, 1)
        assert score[:-1] == ["label.f1", "and", "mask.dice"]
        assert 0 <= float(score[-1]) <= 1


@pytest.mark.parametrize("cell", [METHOD, "seed1"])
def test_seeds_are_averaged(seeds: Path, films: Path, cell: str) -> None:
    results, folder = seeds / "results", films.parent
    for name in ("seed0", "seed1"):
        done = inside("predict", name, films, "--results", results, "--out", name, cwd=folder)
        assert done.returncode == 0, done.stderr
    words = ("predict", cell, films, "--results", results, "--out", "mean", "--average", "seeds")
    done = inside(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    first, second, mean = (lines(folder / name) for name in ("seed0", "seed1", "mean"))
    columns = [name for name in mean[0] if name.startswith("probability.")]
    for one, other, both in zip(first, second, mean, strict=True):
        for name in columns:
            wanted = (float(one[name]) + float(other[name])) / 2
            assert float(both[name]) == pytest.approx(wanted, abs=1e-6)
        masks = [
            np.asarray(Image.open(folder / name / both["mask"]))
            for name in ("seed0", "seed1", "mean")
        ]
        agreed = masks[0] == masks[1]
        assert np.array_equal(masks[2][agreed], masks[0][agreed])


def test_an_average_needs_two_seeds(seeds: Path, films: Path, tmp_path: Path) -> None:
    (cell,) = (seeds / "results").glob("*/cells/*/*/seed0-*")
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in cell.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    done = inside("predict", copy, films, "--average", "seeds", cwd=films.parent)
    assert done.returncode == 2
    assert "an average needs two or more ok seeds, not 1" in done.stderr
