"""A plugin to begin with: five files that can be installed, checked and run as they are."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType

from harness.discovery.find import find, wrong_name
from harness.errors import HarnessError
from harness.provenance import harness_version

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin."""

    module: str
    """The file with its code, without ``.py``."""
    check: str
    """What ``harness check`` takes besides the name."""
    run: str
    """What ``harness run`` takes, for a first row."""
    shows: str
    """What that row is."""


_ROW = "--plugins $plugin,baselines"

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "method": Kind("model", "", _ROW, "`$plugin/net` is a row beside the baselines"),
        "segmenter": Kind("model", "", _ROW, "`$plugin/net` is a row with its Dice"),
        "plain": Kind("model", "", _ROW, "`$plugin/histogram` is a row beside the baselines"),
        "dataset": Kind(
            "data",
            "--data-root DIR",
            "--dataset $plugin --data-root DIR --plugins baselines",
            "the baselines are rows on your images, which are `DIR/<class>/<patient>_<number>.png`",
        ),
        "metric": Kind("metric", "", "--plugins baselines", "the table has a column `worst`"),
        "executor": Kind(
            "executor",
            "",
            "--executor $plugin --plugins baselines",
            "every cell ran in an interpreter of its own",
        ),
        "logger": Kind(
            "logger",
            "",
            "--log $plugin --plugins baselines",
            "`results/*/loggers/$plugin/` holds a line for every epoch",
        ),
    }
)


def new_plugin(name: str, kind: str, parent: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the plugin into the new folder ``parent/name``.

    Args:
        name: lower-case letters, digits, ``_`` and ``-``.
        kind: one of :data:`KINDS`.

    Returns:
        The folder, and the commands that come next.

    Raises:
        HarnessError: the name cannot be a plugin's, the folder exists, or cannot be written.
    """
    package = _package_of(name)
    folder = parent / name
    words = {
        "plugin": name,
        "package": package,
        "dist": name.replace("_", "-"),
        "title": "".join(part.capitalize() for part in package.split("_")),
        "version": ".".join(harness_version().split(".")[:2]),
        "kind": kind,
        "module": KINDS[kind].module,
    }
    steps = _commands(KINDS[kind], words)
    words |= {
        "commands": "\n".join(steps),
        "shows": Template(KINDS[kind].shows).substitute(words),
    }
    contents = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{package}/__init__.py": f"{kind}.init.py",
        f"{package}/{KINDS[kind].module}.py": f"{kind}.py",
        f"tests/test_{package}.py": "test.py",
    }
    texts = {file: _filled(template, words) for file, template in contents.items()}
    try:
        folder.mkdir()
        for file, text in texts.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise HarnessError(f"{folder} exists; choose another name") from error
    except OSError as error:
        raise HarnessError(f"{folder} cannot be written ({error.strerror})") from error
    return folder, steps


def _package_of(name: str) -> str:
    if not _NAME.match(name):
        raise HarnessError(
            f"{name!r} cannot name a plugin: use lower-case letters, digits, '_' and '-', with a "
            "letter first"
        )
    if wrong := wrong_name(name):
        raise HarnessError(wrong)
    package = name.replace("-", "_")
    if keyword.iskeyword(package):
        raise HarnessError(f"{name!r} is a word of Python; choose another name")
    for _, record in find():
        if record.name == name:
            raise HarnessError(
                f"{name!r}: a plugin of this name is installed ({record.origin}); choose another "
                "name"
            )
    # A package of the same name would be imported in its place, or it in that one's.
    if package in sys.stdlib_module_names or importlib.util.find_spec(package) is not None:
        raise HarnessError(f"{name!r}: a module {package!r} is installed; choose another name")
    return package


def _commands(kind: Kind, words: Mapping[str, str]) -> tuple[str, ...]:
    check = f"harness check {words['plugin']} {kind.check}".rstrip()
    return (
        f"cd {words['plugin']}",
        "pip install -e .",
        "harness plugins",
        check,
        f"harness run {Template(kind.run).substitute(words)}",
    )


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = files("harness.authoring").joinpath("templates", f"{template}.txt").read_text("utf-8")
    return Template(text).substitute(words)
