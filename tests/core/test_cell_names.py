"""A cell's name covers what can change its result, and little else.

The harness is copied and edited, and asked by another process how its cells are then called.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import harness
from harness import provenance
from harness.runtime.shadows import LIBRARIES, module_of
from tests.core.test_floors import inner_room, modules
from tests.installed import Installed

ROOT = Path(__file__).parents[2]
METHODS = ("baselines/pixels", "multitask/unet_multitask", "clip/vit_l14@short")
ABOVE_THE_CELL = ("api", "execution", "planning", "study")
"""Rooms of the public face whose code runs in the parent process, or in a script."""
NO_PART_IN_RESULTS = ("packaging",)
"""Libraries that a cell imports and that compute, decode and download nothing in it."""

NAMED_BY_METHODS = ("peft",)
"""Libraries that ``requires`` of the methods that use them names; their versions are hashed."""

IN_NO_CELL = ("harness_clusters", "harness_loggers")
"""Bundled plugins whose code runs beside cells."""


def imported_when_run(name: str) -> set[str]:
    """The modules of the harness that a module imports, at any place but for type checking."""
    tree = ast.parse(modules()[name].read_text())
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
    packages = {other.rpartition(".")[0] for other in found}
    return ((found | packages) & modules().keys()) - {"harness", name}


def closure() -> set[str]:
    """What a cell imports, and what a plugin's code may ask the public face for inside of one."""
    offered = {m for m in harness._LAZY.values() if m.split(".")[1] not in ABOVE_THE_CELL}
    found: set[str] = set()
    todo = ["harness.cell.run", *offered]
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += imported_when_run(name)
    return found


def test_the_hash_covers_the_rooms_of_what_a_cell_imports() -> None:
    rooms = {inner_room(name).removeprefix("harness.").replace(".", "/") for name in closure()}
    assert rooms == {*provenance.RESULT_ROOMS, *provenance.RESULT_MODULES}


def test_the_hash_covers_every_library_that_cells_import() -> None:
    named = {module_of(name) for name in (*LIBRARIES, *NO_PART_IN_RESULTS, *NAMED_BY_METHODS)}
    files = [modules()[name] for name in closure()]
    files += (f for f in (ROOT / "plugins").rglob("*.py") if f.parent.name not in IN_NO_CELL)
    own = {"harness", *(path.name for path in (ROOT / "plugins").iterdir())}
    used = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used.add(node.module.partition(".")[0])
    assert used - own - sys.stdlib_module_names <= named


@pytest.fixture(scope="module")
def unedited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return Installed(tmp_path_factory.mktemp("unedited")).names(*METHODS)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("harness/seeds.py", "[:8]", "[1:9]"),
        ("harness/specs.py", "return all(target.kind", "return any(target.kind"),
        ("harness/metrics/scored_set.py", "sum(numbers) / len(numbers)", "min(numbers)"),
        ("harness/cell/run.py", "from __future__", "# Edited.\nfrom __future__"),
        ("harness_phantom/dataset.py", "from __future__", "# Edited.\nfrom __future__"),
    ],
)
def test_code_that_can_change_a_result_renames_every_cell(
    unedited: dict[str, str], tmp_path: Path, file: str, old: str, new: str
) -> None:
    installed = Installed(tmp_path / "edited")
    installed.edit(file, old, new)
    edited = installed.names(*METHODS)
    assert all(edited[method] != unedited[method] for method in METHODS)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "harness/inference/onnx_file.py",
            "LARGEST_DIFFERENCE = 1e-3",
            "LARGEST_DIFFERENCE = 1e-2",
        ),
        (
            "harness/data/defects/verify.py",
            "has the same pixels as {names[members",
            "has  the same pixels as {names[members",
        ),
        ("harness/report/render.py", "from __future__", "# Edited.\nfrom __future__"),
        ("harness/planning/forecasts/forecast.py", "from __future__", "# Edited.\nfrom __future__"),
        ("harness_baselines/__init__.py", "from __future__", "# Edited.\nfrom __future__"),
    ],
)
def test_other_code_renames_no_cell(
    unedited: dict[str, str], tmp_path: Path, file: str, old: str, new: str
) -> None:
    installed = Installed(tmp_path / "edited")
    installed.edit(file, old, new)
    others = [method for method in METHODS if not file.startswith(f"harness_{method[:4]}")]
    edited = installed.names(*METHODS)
    assert {m: edited[m] for m in others} == {m: unedited[m] for m in others}


