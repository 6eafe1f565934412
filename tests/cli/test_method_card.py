"""``harness plugins METHOD``: all that is known of one method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.planning.installed_plugins import installed_plugins
from tests.cli_tools import inside


@pytest.mark.parametrize("method", list(installed_plugins().methods))
def test_every_bundled_method_has_a_card_of_its_spec(tmp_path: Path, method: str) -> None:
    entry = installed_plugins().methods[method]
    done = inside("plugins", method, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["id"] == method
    assert facts["summary"] == entry.spec.summary
    assert facts["params"].keys() == entry.spec.params.keys()
    assert (facts["weights"] or {}).get("id") == (entry.spec.weights and entry.spec.weights.id)
    name = entry.spec.factory.partition(":")[2]
    assert f"{name}" in Path(facts["code"]).read_text(encoding="utf-8")
    shown = inside("plugins", method, cwd=tmp_path, env={"COLUMNS": "80"})
    assert shown.returncode == 0, shown.stderr
    words = " ".join(shown.stdout.split())
    assert entry.spec.summary in words
    if entry.spec.weights is not None:
        assert f"licence: {entry.spec.weights.licence}" in words


def test_a_bare_name_will_do_and_several_are_named(tmp_path: Path) -> None:
    assert "supervised/swin_b" in inside("plugins", "swin_b", cwd=tmp_path).stdout
    several = inside("plugins", "dinov2_base", cwd=tmp_path)
    assert several.returncode == 2
    assert "ssl/dinov2_base@full, ssl/dinov2_base@linear" in several.stderr
    unknown = inside("plugins", "supervised/swin_c", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "supervised/swin_b" in unknown.stderr
