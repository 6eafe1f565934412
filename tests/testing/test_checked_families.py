"""Promises of a family: what breaks one is caught by its check, and by no other."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.discovery.registry import discover
from harness.testing.generate import checks_of
from harness.testing.perform import not_worth_it, perform
from tests.core.plugin_sites import HEAD, Site

CODE = (
    HEAD
    + """
@harness.hookimpl
def harness_families():
    yield harness.FamilySpec(
        pattern="<model>", summary="Networks by name", resolve="{module}:resolve",
        search="{module}:search", library="packaging", strategies=("full", "freezeN"),
    )

def search():
    return {listed}

def resolve(name):
    base, _, strategy = name.partition("@")
    if base not in ("one", "two") or {refuses}:
        raise harness.HarnessError("there is no " + name)
    return harness.MethodSpec(
        name=base + "@" + (strategy or "full"), factory="somewhere:build", task={task!r},
        family="named", summary="A network",
    )
"""
)
HONEST = {
    "listed": "[('one', 'The first'), ('two', 'The second')]",
    "refuses": "strategy not in ('', 'full')",
    "task": "classification",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on ``sys.path``, and no trace of its modules afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("changes", "promise", "seen"),
    [
        ({}, None, ""),
        ({"listed": "[]"}, "lists", "search() lists no name of the form <model>"),
        ({"listed": "[('one', 'a'), ('one', 'b')]"}, "lists", "lists 'named/one' twice"),
        ({"listed": "[('three', 'a')]"}, "resolves", "there is no three"),
        ({"task": "guessing"}, "resolves", "is of the task 'guessing', which no plugin offers"),
        ({"refuses": "False"}, "refuses", "it makes named/one@no-such-strategy of"),
    ],
)
def test_families(changes: dict[str, str], promise: str | None, seen: str, site: Site) -> None:
    # Answers are remembered by the distribution, and the places of modules by their names.
    dist = f"dist{zlib.crc32(repr(changes).encode())}"
    code = CODE.format(module=f"site_{dist}_named", **{**HONEST, **changes})
    site.install("named", code, dist=dist)
    plugins = replace(site.discover(), tasks=discover().tasks)
    found, verdicts = {}, dict[str, str]()
    for check in checks_of("named", plugins):
        if not not_worth_it(check, verdicts):
            outcome = found[check.promise.name] = perform(check)
            verdicts[check.id] = outcome.verdict
    failed = {name: outcome.seen for name, outcome in found.items() if outcome.verdict == "failed"}
    assert list(failed) == ([] if promise is None else [promise]), failed
    assert seen in failed.get(str(promise), "")
