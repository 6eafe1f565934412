"""Distributions with plugins, made for a test and installed where it looks."""

from __future__ import annotations

import textwrap
from importlib.metadata import distributions
from pathlib import Path

from harness.discovery.registry import PluginRecord, Plugins, discover

HEAD = "import harness\nHARNESS_API = 1\n"
METHOD = """
def method(name="net", **more):
    return harness.MethodSpec(name=name, factory="somewhere:build", task="classification",
                              family="supervised", summary="A network", **more)
"""
GOOD = HEAD + METHOD + "@harness.hookimpl\ndef harness_methods():\n    yield method()\n"


class Site:
    """A folder on ``sys.path`` into which distributions are installed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(
        self,
        plugin: str,
        code: str,
        *,
        dist: str | None = None,
        version: str = "1.0",
        requires: str = "",
        value: str | None = None,
        direct_url: str = "",
    ) -> str:
        """Installs a distribution with one plugin; returns the name of its module."""
        dist = dist or f"dist-{plugin}"
        module = f"site_{dist}_{plugin}".replace("-", "_").replace(".", "_")
        info = self.path / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n{needs}"
        )
        if direct_url:
            (info / "direct_url.json").write_text(direct_url)
        entries = info / "entry_points.txt"
        lines = entries.read_text() if entries.exists() else "[cxr_harness]\n"
        entries.write_text(f"{lines}{plugin} = {value or module}\n")
        (self.path / f"{module}.py").write_text(textwrap.dedent(code))
        return module

    def discover(self, disabled: tuple[str, ...] = ()) -> Plugins:
        """Discovers what this site holds, and nothing else that is installed."""
        found = [
            entry_point
            for dist in distributions(path=[str(self.path)])
            for entry_point in dist.entry_points
        ]
        return discover(disabled, entry_points=found)

    def record(self, plugin: str, code: str, **more: str) -> PluginRecord:
        """The one record of a site with one plugin."""
        self.install(plugin, code, **more)  # type: ignore[arg-type]
        (record,) = self.discover().records
        return record


def hook(name: str, body: str, arguments: str = "") -> str:
    return f"@harness.hookimpl\ndef {name}({arguments}):\n    {body}\n"


TASK = HEAD + hook(
    "harness_tasks",
    "yield harness.TaskSpec(name='grading', summary='Grades', primary=('label.f1',), targets=("
    "harness.TargetSpec(name='label', kind='classes', loss='a:b', activation='softmax'),))",
)
"""A plugin that offers the task ``grading``."""
