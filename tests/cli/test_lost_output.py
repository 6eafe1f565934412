"""A full device and a closed pipe instead of a reader."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from tests.builders import make_cell
from tests.cli_tools import command, environment, inside

VERBS = (
    ("report", "results"),
    ("report", "results", "--format", "json"),
    ("report", "results", "--output", "/dev/stdout"),
    ("status", "results"),
    ("show", "demo/net", "--json"),
    ("plugins", "--json"),
    ("--help",),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lost")
    make_cell(folder / "results" / "study", "demo/net", label={"f1": 0.5})
    return folder


@pytest.mark.parametrize("arguments", VERBS, ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_device_is_one_message(
    arguments: tuple[str, ...], unbuffered: str, folder: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*arguments), cwd=folder, env=environment({"PYTHONUNBUFFERED": unbuffered}),
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("harness: ")
    assert "cannot be written (No space left on device)" in done.stderr
    assert done.stderr.count("\n") == 1


def without(descriptors: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it with these descriptors closed."""
    closed = " ".join(f"{number}>&-" for number in descriptors)
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command(*arguments)], cwd=cwd,
        env=environment(), capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", (*VERBS[:2], *VERBS[3:], ("--version",)), ids=" ".join)
def test_a_standard_output_that_is_closed_is_one_message(
    arguments: tuple[str, ...], folder: Path
) -> None:
    done = without("1", *arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stderr == "harness: the output cannot be written (it is closed)\n"


def test_a_report_into_a_file_needs_no_standard_output(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "table.md"
    done = without("01", "report", "results", "--output", str(output), cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo/net" in output.read_text()


def test_nothing_is_written_into_a_file_that_took_the_place_of_a_closed_stream(
    folder: Path,
) -> None:
    assert without("012", "report", "nowhere", cwd=folder).returncode == 2
    assert without("02", "report", "results", cwd=folder).returncode == 0


@pytest.mark.parametrize("arguments", VERBS[:1] + VERBS[5:], ids=" ".join)
def test_a_closed_pipe_is_silent(arguments: tuple[str, ...], folder: Path) -> None:
    process = subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    assert (process.wait(), said) == (141, b"")


def test_errors_on_a_full_device_end_with_their_own_code(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("report", "nowhere"), cwd=folder, env=environment(), stdout=full, stderr=full
        )
    assert done.returncode == 2


def test_a_report_that_does_not_fit_leaves_the_file_as_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "table.md").write_text("the table of yesterday")
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        done = inside("report", folder / "results", "--output", "table.md", cwd=tmp_path)
    assert done.returncode == 2
    assert "--output table.md: cannot be written (No space left on device)" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.md"]
    assert (tmp_path / "table.md").read_text() == "the table of yesterday"


def test_a_report_is_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to("table.md")
    done = inside("report", folder / "results", "--output", "link.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "link.md").is_symlink()
    assert "demo/net" in (tmp_path / "table.md").read_text()
