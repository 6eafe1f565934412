"""The files that say how the project is contributed to, checked, cited and released agree with each
other and with the code."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import harness as public
from tests.cli_tools import ROOT
from tests.markdown import blocks, links

DOCS = ROOT / "docs"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
FORMS = ("bug_report.yml", "feature_request.yml")


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def contributing_commands() -> list[list[str]]:
    lines = [
        line
        for block in blocks(CONTRIBUTING)
        if block.language == "bash"
        for line in block.text.splitlines()
    ]
    return [shlex.split(line, comments=True) for line in lines]


# The map of the documentation


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_every_page_is_linked_from_the_index_and_the_index_from_the_readme(page: Path) -> None:
    source = ROOT / "README.md" if page.name == "index.md" else DOCS / "index.md"
    assert page in [(source.parent / target).resolve() for target in links(source)]


def test_the_readme_links_what_a_contributor_and_a_citing_author_look_for() -> None:
    assert set(links(ROOT / "README.md")) >= {
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CITATION.cff",
    }


# Versions and names


def test_the_citation_has_the_version_licence_and_authors_of_the_package() -> None:
    citation, metadata = loaded(ROOT / "CITATION.cff"), config()["metadata"]
    assert str(citation["version"]) == public.__version__
    assert citation["license"] == metadata["license"]
    assert [author["name"] for author in citation["authors"]] == [metadata["author"]]


def test_the_changelog_has_the_version_of_the_package_and_nothing_newer_but_unreleased() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert public.__version__ in headings
    assert headings[0] in ("Unreleased", public.__version__)


# Contributing


def test_the_commands_for_contributors_call_targets_that_make_has() -> None:
    asked = {words[1] for words in contributing_commands() if words[0] == "make"}
    assert {"lint", "test"} < asked
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", *sorted(asked)],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_commands_for_contributors_select_tests_that_exist() -> None:
    calls = [words[3:] for words in contributing_commands() if words[1:3] == ["-m", "pytest"]]
    assert calls
    for path, *rest in calls:
        text = (ROOT / path).read_text()
        assert "def test_" in text
        if rest:
            option, word = rest
            assert option == "-k"
            assert word in text


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "SECURITY.md"])
def test_the_files_that_contributors_are_sent_to_exist(document: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / document).read_text(), flags=re.DOTALL | re.M)
    named = re.findall(r"`(\.?[\w-]+(?:/[\w.-]*)+|[\w-]+\.(?:md|cfg|cff|toml))`", text)
    made = {".venv/.installed-test", "study.toml"}
    missing = [name for name in named if name not in made and not (ROOT / name).exists()]
    assert missing == []


def test_the_version_of_python_for_contributors_is_the_oldest_that_installs() -> None:
    oldest = config()["options"]["python_requires"].removeprefix(">=")
    assert f"Python {oldest} or newer" in CONTRIBUTING.read_text()


# What checks a change


def test_the_workflow_runs_the_one_command_that_decides() -> None:
    (job,) = loaded(WORKFLOW)["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_version_of_python_that_is_claimed_is_tested() -> None:
    (job,) = loaded(WORKFLOW)["jobs"].values()
    claimed = re.findall(r"Python :: (3\.\d+)", config()["metadata"]["classifiers"])
    assert job["strategy"]["matrix"]["python"] == claimed
    assert config()["options"]["python_requires"] == f">={claimed[0]}"


def test_the_hooks_of_a_commit_are_the_tools_that_make_lint_calls() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    (repository,) = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"

    def tools(lines: list[str]) -> list[list[str]]:
        words = [line.strip().replace("$(BIN)", ".venv/bin").split() for line in lines]
        return [[w for w in line if not w.startswith("-") and w != "."] for line in words]

    assert tools([hook["entry"] for hook in repository["hooks"]]) == tools(recipe[1].splitlines())


@pytest.mark.parametrize("form", FORMS)
def test_an_issue_form_has_what_github_requires(form: str) -> None:
    asked = loaded(ROOT / ".github" / "ISSUE_TEMPLATE" / form)
    assert asked["name"] and asked["description"]
    ids = [part["id"] for part in asked["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
    for part in asked["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"]["value" if part["type"] == "markdown" else "label"]
