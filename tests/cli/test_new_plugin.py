"""``harness new-plugin``: from nothing to a row in six commands, for every kind of plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.authoring.scaffold import KINDS
from tests.cli_tools import ROOT, TINY, harness, inside, refused

QUICK = (*TINY, "--set", "image_size=32", "--set", "probe_seconds=0.1", "--no-progress")


class Environment:
    """A fresh environment with the harness in it, made for one plugin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make = [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")]
        subprocess.run(make, check=True)
        self.python = folder / "venv" / "bin" / "python"
        (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
        # The libraries, and the harness of this checkout, are those of the tests.
        paths = [str(ROOT), str(ROOT / "plugins"), *(p for p in sys.path if "site-packages" in p)]
        (site / "libraries.pth").write_text("\n".join(paths) + "\n")

    def pip(self, *words: str, cwd: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), *words],
            cwd=cwd,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return subprocess.run(
            [str(self.python), "-m", *words],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**variables, "COLUMNS": "200"},
        )


def films(folder: Path) -> Path:
    """Two classes of ten patients, told apart by brightness."""
    random = np.random.default_rng(0)
    for name, level in (("bright", 180), ("dark", 60)):
        (folder / name).mkdir(parents=True)
        for patient in range(20):
            pixels = random.integers(level - 40, level + 40, (48, 48)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{patient:02}_1.png")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_six_commands_lead_from_nothing_to_a_row(kind: str, tmp_path: Path) -> None:
    name = f"my-{kind}"
    made = inside("new-plugin", name, "--kind", kind, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    project = tmp_path / name
    data = films(tmp_path / "films") if kind == "dataset" else None
    words = [line.split() for line in made.stdout.splitlines() if line.startswith("    ")]
    words = [[str(data) if word == "DIR" else word for word in line] for line in words]
    entered, installed, listed, checked, ran = words
    assert entered == ["cd", name]
    assert installed == ["pip", "install", "-e", "."]
    readme = (project / "README.md").read_text()
    assert all(line.strip() in readme for line in made.stdout.splitlines()[2:])

    # A wheel is what its users will get.
    env = Environment(tmp_path)
    env.pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", ".", cwd=project)
    (wheel,) = (project / "dist").glob("*.whl")
    env.pip("install", "-q", "--no-deps", "--no-index", str(wheel), cwd=project)

    done = env.run(*listed, cwd=project)
    assert f"{name}  " in done.stdout, done.stderr
    assert "failed" not in done.stdout
    done = env.run(*checked, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    done = env.run(*ran, *QUICK, "--out", "results", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    report = env.run("harness", "report", "results", cwd=project).stdout
    assert "baselines/pixels" in report
    shown = {
        "method": f"{name}/net",
        "segmenter": f"{name}/net",
        "plain": f"{name}/histogram",
        "metric": "worst",
    }
    assert shown.get(kind, "baselines/majority") in report
    if kind == "logger":
        assert len(list(project.glob(f"results/*/loggers/{name}/*.txt"))) == 2

    env.pip("uninstall", "-q", "-y", name, cwd=project)
    assert name not in env.run("harness", "plugins", cwd=tmp_path).stdout


def test_it_is_five_files_and_nothing_else(tmp_path: Path) -> None:
    assert inside("new-plugin", "my_net", cwd=tmp_path).returncode == 0
    files = sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())
    assert files == [
        "my_net/README.md",
        "my_net/my_net/__init__.py",
        "my_net/my_net/model.py",
        "my_net/pyproject.toml",
        "my_net/tests/test_my_net.py",
    ]


def test_it_runs_without_being_installed(tmp_path: Path) -> None:
    inside("new-plugin", "my_net", cwd=tmp_path)
    done = harness("plan", "--plugin", "my_net", "--plugins", "my_net", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "my_net/net" in done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My_Net", "use lower-case letters, digits, '_' and '-'"),
        ("1net", "with a letter first"),
        ("../net", "cannot name a plugin"),
        ("torch", "a module 'torch' is installed; choose another name"),
        ("json", "a module 'json' is installed"),
        ("all", "'all' cannot name a plugin"),
        ("class", "'class' is a word of Python; choose another name"),
        ("baselines", "'baselines': a plugin of this name is installed (cxr-harness "),
        ("harness-clip", "a module 'harness_clip' is installed"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str, says: str) -> None:
    refused("new-plugin", name, cwd=tmp_path, says=says)


def test_a_folder_that_exists_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "my_net").mkdir()
    refused("new-plugin", "my_net", cwd=tmp_path, says="my_net exists; choose another name")
