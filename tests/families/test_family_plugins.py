"""A plugin offers a family: names are resolved one at a time, apart, and never expanded."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_tools import harness as in_shell
from cli_tools import write_plugin

from harness import FamilySpec, HarnessError, SpecError, provenance
from harness.discovery.families import member, search, with_members
from harness.discovery.registry import Plugins
from harness.discovery.select import select, taken

LIGHT = """
import harness

HARNESS_API = 1


@harness.hookimpl
def harness_families():
    yield harness.FamilySpec(
        pattern="<shelf>/<Name>".lower(),
        summary="Rules of a shelf",
        resolve="harness_shelf_models:resolve",
        search="harness_shelf_models:search",
        library="numpy",
        strategies=("full", "half"),
    )
"""
MODELS = """
import torch, pathlib, os, harness

LOG = pathlib.Path(__file__).with_name("asked.txt")

def resolve(name):
    with LOG.open("a") as log:
        log.write(name + chr(10))
    base, _, strategy = name.partition("@")
    if base == "top/Crash":
        os.abort()
    if base == "top/Wrong":
        return "a rule"
    if base not in dict(search()):
        raise harness.HarnessError(f"no rule {base!r} on the shelf")
    return harness.MethodSpec(
        name=f"{base}@{strategy or 'full'}", factory="harness_shelf_models:Rule",
        task="classification", family="rule", summary="A rule", params={"base": base})

def search():
    return [("top/Majority", "the first"), ("top/Minority", "the second")]
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = write_plugin(tmp_path / "site", "shelf", LIGHT, MODELS)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))
    # Every test has a package of this name in a folder of its own.
    provenance.package_directory.cache_clear()
    provenance.source_digest.cache_clear()
    yield folder
    for name in [name for name in sys.modules if name.startswith("harness_shelf")]:
        del sys.modules[name]


@pytest.fixture
def plugins(shelf: Path) -> Plugins:
    from harness.planning.installed_plugins import installed_plugins

    return installed_plugins()


def asked(shelf: Path) -> list[str]:
    file = shelf / "asked.txt"
    return file.read_text().split() if file.is_file() else []


def test_a_name_is_resolved_once_and_then_remembered(plugins: Plugins, shelf: Path) -> None:
    for _ in range(2):
        found = with_members(["shelf/top/Majority@half"], (), plugins)
        assert select(["shelf/top/Majority@half"], (), found) == ("shelf/top/Majority@half",)
        assert found.methods["shelf/top/Majority@half"].spec.params == {"base": "top/Majority"}
    assert asked(shelf) == ["top/Majority@half"]
    assert "harness_shelf_models" not in sys.modules


def test_another_library_or_another_source_asks_again(
    plugins: Plugins, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask() -> int:
        with_members(["shelf/top/Majority"], (), plugins)
        return len(asked(shelf))

    assert ask() == 1
    models = shelf / "harness_shelf_models.py"
    models.write_text(models.read_text() + "\n# changed\n")
    provenance.source_digest.cache_clear()
    assert ask() == 2
    monkeypatch.setattr(provenance, "version", lambda name: "99")
    assert ask() == 3


def test_a_name_without_a_strategy_is_taken_as_the_familys_own(plugins: Plugins) -> None:
    found = with_members(["shelf/top/Majority,baselines/pixels"], (), plugins)
    assert select(["shelf/top/Majority"], (), found) == ("shelf/top/Majority@full",)
    assert taken(["shelf/top/Majority"], found) == {"shelf/top/Majority": "shelf/top/Majority@full"}


def test_nothing_expands_a_family(plugins: Plugins, shelf: Path) -> None:
    for pattern in ("all", "task:classification", "family:rule"):
        found = with_members([pattern], (), plugins)
        assert found.methods == plugins.methods
    for pattern in ("shelf/*", "shelf/top/M*@full"):
        with pytest.raises(HarnessError, match="no glob expands a family") as refused:
            with_members([pattern], (), plugins)
        assert "harness plugins --search" in str(refused.value)
        assert "lists 2 names" in str(refused.value)
    assert with_members((), ["shelf/*"], plugins).methods == plugins.methods
    assert asked(shelf) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shelf/top/Majorty", "no rule 'top/Majorty' on the shelf (did you mean 'top/Majority'?)"),
        ("shelf/top", "are called shelf/<shelf>/<name>[@strategy]"),
        ("shelf", "harness plugins --search 'shelf/*' lists them"),
        ("shelf/a/b/c", "are called shelf/<shelf>/<name>[@strategy]"),
        ("shelf/top/Crash", "killed by SIGABRT while resolving top/Crash"),
        ("shelf/top/Wrong", "returned str for 'top/Wrong'; it must return a MethodSpec"),
    ],
)
def test_a_name_that_is_none_is_one_sentence(plugins: Plugins, name: str, says: str) -> None:
    with pytest.raises(HarnessError) as refused:
        with_members([name], (), plugins)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_refusal_is_not_remembered(plugins: Plugins, shelf: Path) -> None:
    for _ in range(2):
        with pytest.raises(HarnessError):
            member("shelf/top/None", plugins)
    assert asked(shelf) == ["top/None", "top/None"]


def test_names_are_found_by_a_glob_or_a_part(plugins: Plugins) -> None:
    for pattern in ("shelf/*", "majority", "shelf/top/m*@half", "*inority"):
        ids = {one.id for one in search(pattern, plugins)}
        assert ids & {"shelf/top/Majority", "shelf/top/Minority"}
    assert [one.id for one in search("shelf/top/Minority", plugins)] == ["shelf/top/Minority"]
    assert search("baselines/pix*", plugins)[0].id == "baselines/pixels"


def test_the_command_lists_families_and_searches_them(shelf: Path, tmp_path: Path) -> None:
    listed = in_shell("plugins", cwd=tmp_path, plugins=shelf)
    assert "shelf/<shelf>/<name>" in listed.stdout
    found = in_shell("plugins", "--search", "shelf/*", "--json", cwd=tmp_path, plugins=shelf)
    assert json.loads(found.stdout) == [
        {"id": f"shelf/top/{name}", "summary": words, "strategies": ["full", "half"]}
        for name, words in (("Majority", "the first"), ("Minority", "the second"))
    ]
    card = in_shell("plugins", "shelf/top/Majority", cwd=tmp_path, plugins=shelf)
    assert "shelf/top/Majority@full" in card.stdout
    assert "other strategies  shelf/top/Majority@half" in card.stdout
    nothing = in_shell("plugins", "--search", "shelf/x*", cwd=tmp_path, plugins=shelf)
    assert nothing.returncode == 2
    assert "no name that a family lists, matches" in nothing.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pattern": "model"}, "write it as '<architecture>/<encoder>'"),
        ({"resolve": "resolve"}, "resolve is 'resolve'; write 'package.module:callable'"),
        ({"search": "a:b:c"}, "search is 'a:b:c'"),
        ({"library": ""}, "names no library"),
        ({"requires": ("a b",)}, "requires 'a b'"),
    ],
)
def test_a_family_that_breaks_the_contract_is_refused(changes: dict[str, str], says: str) -> None:
    good = {
        "pattern": "<model>",
        "summary": "Models",
        "resolve": "a:b",
        "search": "a:c",
        "library": "numpy",
    }
    FamilySpec(**good)  # type: ignore[arg-type]
    with pytest.raises(SpecError) as refused:
        FamilySpec(**{**good, **changes})  # type: ignore[arg-type]
    assert says in str(refused.value)