@pytest.mark.parametrize(
    "library", ["timm", "torchvision", "transformers", "segmentation-models-pytorch"]
)
def test_another_version_of_a_library_renames_every_cell(
    unedited: dict[str, str], tmp_path: Path, library: str
) -> None:
    installed = Installed(tmp_path / "upgraded")
    installed.library(library, "99.0")
    upgraded = installed.names(*METHODS)
    assert all(upgraded[method] != unedited[method] for method in METHODS)


def raise_results_version(installed: Installed) -> None:
    now = provenance.RESULTS_VERSION
    installed.edit(
        "harness/provenance.py", f"RESULTS_VERSION = {now}", f"RESULTS_VERSION = {now + 1}"
    )


class TestReleases:
    """A release is named by its results version, so that an upgrade costs no finished cell."""

    @pytest.fixture
    def installed(self, tmp_path: Path) -> Installed:
        installed = Installed(tmp_path / "site")
        installed.release("1.0.0")
        return installed

    def test_an_upgrade_of_the_same_results_version_renames_no_cell(
        self, installed: Installed
    ) -> None:
        before = installed.names(*METHODS)
        installed.edit("harness/seeds.py", "from __future__", "# Edited.\nfrom __future__")
        installed.edit("harness_clip/__init__.py", "from __future__", "# Edited.\nfrom __future__")
        installed.release("1.1.0")
        assert installed.names(*METHODS) == before

    def test_an_upgrade_of_another_results_version_renames_every_cell(
        self, installed: Installed
    ) -> None:
        before = installed.names(*METHODS)
        raise_results_version(installed)
        installed.release("2.0.0")
        after = installed.names(*METHODS)
        assert all(after[method] != before[method] for method in METHODS)

    @pytest.mark.parametrize("change", ["edited", "added", "from a folder"])
    def test_an_installation_with_local_changes_is_named_by_its_source(
        self, installed: Installed, change: str
    ) -> None:
        before = installed.names(*METHODS)
        if change == "edited":
            installed.edit("harness/seeds.py", "from __future__", "# Edited.\nfrom __future__")
        elif change == "added":
            (installed.folder / "harness" / "data" / "more.py").write_text("")
        else:
            (info,) = installed.folder.glob("cxr_harness-*.dist-info")
            (info / "direct_url.json").write_text('{"url": "file:///src", "dir_info": {}}')
        after = installed.names(*METHODS)
        assert all(after[method] != before[method] for method in METHODS)

    def test_results_of_an_older_release_are_used_and_the_report_says_so(
        self, installed: Installed, tmp_path: Path
    ) -> None:
        run = ("run", "--plugins", "baselines/majority", "--out", "results")
        first = installed.run(*run, cwd=tmp_path)
        assert first.returncode == 0, first.stderr
        report = ("report", "results")
        assert "made by" not in installed.run(*report, cwd=tmp_path).stdout
        installed.release("1.1.0")
        again = installed.run(*run, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert again.stdout.startswith("1 method kept")
        older = installed.run(*report, cwd=tmp_path).stdout
        assert "1 result was made by cxr-harness 1.0.0" in older
        assert len(list(tmp_path.glob("results/*/cells/*/*/*/status.json"))) == 1

        raise_results_version(installed)
        installed.release("2.0.0")
        shown = installed.run("report", "results", cwd=tmp_path).stdout
        said = " ".join(shown.split())
        now = provenance.RESULTS_VERSION
        assert f"1.0.0, of results version {now}; the installed 2.0.0 is of {now + 1}" in said
