"""From the text of a spec to the code that it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_sites import Site

from harness import HarnessError, MethodSpec
from harness.discovery.requirements import missing_requirements
from harness.runtime.resolve import resolve


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
