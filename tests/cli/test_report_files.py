"""``harness report --output``: the suffix decides the format, and what is there stays whole."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.builders import make_cell
from tests.cli_tools import inside, refused

BEGINS = {
    "t.txt": b"classification \xc2\xb7 ",
    "t.md": b"### classification",
    "t.tex": b"% needs \\usepackage",
    "t.csv": b"method,params,",
    "t.json": b"{\n",
    "t.html": b"<h3>classification",
    "t.xlsx": b"PK\x03\x04",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_cell(tmp_path / "results" / "study", "demo/net", label={"f1": 0.5})
    return tmp_path


@pytest.mark.parametrize("name", [*BEGINS, "T.CSV", "t.v2.json"])
def test_the_suffix_decides_the_format(folder: Path, name: str) -> None:
    done = inside("report", "--output", name, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    kind = "t" + Path(name).suffix.lower()
    assert (folder / name).read_bytes().startswith(BEGINS[kind])


@pytest.mark.parametrize(("form", "name"), [("markdown", "t.md"), ("csv", "t"), ("xlsx", "t.xlsx")])
def test_a_format_may_be_named_that_the_suffix_does_not_contradict(
    folder: Path, form: str, name: str
) -> None:
    assert inside("report", "--format", form, "--output", name, cwd=folder).returncode == 0
    wanted = {"markdown": "t.md", "csv": "t.csv", "xlsx": "t.xlsx"}[form]
    assert (folder / name).read_bytes().startswith(BEGINS[wanted])


def test_a_file_without_a_suffix_is_text_as_what_is_printed(folder: Path) -> None:
    assert inside("report", "--output", "table", cwd=folder).returncode == 0
    assert (folder / "table").read_bytes().startswith(BEGINS["t.txt"])


def test_a_device_takes_any_format_and_text_unless_one_is_named(folder: Path) -> None:
    (folder / "null.csv").symlink_to("/dev/null")
    done = inside("report", "--format", "json", "--output", "null.csv", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "null.csv").is_symlink()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ("--output", "t.csv", "--format", "latex"),
            "leave --format out, or name a file that ends with .tex",
        ),
        (
            ("--output", "t.tex", "--format", "text"),
            ".tex is the suffix of latex, and --format says text",
        ),
        (("--output", "t.xls"), "no format has the suffix .xls (did you mean '.xlsx'?)"),
        (("--output", "t.pdf"), "one of .txt, .md, .tex, .csv, .json, .html, .xlsx"),
        (("--output", "t.csv.gz", "--format", "csv"), "no format has the suffix .gz"),
        (("--output", "t."), "no format has the suffix ."),
        (("--format", "xlsx"), "--format xlsx needs a file: --output NAME.xlsx"),
    ],
)
def test_a_suffix_that_cannot_be_meant_is_refused_before_any_file_is_read(
    tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    """The folder holds no run, and nobody has found out yet."""
    (tmp_path / "results").mkdir()
    refused("report", *options, cwd=tmp_path, says=says)


def test_a_folder_that_is_missing_is_refused_before_any_file_is_read(tmp_path: Path) -> None:
    make_cell(tmp_path / "results", "demo/net", label={"f1": 0.5}).path.joinpath(
        "metrics.json"
    ).write_text("{")
    refused("report", "--output", "no/t.csv", cwd=tmp_path, says="cannot be written (no folder no)")


@pytest.mark.parametrize("name", BEGINS)
def test_on_a_full_disk_the_old_file_stays_whole(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (folder / name).write_text("the table of yesterday")
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        done = inside("report", "--output", name, cwd=folder)
    assert done.returncode == 2
    assert f"--output {name}: cannot be written (No space left on device)" in done.stderr
    assert (folder / name).read_text() == "the table of yesterday"
    assert sorted(path.name for path in folder.iterdir()) == sorted(["results", name])


def test_a_workbook_has_the_columns_and_rows_that_are_asked_for(folder: Path) -> None:
    make_cell(folder / "results" / "study", "demo/other", label={"f1": 0.75})
    view = ("--columns", "method,label.f1", "--sort=-label.f1", "--filter", "label.f1>0.6")
    assert inside("report", *view, "--output", "t.xlsx", cwd=folder).returncode == 0
    book = load_workbook(io.BytesIO((folder / "t.xlsx").read_bytes()))
    assert list(book.worksheets[0].iter_rows(values_only=True)) == [
        ("method", "label.f1"),
        ("demo/other", 0.75),
    ]


def test_a_damaged_cell_is_told_of_in_a_workbook_too(folder: Path) -> None:
    cell = make_cell(folder / "results" / "study", "demo/bad", label={"f1": 0.75})
    (cell.path / "metrics.json").write_text("{")
    assert inside("report", "--output", "t.xlsx", cwd=folder).returncode == 1
    sheet = load_workbook(folder / "t.xlsx").worksheets[0]
    head, *lines = sheet.iter_rows(values_only=True)
    states = {line[0]: line[head.index("status")] for line in lines}
    assert states == {"demo/net": "ok", "demo/bad": "damaged"}
