"""Members of families run, are reported and used like any other method."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from checkpoints import save_in_hub_cache
from cli_tools import TINY, inside
from cli_tools import harness as in_shell
from hub_models import clip_repository, siglip_repository
from PIL import Image
from safetensors.torch import save_file

import harness
from harness.results.rundir import CellDirectory, find_cells
from harness_families import timm_names

CLIP = "hf-clip/openai/clip-vit-base-patch32"
SIGLIP = "hf-clip/google/siglip-base-patch16-224@linear"
UNET = "smp/Unet/tu-resnet10t@full"
VIT = "timm/test_vit@freeze1"
LORA = "torchvision/mobilenet_v3_small@lora"
PUBLISHED = "timm/test_resnet@linear"
SHORT = (*TINY, "--set", "probe_seconds=0.1")
METHODS = {f"{CLIP}@ensemble", SIGLIP, UNET, VIT, LORA, PUBLISHED}


def save(module: torch.nn.Module, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({n: v.clone().contiguous() for n, v in module.state_dict().items()}, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a member of each family, all but one from weights of a user's folder."""
    folder = tmp_path_factory.mktemp("families")
    weights = folder / "weights"
    clip_repository(weights / "openai--clip-vit-base-patch32")
    siglip_repository(weights / "google--siglip-base-patch16-224")
    torch.manual_seed(0)
    save(timm.create_model("test_vit"), weights / "test_vit.r160_in1k" / "model.safetensors")
    save(timm.create_model("resnet10t"), weights / "resnet10t.c3_in1k" / "any.safetensors")
    (folder / "study.toml").write_text(
        f'plugins = ["{CLIP}", "{SIGLIP}", "smp/unet/tu-resnet10t", "{VIT}"]\nweights = "weights"\n'
    )
    done = in_shell("run", "study.toml", "-q", *SHORT, "--name", "all", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    done = in_shell(
        *("run", "-q", "--plugins", LORA, "--weights", "random", *SHORT, "--name", "all"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spec = timm_names.resolve("test_resnet@linear")
    assert spec.weights is not None
    save_in_hub_cache(timm.create_model("test_resnet").state_dict(), spec.weights, folder / "hub")
    done = in_shell(
        *("run", "-q", "--plugins", PUBLISHED, *SHORT, "--name", "all"),
        cwd=folder,
        env={"HF_HUB_CACHE": str(folder / "hub")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def cell_of(folder: Path, method: str) -> CellDirectory:
    (cell,) = (c for c in find_cells(folder / "results") if c.cell["id"] == method)
    return cell


def test_every_cell_is_ok_in_a_folder_of_its_name(folder: Path) -> None:
    cells = find_cells(folder / "results")
    assert {cell.cell["id"] for cell in cells} == METHODS
    assert all((cell.status or {})["status"] == "ok" for cell in cells)
    names = {path.name for path in (folder / "results/all/cells").iterdir()}
    assert {"smp--Unet%2Ftu-resnet10t@full", "timm--test_vit@freeze1"} <= names


def test_reports_name_them_and_say_what_is_unknown(folder: Path) -> None:
    for form in ("text", "markdown", "latex", "csv"):
        printed = inside("report", "--format", form, cwd=folder).stdout.replace("\\_", "_")
        assert UNET.partition("@")[0] in printed, form
    sections = json.loads(inside("report", "--format", "json", cwd=folder).stdout)["sections"]
    assert {row["method"] for section in sections for row in section["rows"]} == METHODS
    page = (folder / "results/all/report.html").read_text()
    assert CLIP in page
    assert re.search(r"tag r160_in1k.{1,300}unknown", page, re.DOTALL)
    shown = inside("show", PUBLISHED, cwd=folder).stdout
    assert "test_resnet.r160_in1k (tag r160_in1k, data unknown)" in " ".join(shown.split())
    assert "licence  apache-2.0" in shown
    assert inside("status", "results/all", cwd=folder).stdout.count("smp/Unet/tu-resnet10t") >= 1


def test_a_cell_is_found_by_its_id_and_shown(folder: Path) -> None:
    for method in METHODS:
        done = inside("show", method, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert method in done.stdout
    assert inside("show", "Unet/tu-resnet10t", cwd=folder).returncode == 0


@pytest.mark.parametrize("method", [f"{CLIP}@ensemble", UNET, LORA, PUBLISHED])
def test_a_finished_member_predicts_and_is_exported(
    method: str, folder: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(tmp_path / "film.png")
    hub = {"HF_HUB_CACHE": str(folder / "hub")}
    done = in_shell("predict", method, tmp_path, "--out", tmp_path / "p", cwd=folder, env=hub)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "p/predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1
    done = in_shell("export", method, "--out", tmp_path / "e", cwd=folder, env=hub)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "e/card.json").read_text())["method"]["id"] == method
    if method == PUBLISHED:
        assert "labels used in pretraining: unknown" in (tmp_path / "e/card.md").read_text()


def test_the_same_command_finds_every_cell_finished(folder: Path) -> None:
    done = inside("plan", "study.toml", *SHORT, "--name", "all", "--json", cwd=folder)
    cells = json.loads(done.stdout)["cells"]
    assert {cell["state"] for cell in cells} == {"finished"}


def test_python_takes_the_names_and_a_checkpoint_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    torch.save({"state_dict": timm.create_model("test_vit").state_dict()}, "mine.pth")
    short = {"epochs": 1, "train_images": 32, "test_images": 16, "probe_seconds": 0.1}
    results = harness.run(["timm/test_vit"], weights="mine.pth", set=short, progress=False)
    (cell,) = results
    assert (cell.method, cell.status) == ("timm/test_vit@full", "ok")
    log = (cell.directory / "log.txt").read_text()
    assert "left out for a new classifier: head.weight, head.bias" in log


def test_a_checkpoint_of_another_network_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    save(timm.create_model("test_resnet"), tmp_path / "other.safetensors")
    done = in_shell(
        *("run", "-q", "--plugins", "timm/test_vit", "--weights", "other.safetensors", *SHORT),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    (cell,) = find_cells(tmp_path / "results")
    reason = (cell.status or {})["reason"]
    assert "other.safetensors: this checkpoint does not fit" in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("model.txt", "a checkpoint ends with .safetensors, .pth, .pt, .bin"),
        ("gone.pth", "a folder or file that exists"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(
    weights: str, says: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "model.txt").write_text("no")
    done = inside("plan", "--plugins", "timm/test_vit", "--weights", weights, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr


def test_missing_weights_name_the_command_that_fetches_them(folder: Path, tmp_path: Path) -> None:
    hub = {"HF_HOME": str(tmp_path)}
    done = inside("plan", "--plugins", "timm/test_vit", cwd=tmp_path, env=hub)
    assert "harness weights fetch timm/test_vit@full" in " ".join(done.stdout.split())
    fetched = inside("weights", "fetch", "timm/test_vit@full", cwd=tmp_path, env=hub)
    assert fetched.stdout.startswith("failed  weights test_vit.r160_in1k")
