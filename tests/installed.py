"""Copies of the harness that are edited and installed, without touching the one under test.

They lie on PYTHONPATH, before everything else that is installed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
_COMMAND = "from harness.cli.main import main; main()"


class Installed:
    """The harness and its bundled plugins in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "harness", folder / "harness", ignore=ignore)
        shutil.copytree(ROOT / "plugins", folder, ignore=ignore, dirs_exist_ok=True)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that the file has once."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new))

    def library(self, name: str, version: str) -> None:
        """Say that a library is of another version than it is."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    def release(self, version: str) -> None:
        """Make of the files as they are what ``pip install cxr-harness==VERSION`` leaves."""
        for old in self.folder.glob("cxr_harness-*.dist-info"):
            shutil.rmtree(old)
        info = self.folder / f"cxr_harness-{version}.dist-info"
        info.mkdir()
        here = distribution("cxr-harness")
        texts = {
            "METADATA": here.read_text("METADATA") or here.read_text("PKG-INFO"),
            "entry_points.txt": here.read_text("entry_points.txt"),
        }
        for name, text in texts.items():
            assert text is not None, f"the installed harness has no {name}"
            now = text.replace(f"\nVersion: {here.version}\n", f"\nVersion: {version}\n")
            (info / name).write_text(now)
        files = sorted(file for file in self.folder.rglob("*") if self._is_recorded(file))
        lines = [f"{file.relative_to(self.folder).as_posix()},{_hash(file)},0" for file in files]
        (info / "RECORD").write_text("\n".join(lines) + "\n")

    def _is_recorded(self, file: Path) -> bool:
        return file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """``harness ARGUMENTS`` of this installation."""
        return subprocess.run(
            [sys.executable, "-P", "-c", _COMMAND, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def names(self, *methods: str) -> dict[str, str]:
        """Method -> the name that its cell has here."""
        done = self.run("plan", "--plugins", ",".join(methods), "--json", cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return {cell["method"]: cell["cell"] for cell in json.loads(done.stdout)["cells"]}


def _hash(file: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest())
    return "sha256=" + digest.rstrip(b"=").decode()
