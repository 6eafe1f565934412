"""``harness export``: a network and its card, in files that need no harness."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from harness.results.rundir import CellDirectory, find_cells
from tests.cli_tools import harness, write_plugin

HAS_ONNX = all(importlib.util.find_spec(n) for n in ("onnx", "onnxscript", "onnxruntime"))
needs_onnx = pytest.mark.skipif(not HAS_ONNX, reason="needs cxr-harness[export]")


def cell_of(folder: Path, method: str) -> CellDirectory:
    (cell,) = (c for c in find_cells(folder / "results") if c.cell["id"] == method)
    return cell


@pytest.fixture(scope="module")
def exported(finished_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The segmenter's files, and what was printed."""
    out = tmp_path_factory.mktemp("export") / "lungs"
    done = harness("export", "segmentation/unet", "--out", out, cwd=finished_runs)
    assert done.returncode == 0, done.stderr
    return out, done.stdout + done.stderr


def card(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return value


def test_the_weights_are_those_of_the_cell(exported: tuple[Path, str], finished_runs: Path) -> None:
    kept = load_file(
        cell_of(finished_runs, "segmentation/unet").path / "checkpoint/best.safetensors"
    )
    written = load_file(exported[0] / "model.safetensors")
    assert kept.keys() == written.keys()
    assert all((kept[name] == written[name]).all() for name in kept)


def test_the_card_says_what_the_model_is(exported: tuple[Path, str], finished_runs: Path) -> None:
    cell = cell_of(finished_runs, "segmentation/unet")
    value = card(exported[0])
    assert value["intended_use"].startswith("Research only. Not for diagnosis")
    assert value["training_data"]["fingerprint"] == cell.cell["dataset"]["fingerprint"]
    assert value["protocol"] == cell.cell["protocol"]
    assert value["metrics"] == cell.metrics
    assert value["preprocessing"]["size"] == 64
    assert len(value["preprocessing"]["mean"]) == value["preprocessing"]["channels"] == 3
    assert value["initial_weights"]["licence"] is None
    read = value["preprocessing"]["steps"][0]
    for words in ("upright", "bone bright", "own where they use less than a quarter", "VOI table"):
        assert words in read
    assert "16 bits scaled to 8" not in (exported[0] / "card.md").read_text()
    for name, file in value["files"].items():
        content = (exported[0] / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_card_of_a_small_network_from_random_weights_claims_no_other(
    exported: tuple[Path, str], finished_runs: Path
) -> None:
    timing = cell_of(finished_runs, "segmentation/unet").timing
    assert timing is not None
    value = card(exported[0])
    assert value["name"].startswith("segmentation/unet (small) ")
    assert value["method"]["small"] is True
    assert value["method"]["parameters"] == timing["parameters_total"] < 1_500_000
    assert value["initial_weights"]["start"] == "random weights"
    texts = [(exported[0] / name).read_text() for name in ("card.md", "card.json")]
    for text in texts:
        assert "ImageNet" not in text
        assert "ResNet-50" not in text
        assert "resnet50" not in text
        assert "random weights" in text
        assert f"{timing['parameters_total'] / 1e6:.3g} M parameters" in text


def test_the_card_is_there_for_people_too(exported: tuple[Path, str]) -> None:
    text = (exported[0] / "card.md").read_text()
    for words in ("segmentation/unet", "Not for diagnosis", "mask.dice", "fingerprint", "licence"):
        assert words in text


@needs_onnx
def test_onnx_gives_what_the_cell_predicted(exported: tuple[Path, str]) -> None:
    import onnxruntime

    facts = card(exported[0])["onnx"]
    assert facts["written"]
    assert facts["max_abs_difference"] < 1e-3
    assert "largest difference" in exported[1]
    session = onnxruntime.InferenceSession(str(exported[0] / "model.onnx"))
    assert [given.name for given in session.get_inputs()] == ["images"]
    assert [output.name for output in session.get_outputs()] == ["mask"]
    for count in (1, 5):
        images = np.zeros((count, 3, 64, 64), np.float32)
        assert session.run(None, {"images": images})[0].shape == (count, 1, 64, 64)


def test_without_the_packages_everything_else_is_written(
    finished_runs: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "without"
    missing.mkdir()
    # Imported at the start of Python: hides the package from it.
    (missing / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name == 'onnxruntime' else find(name, package)\n"
        ")\n"
    )
    done = harness(
        "export", "segmentation/unet", "--out", tmp_path / "lungs",
        cwd=finished_runs, plugins=missing,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pip install 'cxr-harness[export]'" in done.stderr
    names = sorted(path.name for path in (tmp_path / "lungs").iterdir())
    assert names == ["card.json", "card.md", "model.safetensors"]
    assert not card(tmp_path / "lungs")["onnx"]["written"]
    assert "cxr-harness[export]" in (tmp_path / "lungs" / "card.md").read_text()


@needs_onnx
def test_a_network_that_onnx_cannot_hold_is_told_with_the_reason(tmp_path: Path) -> None:
    plugins = write_plugin(
        tmp_path / "site",
        "counting",
        """
        import harness

        HARNESS_API = 1

        @harness.hookimpl
        def harness_methods():
            yield harness.MethodSpec(
                name="net", factory="harness_counting_models:Net", task="classification",
                family="supervised", summary="Looks at values to decide what to do",
            )
        """,
        """
        import harness
        from torch import nn

        class Net(harness.TorchMethod):
            def build(self):
                features = 3 * self.problem.image_size**2
                return nn.Sequential(nn.Flatten(), nn.Linear(features, len(self.problem.classes)))

            def forward(self, module, images):
                logits = module(images)
                return {"label": logits if float(logits.sum()) > 0 else 2 * logits}
        """,
    )
    options = ("--set", "epochs=1", "--set", "train_images=16", "--set", "test_images=16")
    done = harness("run", "--plugins", "counting", *options, cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stdout + done.stderr
    done = harness("export", "counting/net", "--out", "net", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 0, done.stderr
    assert "no model.onnx: the network cannot be exported" in done.stderr
    assert not (tmp_path / "net" / "model.onnx").exists()
    assert (tmp_path / "net" / "model.safetensors").exists()


def test_a_method_that_is_no_network_is_refused(finished_runs: Path, tmp_path: Path) -> None:
    done = harness("export", "baselines/pixels", "--out", tmp_path / "m", cwd=finished_runs)
    assert done.returncode == 2
    assert "baselines/pixels is not a torch network" in done.stderr
    assert not (tmp_path / "m").exists()


def test_a_folder_that_holds_a_model_is_left_alone(
    exported: tuple[Path, str], finished_runs: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    shutil.copytree(exported[0], there)
    before = {path: path.stat().st_mtime_ns for path in there.iterdir()}
    done = harness("export", "segmentation/unet", "--out", there, cwd=finished_runs)
    assert done.returncode == 2
    assert "holds card.json, card.md" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in there.iterdir()} == before
