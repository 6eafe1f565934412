"""Pretrained weights in exactly the layout of each library's cache, read by a real run.

The bundled methods take part as they are, at the size of their small members; the cards name files
that the test makes, so that size and SHA-256 are checked as for the published ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.discovery.registry import discover
from harness.runtime.resolve import resolve
from tests.checkpoints import make_clip, make_problem, tiny_params
from tests.cli_tools import TINY, harness, write_plugin

REVISION = "0123456789abcdef0123456789abcdef01234567"
ORIGINS = {
    "torchvision": "supervised/resnext101_64x4d",
    "timm": "ssl/beitv2_base@freeze8",
    "smp": "segmentation/fpn",
    "transformers": "clip/vit_l14@short",
}
"""Library -> the bundled method that stands for it."""

PLUGIN = """
    import json
    from pathlib import Path

    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for method in json.loads((Path(__file__).parent / "methods.json").read_text()):
            card = method.pop("weights")
            files = tuple(harness.WeightsFile(**file) for file in card.pop("files"))
            numbers = {key: tuple(card.pop(key)) for key in ("mean", "std")}
            yield harness.MethodSpec(
                **method, weights=harness.WeightsCard(**card, **numbers, files=files)
            )
"""


def described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
    }


def in_hub(cache: Path, repository: str, made: Path) -> list[dict[str, Any]]:
    """Move files into the hub's cache: contents under their digests, links under the revision."""
    root = cache / f"models--{repository.replace('/', '--')}"
    for folder in ("blobs", "refs", f"snapshots/{REVISION}"):
        (root / folder).mkdir(parents=True)
    (root / "refs" / "main").write_text(REVISION)
    facts = []
    for path in sorted(made.iterdir()):
        fact = described(path)
        path.rename(root / "blobs" / fact["sha256"])
        link = root / "snapshots" / REVISION / fact["name"]
        link.symlink_to(Path("../../blobs") / fact["sha256"])
        facts.append(fact)
    return facts


def network_of(method_id: str) -> nn.Module:
    """The small member as its library would publish it."""
    spec = discover().methods[method_id].spec
    torch.manual_seed(7)
    problem = make_problem(spec.task, 64)
    params = tiny_params(spec)
    if "head" in params:
        return resolve(spec.factory)(problem, **{**params, "head": "study"}).build()[0]
    network = resolve(spec.factory)(problem, **params).build()
    return network.encoder


def make_files(source: str, root: Path) -> tuple[str, list[dict[str, Any]]]:
    """(location on the card, facts of its files), which lie where the library looks for them."""
    made = root / "made" / source
    made.mkdir(parents=True)
    if source == "torchvision":
        folder = root / "torch" / "hub" / "checkpoints"
        folder.mkdir(parents=True)
        torch.save(network_of(ORIGINS[source]).state_dict(), folder / "small-0a0a0a0a.pth")
        address = "https://download.pytorch.org/models/small-0a0a0a0a.pth"
        return address, [described(folder / "small-0a0a0a0a.pth")]
    if source == "transformers":
        make_clip(made)
    else:
        state = network_of(ORIGINS[source]).state_dict()
        save_file({n: v.contiguous() for n, v in state.items()}, made / "model.safetensors")
    return f"made/{source}", in_hub(root / "hub", f"made/{source}", made)


def method(source: str, root: Path) -> dict[str, Any]:
    spec = discover().methods[ORIGINS[source]].spec
    location, files = make_files(source, root)
    card = spec.weights
    assert card is not None
    return {
        "name": source,
        "factory": spec.factory,
        "task": spec.task,
        "summary": f"Weights in the cache of {source}",
        "family": spec.family,
        "params": tiny_params(spec),
        "weights": {
            "id": f"made-{source}",
            "source": source,
            "location": location,
            "revision": None if source == "torchvision" else REVISION,
            "files": files,
            "pretraining_method": "none",
            "pretraining_data": "none",
            "labels_used": False,
            "licence": "CC0-1.0",
            "mean": list(card.mean),
            "std": list(card.std),
            "native_size": 64,
            "interpolation": card.interpolation,
        },
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the caches of all libraries and a plugin that uses them."""
    root = tmp_path_factory.mktemp("libraries")
    site = write_plugin(root / "site", "made", PLUGIN)
    methods = [method(source, root) for source in ORIGINS]
    (site / "methods.json").write_text(json.dumps(methods))
    return root


def run(made: Path, folder: Path, *arguments: str) -> Any:
    caches: Mapping[str, str] = {
        "TORCH_HOME": str(made / "torch"),
        "HF_HUB_CACHE": str(made / "hub"),
        "HF_HUB_OFFLINE": "1",
    }
    return harness(*arguments, cwd=folder, plugins=made / "site", env=caches)


def test_every_library_s_cache_serves_a_run(made: Path, tmp_path: Path) -> None:
    done = run(made, tmp_path, "run", "--plugins", "made", "--weights", "pretrained", *TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = [json.loads(path.read_text()) for path in tmp_path.rglob("cell.json")]
    assert {cell["id"] for cell in cells} == {f"made/{source}" for source in ORIGINS}
    for cell in cells:
        assert cell["weights"]["kind"] == "pretrained", cell["id"]
        assert cell["weights"]["digest"]
    assert {json.loads(p.read_text())["status"] for p in tmp_path.rglob("status.json")} == {"ok"}


def test_what_starts_from_the_cache_is_not_what_starts_at_random(
    made: Path, tmp_path: Path
) -> None:
    """With no step taken, frozen features differ where the weights were really read."""
    predictions = []
    for weights in ("pretrained", "random"):
        done = run(
            made, tmp_path, "run", "--plugins", "made/torchvision", "--weights", weights,
            "--name", weights, "--set", "learning_rate=1e-12", *TINY,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        (file,) = (tmp_path / "results" / weights).rglob("predictions-test.npz")
        predictions.append(file.read_bytes())
    assert predictions[0] != predictions[1]


@pytest.mark.parametrize("source", ORIGINS)
def test_a_changed_file_stops_the_run_with_its_name(
    made: Path, source: str, tmp_path: Path
) -> None:
    folder = made / ("torch" if source == "torchvision" else f"hub/models--made--{source}")
    largest = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = largest.read_bytes()
    largest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        arguments = ("--plugins", f"made/{source}", "--weights", "pretrained")
        done = run(made, tmp_path, "run", *arguments, *TINY)
        assert done.returncode == 2
        assert f"weights made-{source}" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        largest.write_bytes(content)
