"""Named pipes, sockets and devices among the files of a dataset: none is ever opened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import HarnessError
from harness_folder.dataset import open_folder, open_table
from harness_radiography.layout import read_layout
from tests.cli_tools import environment, harness
from tests.image_files import lungs, make_folders, noise, write, write_table

WAITS = 60
"""Seconds after which a command hangs."""


def make(path: Path, kind: str) -> Path:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as bound:
            patch.chdir(path.parent)  # Names of sockets are short.
            bound.bind(path.name)
    return path


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize("name", ["x.png", "x.dcm", "x"])
def test_what_is_no_regular_file_is_left_out_and_counted(
    tmp_path: Path, kind: str, name: str
) -> None:
    root = make_folders(tmp_path / "data", {"a": 2, "b": 2}, masks=["b"])
    make(root / "a" / name, kind)
    make(root / "b" / "masks" / name, kind)
    samples = open_folder(root, pad=False).samples
    assert len(samples) == 4
    (said,) = (note for note in samples.notes if "named pipes" in note)
    assert said == (
        f"left out, named pipes, sockets and devices: 2 (a 1, b/masks 1), e.g. {name}; "
        "taken are regular files"
    )


def test_the_radiography_database_leaves_them_out_too(tmp_path: Path) -> None:
    for name in ("COVID", "Normal"):
        write(tmp_path / name / "images" / f"{name}-1.png", noise(1))
        write(tmp_path / name / "masks" / f"{name}-1.png", lungs())
    make(tmp_path / "COVID" / "images" / "COVID-2.png", "pipe")
    layout = read_layout(tmp_path)
    assert len(layout.entries) == 2
    assert any("named pipes, sockets and devices: 1" in note for note in layout.notes)


def test_no_verb_waits_for_a_pipe(tmp_path: Path) -> None:
    make(make_folders(tmp_path / "data", {"a": 2, "b": 2}) / "a" / "x.png", "pipe")
    done = harness("data", "info", "folder", "--data-root", "data", cwd=tmp_path, timeout=WAITS)
    assert done.returncode == 0, done.stderr
    assert "named pipes, sockets and devices: 1 (a 1)" in done.stdout


@pytest.mark.parametrize("name", ["x.png", "x.dcm"])
def test_reading_a_pipe_is_one_clear_error(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, "pipe")
    code = f"""
from pathlib import Path
import harness
path = Path({name!r})
assert harness.mask_grid([path], otherwise=8).side == 8
for read in (harness.read_grey, harness.read_mask, harness.image_size, lambda path:
             harness.read_table(path, {{}}, needed=())):
    try:
        read(path)
    except harness.HarnessError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAITS,
    )
    assert (
        done.stdout.splitlines()
        == [f"{name}: is a named pipe, not a regular file; move it elsewhere"] * 4
    ), done.stderr


def test_a_table_that_names_one_says_so(tmp_path: Path) -> None:
    write(tmp_path / "1.png", noise(1))
    make(tmp_path / "2.png", "pipe")
    rows = [("path", "label"), ("1.png", "a"), ("2.png", "b")]
    table = write_table(tmp_path / "t.csv", *rows)
    with pytest.raises(HarnessError, match=r"2\.png: is a named pipe, not a regular"):
        open_table(table, pad=False)
    with pytest.raises(HarnessError, match="is a device, not a regular file"):
        open_table(make(tmp_path / "dataset.csv", "device"), pad=False)


@pytest.mark.parametrize("where", ["/dev/null", "/nowhere"])
def test_groups_that_cannot_be_read_are_no_missing_groups(tmp_path: Path, where: str) -> None:
    root = make_folders(tmp_path / "data", {"a": 2, "b": 2})
    (root / "groups.csv").symlink_to(where)
    with pytest.raises(HarnessError, match=r"groups\.csv: is a (device|broken link)"):
        open_folder(root, pad=False)
