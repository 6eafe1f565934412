"""``harness predict``: a finished model on new files gives what the cell itself would have."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.recorded import read_samples
from harness.results.packed_masks import unpack_masks
from harness.results.prediction_file import PredictionFile
from harness.results.rundir import CellDirectory, find_cells
from harness.runtime.resolve import resolve
from tests.checkpoints import make_clip
from tests.cli_tools import TINY, harness


def cell_of(folder: Path, method: str) -> CellDirectory:
    (cell,) = (c for c in find_cells(folder / "results") if c.cell["id"] == method)
    return cell


def save_test_images(cell: CellDirectory, folder: Path) -> PredictionFile:
    """The images of the cell's test set as PNG files, every other one in a folder below."""
    entry = cell.cell["dataset"]
    dataset = resolve(entry["factory"])(None, **entry["params"])
    samples = read_samples(cell.path.parents[3] / "data" / f"{entry['fingerprint']}.npz")
    row_of = {name: row for row, name in enumerate(samples.ids)}
    predictions = cell.predictions("test")
    for number, name in enumerate(predictions.ids):
        file = folder / ("below" if number % 2 else "") / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dataset.image(row_of[name])).save(file)
    return predictions


def predicted(folder: Path) -> dict[str, dict[str, str]]:
    """Stem of the image -> its line."""
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return {Path(line["file"]).stem: line for line in csv.DictReader(file)}


@pytest.mark.parametrize("method", ["supervised/convnext_base", "baselines/pixels"])
def test_the_cells_own_test_images_get_the_stored_probabilities(
    finished_runs: Path, tmp_path: Path, method: str
) -> None:
    cell = cell_of(finished_runs, method)
    stored = save_test_images(cell, tmp_path / "films")
    before = {path: path.read_bytes() for path in cell.path.rglob("*") if path.is_file()}
    done = harness(
        "predict", method, tmp_path / "films", "--out", tmp_path / "p", cwd=finished_runs
    )
    assert done.returncode == 0, done.stderr
    assert "predicting: 16/16" in done.stderr
    lines = predicted(tmp_path / "p")
    assert stored.probabilities is not None
    found = [[float(lines[i][f"probability.{c}"]) for c in stored.classes] for i in stored.ids]
    np.testing.assert_allclose(found, stored.probabilities, atol=1e-6)
    winners = [stored.classes[k] for k in stored.probabilities.argmax(axis=1)]
    assert [lines[i]["predicted"] for i in stored.ids] == winners
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["predictions.csv"]
    after = {path: path.read_bytes() for path in cell.path.rglob("*") if path.is_file()}
    assert after == before


def test_masks_have_the_size_of_their_image_and_are_those_of_the_cell(
    finished_runs: Path, tmp_path: Path
) -> None:
    cell = cell_of(finished_runs, "segmentation/unet")
    stored = save_test_images(cell, tmp_path / "films")
    first = tmp_path / "films" / f"{stored.ids[0]}.png"
    Image.open(first).resize((90, 50)).convert("RGB").save(tmp_path / "films" / "wide.jpg")
    done = harness("predict", cell.path, "films", first, "--out", "deep/p", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = predicted(tmp_path / "deep" / "p")
    assert len(lines) == len(stored.ids) + 1
    assert stored.mask_bits is not None
    masks = unpack_masks(stored.mask_bits, stored.mask_grid or 0)
    for name, mask in zip(stored.ids, masks, strict=True):
        image = Image.open(tmp_path / "deep" / "p" / lines[name]["mask"])
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), 255 * mask)
    assert Image.open(tmp_path / "deep" / "p" / lines["wide"]["mask"]).size == (90, 50)
    assert lines[stored.ids[1]]["mask"] == f"masks/below/{stored.ids[1]}.png"


def test_clip_which_has_trained_nothing_is_applied_from_its_weights(tmp_path: Path) -> None:
    make_clip(tmp_path / "weights" / "clip-vit-large-patch14")
    done = harness(
        "run", "--plugins", "clip/vit_l14@photo", "--weights", "weights", *TINY, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cell = cell_of(tmp_path, "clip/vit_l14@photo")
    stored = save_test_images(cell, tmp_path / "films")
    done = harness("predict", "clip/vit_l14@photo", "films", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = predicted(tmp_path / "predictions")
    assert stored.probabilities is not None
    found = [[float(lines[i][f"probability.{c}"]) for c in stored.classes] for i in stored.ids]
    np.testing.assert_allclose(found, stored.probabilities, atol=1e-5)


# What is refused


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """One image, one file that is none, and an empty folder."""
    Image.new("L", (64, 64), 90).save(tmp_path / "film.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "predictions.csv").write_text("mine")
    return tmp_path


def refused(*arguments: str | Path, cwd: Path, says: str) -> None:
    done = harness("predict", *arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.png",), "none.png: no such file"),
        (("empty",), "holds no image"),
        (("text.png",), "text.png: cannot be read as an image"),
        (("film.png", "--device", "gpu"), "--device 'gpu'"),
        (("film.png", "--out", "film.png"), "is a file"),
        (("film.png", "--out", "taken"), "predictions.csv already"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    finished_runs: Path, films: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = sorted(films.rglob("*"))
    refused(cell_of(finished_runs, "segmentation/unet").path, *arguments, cwd=films, says=says)
    assert sorted(films.rglob("*")) == before
    assert (films / "taken" / "predictions.csv").read_text() == "mine"


def test_an_image_that_ends_early_leaves_nothing(finished_runs: Path, films: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(films / "film.png")
    (films / "cut.png").write_bytes((films / "film.png").read_bytes()[:900])
    cell = cell_of(finished_runs, "segmentation/unet")
    refused(cell.path, "film.png", "cut.png", cwd=films, says="cut.png: cannot be read")
    assert not (films / "predictions").exists()


@pytest.mark.parametrize(
    ("method", "file"),
    [("segmentation/unet", "best.safetensors"), ("baselines/pixels", "pixels.npz")],
)
def test_missing_weights_are_named_with_the_remedy(
    finished_runs: Path, films: Path, method: str, file: str
) -> None:
    cell = films / "cell"
    shutil.copytree(cell_of(finished_runs, method).path, cell)
    (cell / "checkpoint" / file).unlink()
    refused(cell, "film.png", cwd=films, says="--rerun")


@pytest.mark.parametrize(
    ("status", "says"), [("failed", "is failed"), ("skipped", "is skipped"), (None, "unfinished")]
)
def test_only_a_cell_that_is_ok_has_a_model(
    finished_runs: Path, films: Path, status: str | None, says: str
) -> None:
    cell = films / "cell"
    shutil.copytree(cell_of(finished_runs, "baselines/pixels").path, cell)
    if status is None:
        (cell / "status.json").unlink()
    else:
        record = json.loads((cell / "status.json").read_text())
        (cell / "status.json").write_text(json.dumps({**record, "status": status}))
    refused(cell, "film.png", cwd=films, says=says)


def test_code_that_has_changed_is_refused_unless_forced(finished_runs: Path, films: Path) -> None:
    cell = films / "cell"
    shutil.copytree(cell_of(finished_runs, "baselines/pixels").path, cell)
    record = json.loads((cell / "cell.json").read_text())
    record["provenance"]["source"] = "0" * 64
    (cell / "cell.json").write_text(json.dumps(record))
    refused(cell, "film.png", cwd=films, says="--force")
    done = harness("predict", cell, "film.png", "--force", cwd=films)
    assert done.returncode == 0, done.stderr
    assert "warning: baselines/pixels cell: the code of" in done.stderr
    assert (films / "predictions" / "predictions.csv").exists()
