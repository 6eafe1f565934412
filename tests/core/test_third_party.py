"""A plugin that a third party packages, built and installed as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import FitContext, LabelledImages, Method, Problem, TargetSpec, hookspecs
from harness.discovery.registry import Plugins, discover
from harness.runtime.resolve import resolve

ROOT = Path(__file__).parents[2]
SIZE = 32


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed ``tests/third_party``."""
    folder = tmp_path_factory.mktemp("third_party")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(ROOT / "tests" / "third_party", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--target", str(target)]
    done = subprocess.run([*pip, *offline, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def plugins(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    monkeypatch.syspath_prepend(str(installed))
    return discover()


class Films:
    """Dark images are of class 0, bright ones of class 1."""

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.ids = [str(index) for index in range(count)]
        self.labels = np.arange(count, dtype=np.int64) % 2
        noise = random.integers(0, 60, size=(count, SIZE, SIZE))
        self.pixels = (noise + 150 * self.labels[:, None, None]).astype(np.uint8)
        self.masks = None
        self.has_mask = np.zeros(count, dtype=np.bool_)

    def __len__(self) -> int:
        return len(self.ids)


def test_another_process_finds_the_installed_package_and_loads_no_torch(installed: Path) -> None:
    path = os.pathsep.join([str(installed), str(ROOT), str(ROOT / "plugins")])
    code = (
        "import sys\n"
        "from harness.cli.plugins import command\n"
        "command(['--json'], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=installed,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    (record,) = [p for p in facts["plugins"] if p["name"] == "centroid"]
    assert (record["distribution"], record["version"]) == ("centroid-plugin", "1.2")
    assert (record["status"], record["reason"]) == ("ok", "")
    assert "centroid/thumbnails" in [method["id"] for method in facts["methods"]]


def test_its_method_learns_predicts_and_comes_back_from_disk(
    plugins: Plugins, tmp_path: Path
) -> None:
    spec = plugins.methods["centroid/thumbnails"].spec
    target = TargetSpec(
        name="label", kind="classes", names=("dark", "bright"), loss="a:b", activation="softmax"
    )
    problem = Problem(
        task="classification",
        targets={"label": target},
        image_size=SIZE,
        weights="random",
        weights_files={},
        seed=0,
    )
    lines: list[Any] = []
    context = FitContext(
        epochs=1,
        batch_size=8,
        learning_rate=1e-3,
        device="cpu",
        threads=1,
        directory=tmp_path,
        report=lines.append,
    )
    method: Method = resolve(spec.factory)(problem, **spec.params)
    assert isinstance(method, Method)
    assert method.skip() is None
    train: LabelledImages = Films(20, seed=0)
    method.fit(train, Films(4, seed=1), context)
    method.save(tmp_path)
    again: Method = resolve(spec.factory)(problem, **spec.params)
    again.load(tmp_path)
    test = Films(10, seed=2)
    probabilities = again.predict(test.pixels)["label"]
    assert np.array_equal(probabilities, method.predict(test.pixels)["label"])
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(probabilities.argmax(axis=1), test.labels)
    assert lines == [{"images": 20.0}]


def test_its_session_hook_is_called(plugins: Plugins) -> None:
    def unexpected(plugin: str, error: BaseException) -> None:
        raise AssertionError(plugin) from error

    answers = dict(
        plugins.call(
            hookspecs.harness_session_finish, unexpected, directory=Path("out"), exit_code=0
        )
    )
    assert answers["centroid"] == {"directory": "out", "exit_code": 0}
