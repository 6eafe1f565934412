"""From the text of a spec to the code that it names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from plugin_sites import Site

from harness import HarnessError, MethodSpec
from harness.discovery.requirements import missing_requirements
from harness.runtime import resolve as resolving
from harness.runtime.resolve import beside, make_importable, resolve


def test_a_reference_resolves_to_what_it_names() -> None:
    assert resolve("pathlib:Path.cwd")() == Path.cwd()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("pathlib", "write 'package.module:callable'"),
        ("nowhere_at_all:build", "there is no module 'nowhere_at_all'"),
        ("site_needy:build", "site_needy needs 'nowhere_at_all', which is not installed"),
        ("site_crash:build", r"ZeroDivisionError: division by zero \(.*site_crash.py:1\)"),
        ("pathlib:Paht", r"pathlib has no 'Paht' \(did you mean 'Path'\?\)"),
        ("string:digits", "is a str and cannot be called"),
    ],
)
def test_a_reference_that_names_nothing_says_why(site: Site, reference: str, message: str) -> None:
    (site.path / "site_needy.py").write_text("import nowhere_at_all\n")
    (site.path / "site_crash.py").write_text("1 / 0\n")
    with pytest.raises(HarnessError, match=message):
        resolve(reference)


def test_requirements_that_are_not_met_are_named() -> None:
    spec = MethodSpec(
        name="net",
        factory="a:b",
        task="classification",
        family="supervised",
        summary="A network",
        requires=(
            "numpy",
            "numpy>=999",
            "nowhere-at-all[fast]>=2",
            "windows-only; python_version < '3'",
        ),
    )
    assert missing_requirements(spec) == ("numpy>=999", "nowhere-at-all[fast]>=2")


class InPlace(MetaPathFinder):
    """What ``pip install -e`` leaves: asked after the folders of ``sys.path``."""

    def __init__(self, name: str, file: Path) -> None:
        self.name, self.file = name, file

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.file)


@pytest.fixture
def beside_a_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Path]]:
    """Makes a project folder beside a local plugin, whose package is installed in place."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(resolving, "_BESIDE", set())
    made: list[str] = []

    def make(name: str) -> Path:
        inner = tmp_path / name / name
        inner.mkdir(parents=True)
        (inner / "__init__.py").write_text("HERE = 1\n")
        sys.meta_path.append(InPlace(name, inner / "__init__.py"))
        made.append(name)
        return inner

    yield make
    for name in made:
        sys.modules.pop(name, None)


def test_the_folder_of_a_project_does_not_hide_its_package_that_is_installed_in_place(
    beside_a_plugin: Callable[[str], Path], tmp_path: Path
) -> None:
    inner = beside_a_plugin("in_place_a")
    make_importable([str(tmp_path)])
    assert importlib.import_module("in_place_a").HERE == 1
    assert beside() == [str(tmp_path)]
    found = importlib.util.find_spec("in_place_a")
    assert found is not None
    assert found.origin == str(inner / "__init__.py")


def test_a_folder_of_modules_beside_a_plugin_is_still_its_own(
    beside_a_plugin: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "own_folder_b").mkdir()
    (tmp_path / "own_folder_b" / "part.py").write_text("HERE = 2\n")
    make_importable([str(tmp_path)])
    assert importlib.import_module("own_folder_b.part").HERE == 2
    for name in ("own_folder_b.part", "own_folder_b"):
        sys.modules.pop(name)
