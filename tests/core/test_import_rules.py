"""Who may import whom. The rules keep half of the house free of torch and plugins honest."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "timm", "transformers", "segmentation_models_pytorch", "sklearn")
TORCH_FREE = (
    "harness",
    "harness.specs",
    "harness.hookspecs",
    "harness.discovery.registry",
    "harness.discovery.select",
    "harness.bundled",
    "harness.protocol",
    "harness.study",
    "harness.planning.planner",
    "harness.planning.methods",
    "harness.planning.params",
    "harness.planning.study_file",
    "harness.storage.toml_text",
    "harness.planning.estimates",
    "harness.runtime.stopwatch",
    "harness.planning.forecast",
    "harness.upkeep.cleaning",
    "harness.upkeep.check_installation",
    "harness.upkeep.check_machine",
    "harness.weights",
    "harness.data.splits.make",
    "harness.data.store.prepared",
    "harness.data.defects.admission",
    "harness.data.dataset_card",
    "harness.metrics.scoring",
    "harness.results.rundir",
    "harness.metrics.classification",
    "harness.metrics.segmentation",
    "harness.report.render",
    "harness.execution.session",
    "harness.execution.process",
    "harness.cli.main",
    "harness.cli.run",
    "harness.cli.plan",
    "harness.cli.plugins",
    "harness.cli.status",
    "harness.cli.score",
    "harness.cli.report",
    "harness.cli.show",
    "harness.cli.predict",
    "harness.cli.export",
    "harness.report.cell.records",
    "harness.results.lookup",
    "harness.inference.model_card",
    "harness.inference.finished",
    "harness.inference.images",
    "harness.cli.weights",
    "harness.cli.data",
    "harness.cli.reproduce",
    "harness.cli.clean",
    "harness.cli.doctor",
    "harness.cli.completion",
    "harness.execution.study_folder",
    "harness.machine",
    "harness_radiography",
    "harness_folder.dataset",
    "harness_phantom",
    "harness_supervised",
    "harness_ssl",
    "harness_clip",
    "harness_segmentation",
    "harness_multitask",
    "harness_baselines",
)
FORBIDDEN = {
    "data": ("cli", "execution", "report", "study"),
    "training": ("cli", "execution", "report", "study", "plugins"),
    "tasks": ("cli", "execution", "report", "results", "study"),
    "metrics": ("cli", "execution", "report", "training", "tasks", "study"),
    "results": ("cli", "execution", "report", "training", "tasks", "study"),
    "report": ("cli", "execution", "training", "tasks", "study"),
    "execution": ("cli", "report"),
}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, but not for type checking only."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("module", TORCH_FREE)
def test_the_torch_free_half_does_not_import_torch(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'{loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_rooms_import_in_one_direction(room: str) -> None:
    banned = {f"harness.{other}" for other in FORBIDDEN[room]}
    for file in (ROOT / "harness" / room).rglob("*.py"):
        wrong = {n for n in imports(file) for b in banned if n == b or n.startswith(f"{b}.")}
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def test_nothing_but_the_command_line_imports_the_command_line() -> None:
    for file in (ROOT / "harness").rglob("*.py"):
        if "cli" not in file.relative_to(ROOT).parts:
            assert not any(name.startswith("harness.cli") for name in imports(file)), file


def test_bundled_plugins_use_the_public_face_only() -> None:
    public = {f"harness.{name}" for name in harness.__all__}
    for file in (ROOT / "plugins").rglob("*.py"):
        used = {n for n in imports(file) if n == "harness" or n.startswith("harness.")}
        assert used <= public | {"harness"}, f"{file.relative_to(ROOT)}: {sorted(used - public)}"


def test_every_public_name_exists() -> None:
    for name in harness.__all__:
        assert getattr(harness, name) is not None
