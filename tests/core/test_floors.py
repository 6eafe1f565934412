"""The house: every module in a room, every room on a floor, and imports that only go down.

An import counts wherever it stands: in a function or for type checking only, too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "harness"
FLOORS = (
    ("cli",),
    ("api",),
    ("upkeep", "progress", "authoring", "testing"),
    ("planning",),
    ("execution", "inference"),
    ("cell",),
    ("report", "weights"),
    ("discovery",),
    ("training", "hookspecs"),
    ("metrics", "study"),
    ("results",),
    ("data", "tasks"),
    ("storage", "provenance"),
    ("runtime", "specs", "protocol"),
    ("values",),
    ("errors", "seeds", "machine"),
)
"""From top to bottom. A room imports from lower floors and from itself."""
FACE = ("harness", "harness.__main__", "harness.bundled")
"""The public face imports from anywhere, and whatever imports it is what uses the harness."""
HEAVY = ("torch", "torchvision", "timm", "transformers", "segmentation_models_pytorch", "sklearn")
WITH_TORCH = ("training", "tasks", "cell")
BUILDS_MODELS = ("inference.export", "inference.onnx_file", "inference.predict")
"""The modules outside of these rooms that build a model again."""
USES_MODELS = "harness.testing.methods"
"""The inner room whose modules use methods to check them."""


@cache
def modules() -> Mapping[str, Path]:
    """Dotted name -> file, of all there are."""
    found = {}
    for file in HOUSE.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(name: str) -> set[str]:
    """The modules of the harness that a module imports, at any place and for any purpose."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import in line {node.lineno}"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules().keys()
            if not inner <= modules().keys():
                found.add(str(node.module))
    return {other for other in found if other in modules() and other != name}


@cache
def imports() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(imported(name)) for name in modules()}


def floor_of(name: str) -> int:
    """How far below the top; the module's room is the first folder, or the module itself."""
    room = name.split(".")[1]
    return next(index for index, rooms in enumerate(FLOORS) if room in rooms)


def inner_room(name: str) -> str:
    """The folder that a module lies in; a module at the root is a room of its own."""
    folder = ".".join(modules()[name].parent.relative_to(ROOT).parts)
    return name if folder == "harness" else folder


def circles(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """What imports itself by way of others: every name that can be reached from itself."""
    found = []
    for start in edges:
        seen: set[str] = set()
        todo = list(edges[start])
        while todo:
            if (name := todo.pop()) not in seen:
                seen.add(name)
                todo += edges.get(name, ())
        if start in seen:
            found.append(start)
    return found


def test_every_module_has_a_floor() -> None:
    rooms = {name.split(".")[1] for name in modules() if name not in FACE}
    assert rooms == {room for floor in FLOORS for room in floor}


@pytest.mark.parametrize("name", sorted(set(modules()) - set(FACE)))
def test_a_module_imports_from_lower_floors_and_from_its_own_room(name: str) -> None:
    room = name.split(".")[1]
    wrong = [
        other
        for other in imports()[name]
        if other in FACE or (other.split(".")[1] != room and floor_of(other) <= floor_of(name))
    ]
    assert not wrong


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circles({name: imports()[name] for name in modules() if name not in FACE}) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    edges: dict[str, set[str]] = {}
    for name in set(modules()) - set(FACE):
        others = {inner_room(other) for other in imports()[name]}
        edges.setdefault(inner_room(name), set()).update(others - {inner_room(name)})
    assert circles(edges) == []


def test_rooms_are_small_enough_to_be_looked_over() -> None:
    crowded = {
        room: count
        for room in {inner_room(name) for name in modules()}
        if (count := sum(inner_room(name) == room for name in modules())) > 16
        # One small file per verb, by whose name it is found.
        and room != "harness.cli"
    }
    assert crowded == {}


def without_torch() -> list[str]:
    return sorted(
        name
        for name in modules()
        if name == "harness"
        or (
            name.split(".")[1] not in WITH_TORCH
            and name.removeprefix("harness.") not in BUILDS_MODELS
            and inner_room(name) != USES_MODELS
        )
    )


def test_the_torch_free_part_of_the_house_imports_no_torch() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {without_torch()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        "    if loaded: sys.exit(f'{name} imports {loaded}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


LIGHT_PLUGINS = sorted(file.parent.name for file in (ROOT / "plugins").glob("*/__init__.py"))


@pytest.mark.parametrize("package", LIGHT_PLUGINS)
def test_the_light_module_of_a_bundled_plugin_imports_no_torch(package: str) -> None:
    code = (
        f"import sys, {package}\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'{loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_bundled_plugins_use_the_public_face_only() -> None:
    public = {f"harness.{name}" for name in harness.__all__}
    for file in (ROOT / "plugins").rglob("*.py"):
        used = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used |= {f"{node.module}.{alias.name}" for alias in node.names}
        used = {n for n in used if n.split(".")[0] == "harness"}
        assert used <= public | {"harness"}, f"{file.relative_to(ROOT)}: {sorted(used - public)}"


def test_every_public_name_exists() -> None:
    for name in harness.__all__:
        assert getattr(harness, name) is not None
