"""Runs the command line as a user does, and installs plugins that the tests write."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from unittest import mock

ROOT = Path(__file__).parents[1]
TINY = ("--set", "epochs=1", "--set", "train_images=32", "--set", "test_images=16")
"""The quick preset, quicker."""


def environment(
    extra: Mapping[str, str] | None = None, plugins: Path | None = None
) -> dict[str, str]:
    """The environment of a child process; ``plugins`` is a folder of test distributions."""
    path = [str(ROOT), str(ROOT / "plugins"), *([str(plugins)] if plugins else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "COLUMNS": "200", **(extra or {})}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "harness.cli.main", *map(str, arguments)]


def harness(
    *arguments: str | Path,
    cwd: Path,
    plugins: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """``harness ARGUMENTS`` in a process of its own."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(env, plugins),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def inside(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is quicker: for verbs that start no cell."""
    from harness.cli.main import main

    words = ["harness", *map(str, arguments)]
    # With bytes below the text, as some of what is printed are bytes.
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    variables = {**os.environ, "COLUMNS": "200", **(env or {})}
    code: object = 0
    with (
        mock.patch.object(sys, "argv", words),
        mock.patch.dict(os.environ, variables),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    assert code is None or isinstance(code, int)
    printed = []
    for stream in (out, err):
        stream.seek(0)
        printed.append(stream.read())
    return subprocess.CompletedProcess(words, code or 0, *printed)


def refused(*arguments: str | Path, cwd: Path, says: str) -> None:
    """One line ``harness: …`` with the words in it, exit code 2, and nothing left behind."""
    before = sorted(cwd.rglob("*"))
    done = inside(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("harness: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert sorted(cwd.rglob("*")) == before


def write_plugin(folder: Path, name: str, code: str, models: str = "") -> Path:
    """A distribution ``harness-NAME`` with one plugin: ``code`` is its light module, ``models`` the
    module ``<package>_models`` that its specs may name. Returns the folder, for ``plugins=``."""
    package = f"harness_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{package}.py").write_text(dedent(code))
    (folder / f"{package}_models.py").write_text(dedent(models))
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: harness-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cxr_harness]\n{name} = {package}\n")
    return folder


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """The folder as a file system of its own of this size, as ``mount`` writes it; skips the test
    where none can be mounted. It goes at the end, also while a process still holds a file of it."""
    import pytest

    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", folder), check=True)
