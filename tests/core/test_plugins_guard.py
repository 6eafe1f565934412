"""The import guard: no plugin may pull in a deep-learning library while it is described."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from plugin_sites import GOOD, HEAD, Site, hook

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stand_in_for_torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``torch`` is loaded in this process, by whatever else it does."""
    torch = sys.modules.get("torch") or ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    return torch


HEAVY_IMPORTS = {
    "statement": "import torch\n",
    "from": "from torch import nn\n",
    "submodule": "import torch.nn.functional as F\n",
    "import_module": "import importlib\nimportlib.import_module('torch')\n",
    "caught": "try:\n    import torch\nexcept ImportError:\n    torch = None\n",
    "timm": "import timm\n",
    "torchvision": "import torchvision\n",
    "transformers": "import transformers\n",
    "smp": "import segmentation_models_pytorch\n",
}


@pytest.mark.parametrize("how", sorted(HEAVY_IMPORTS))
def test_a_heavy_import_is_refused_even_where_torch_is_loaded(
    site: Site, stand_in_for_torch: ModuleType, how: str
) -> None:
    module = site.install("heavy", GOOD + HEAVY_IMPORTS[how])
    line = GOOD.count("\n") + {"import_module": 2, "caught": 2}.get(how, 1)
    for _ in range(2):  # the second time must not find what the first one left half imported
        plugins = site.discover()
        (record,) = plugins.records
        assert record.status == "failed"
        assert f"at {site.path / module}.py:{line}" in record.reason
        assert not plugins.methods
    assert sys.modules["torch"] is stand_in_for_torch


def test_a_heavy_import_in_a_registration_hook_is_refused(site: Site) -> None:
    record = site.record("heavy", HEAD + hook("harness_methods", "import timm\n    return []"))
    assert record.status == "failed"
    assert "imports timm at" in record.reason


@pytest.mark.parametrize("library", ["importlib.metadata", "importlib_metadata"])
def test_a_heavy_import_of_another_module_names_both_lines(site: Site, library: str) -> None:
    # Once imported, the second takes part in finding entry points.
    pytest.importorskip(library)
    (site.path / "site_helper.py").write_text("\n\nimport torch\n")
    module = site.install("heavy", HEAD + "import site_helper\n")
    reason = site.discover().records[0].reason
    assert f"imports torch at {site.path / 'site_helper.py'}:3" in reason
    assert f"through {site.path / module}.py:3" in reason


def test_asking_whether_torch_is_installed_is_allowed(site: Site) -> None:
    code = GOOD + "import importlib.util\nFOUND = importlib.util.find_spec('torch')\n"
    assert site.record("asks", code).status == "ok"


def test_after_discovery_torch_can_be_imported_again(site: Site) -> None:
    site.record("heavy", GOOD + "import torch\n")
    finders = [type(finder).__name__ for finder in sys.meta_path]
    assert "ImportGuard" not in finders


def test_discovery_of_everything_installed_loads_no_torch() -> None:
    code = (
        "import sys; sys.path[:0] = ['.', 'plugins']\n"
        "from harness.discovery.registry import discover\n"
        "discover()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 0
