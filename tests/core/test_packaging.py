"""setup.cfg names everything that is there."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_is_listed() -> None:
    here = {
        ".".join(init.parent.relative_to(root).parts)
        for root, pattern in (
            (ROOT, "harness/**/__init__.py"),
            (ROOT / "plugins", "**/__init__.py"),
        )
        for init in root.glob(pattern)
    }
    assert set(config()["options"]["packages"].split()) == here


def test_every_bundled_plugin_has_an_entry_point() -> None:
    lines = config()["options.entry_points"]["cxr_harness"].strip().splitlines()
    targets = {line.partition("=")[2].strip() for line in lines}
    folders = {
        path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists()
    }
    # A package may hold several plugins, each a module of its own.
    packages = {t if t == "harness.bundled" else t.partition(".")[0] for t in targets}
    assert packages == folders | {"harness.bundled"}


def test_package_data_is_shipped() -> None:
    data = config()["options.package_data"]
    for package, patterns in data.items():
        root = ROOT if package.partition(".")[0] == "harness" else ROOT / "plugins"
        folder = root.joinpath(*package.split("."))
        for pattern in patterns.split():
            assert list(folder.glob(pattern)), f"{package}: {pattern} matches nothing"


def test_mypy_checks_every_shipped_package_strictly() -> None:
    mypy = config()["mypy"]
    checked = [ROOT / name.strip() for name in mypy["files"].split(",")]
    for package in config()["options"]["packages"].split():
        top = package.partition(".")[0]
        folder = ROOT / top if top == "harness" else ROOT / "plugins" / top
        assert any(folder.is_relative_to(root) for root in checked), package
    assert mypy["strict"] == "true"
