"""``harness plugins``"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import HarnessError
from harness.cli.plugins import command

LOADS = """
import harness
HARNESS_API = 1

@harness.hookimpl
def harness_methods():
    print("hello")
    yield harness.MethodSpec(
        name="net", factory="somewhere:build", task="segmentation", family="own",
        summary="A small network", tags=frozenset({"cnn"}),
    )
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One distribution with a plugin that loads and one that does not."""
    info = tmp_path / "zz_shown-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zz-shown\nVersion: 3.1\n")
    (info / "entry_points.txt").write_text(
        "[cxr_harness]\nzz-good = zz_shown_good\nzz-bad = zz_shown_bad\n"
    )
    (tmp_path / "zz_shown_good.py").write_text(LOADS)
    (tmp_path / "zz_shown_bad.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("zz_shown_good", None)


def lines(text: str, start: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.startswith(start)]


@pytest.mark.usefixtures("installed")
def test_the_list_shows_plugins_methods_and_reasons() -> None:
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert "zz-good ok zz-shown 3.1 1 method" in lines(result.stdout, "zz-good")
    assert lines(result.stdout, "zz-good/net") == ["zz-good/net own A small network"]
    before, _, _ = result.stdout.partition("zz-good/net")
    assert before.rindex("segmentation method") > before.rindex("multitask method")
    bad = lines(result.stdout, "zz-bad")
    assert bad[0] == "zz-bad failed zz-shown 3.1"
    assert bad[1].startswith("zz-bad: failed: ZeroDivisionError: division by zero (")
    assert "zz-good printed: hello" in result.stdout


@pytest.mark.usefixtures("installed")
def test_json_holds_everything_and_nothing_else_is_printed() -> None:
    result = CliRunner().invoke(command, ["--json"])
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    plugins = {plugin["name"]: plugin for plugin in facts["plugins"]}
    assert plugins["zz-good"]["offers"] == [{"kind": "method", "name": "net"}]
    assert plugins["zz-good"]["printed"] == "hello\n"
    assert plugins["zz-bad"]["status"] == "failed"
    assert "zz_shown_bad.py" in plugins["zz-bad"]["traceback"]
    methods = {method["id"]: method for method in facts["methods"]}
    assert methods["zz-good/net"] == {
        "id": "zz-good/net",
        "plugin": "zz-good",
        "task": "segmentation",
        "family": "own",
        "tags": ["cnn"],
        "distribution": "zz-shown",
        "version": "3.1",
        "summary": "A small network",
    }


@pytest.mark.usefixtures("installed")
def test_the_environment_disables_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_HARNESS_DISABLE", "zz-bad, zz-good")
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert "zz-good disabled zz-shown 3.1" in lines(result.stdout, "zz-good")
    assert not lines(result.stdout, "zz-good/net")


@pytest.mark.usefixtures("installed")
def test_a_misspelt_plugin_to_disable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_HARNESS_DISABLE", "zz-god")
    result = CliRunner().invoke(command)
    assert isinstance(result.exception, HarnessError)
    assert "CXR_HARNESS_DISABLE names 'zz-god'" in str(result.exception)
    assert "did you mean 'zz-good'" in str(result.exception)
