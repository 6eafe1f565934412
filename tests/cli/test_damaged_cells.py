"""One bad file costs its cell a row that names it, and nobody else anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.report.cell.records import everything
from harness.report.table.rows import rows
from harness.results.rundir import CellDirectory
from harness.storage.json_files import read_json, write_json
from tests.builders import make_cell
from tests.cli_tools import TINY, harness, inside, write_plugin

HERE = {"cpu": "a processor", "threads": 1}
JUNK = {
    "cell.json": ["", "[]", '{"schema": 1}', "null", '{"schema": "one"}', "[" * 100_000],
    "status.json": ["{", "{}", '"ok"', '{"status": "fine"}', '{"status": "ok", "reason": 3}'],
    "metrics.json": ["\0\0", "[1]", '{"test": null}', '{"test": {"label": 3}}'],
    "timing.json": ["x", "3", '{"epochs": "three"}', '{"latency_ms": {}}', '{"epochs": NaN}'],
    "environment.json": ["[[1, 2]]", "{}", '{"cpu": 3, "threads": 1}', '{"cpu": "x"}'],
    "history.jsonl": ["?\n", "3\n", "{}\n", '{"event": "epoch"}\n'],
    "predictions-test.npz": ["", "junk"],
}
CASES = [(file, text) for file, texts in JUNK.items() for text in texts]
NAMES = [f"{file}-{number}" for file, texts in JUNK.items() for number, _ in enumerate(texts)]
FORMATS = ("text", "markdown", "latex", "csv", "json")


def study(folder: Path) -> tuple[CellDirectory, CellDirectory]:
    """A cell to be damaged, and a good one."""
    cells = (
        make_cell(folder / "results" / "one", f"demo/{name}", label={"f1": f1}, environment=HERE)
        for name, f1 in (("bad", 0.25), ("good", 0.75))
    )
    bad, good = cells
    return bad, good


@pytest.mark.parametrize(("file", "text"), CASES, ids=NAMES)
def test_the_table_prints_with_a_row_that_names_the_damaged_file(
    tmp_path: Path, file: str, text: str
) -> None:
    bad, _ = study(tmp_path)
    (bad.path / file).write_text(text)
    if file.endswith("npz"):
        record = bad.cell
        (bad.path.parents[3] / "data").mkdir()
        (bad.path.parents[3] / "splits").mkdir()
        _write_table(bad.path.parents[3], record["dataset"]["fingerprint"], bad)
    for form in FORMATS:
        done = inside("report", "results", "--format", form, cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "demo/good" in done.stdout.replace("\\", "")
        assert "0.75" in done.stdout
        assert "0.25" not in done.stdout
        assert "damaged" in done.stdout
        if form != "latex":
            assert file in "".join(done.stdout.split())
    status = inside("status", "results", "--json", cwd=tmp_path)
    assert status.returncode == 1
    states = {cell["method"]: cell["status"] for cell in json.loads(status.stdout)}
    assert states == {"demo/bad": "damaged", "demo/good": "ok"}
    assert inside("clean", "--unfinished", "results", cwd=tmp_path).returncode == 0
    assert inside("clean", "--checkpoints", "results", cwd=tmp_path).returncode == 0
    shown = inside("show", "demo/bad", cwd=tmp_path)
    assert shown.returncode == (2 if file == "cell.json" else 1), shown.stderr
    assert file in "".join((shown.stdout + shown.stderr).split())


def _write_table(folder: Path, fingerprint: str, cell: CellDirectory) -> None:
    """A table and a split of three images, and the cell's record of it."""
    import numpy as np

    from harness.data.dataset import Samples
    from harness.data.recorded import write_samples
    from harness.data.splits.make import Split, write_split
    from harness.data.splits.split import build_split

    samples = Samples(
        ids=("a", "b", "c"),
        labels=np.array([0, 1, 2]),
        classes=("A", "B", "C"),
        has_mask=np.zeros(3, bool),
        mask_size=None,
    )
    parts = {name: np.array([row]) for row, name in enumerate(("train", "val", "test"))}
    split: Split = build_split(parts, samples, ())
    write_samples(folder / "data" / f"{fingerprint}.npz", samples)
    write_split(split, samples, folder / "splits" / f"{split.digest}.csv")
    record = read_json(cell.path / "cell.json")
    record["split"]["digest"] = split.digest
    write_json(cell.path / "cell.json", record)


WHOLE = (
    "cell.json", "status.json", "metrics.json", "timing.json", "environment.json",
    "predictions-test.npz", "predictions-val.npz",
)  # fmt: skip
SPOILT = [(file, how) for file in WHOLE for how in ("deleted", "cut", "emptied")]


@pytest.mark.parametrize(
    ("file", "how"),
    # An unfinished cell has no status.
    [case for case in SPOILT if case != ("status.json", "deleted")],
)
def test_a_finished_cell_that_lacks_a_file_or_half_of_one_is_damaged(
    tmp_path: Path, file: str, how: str
) -> None:
    bad, good = study(tmp_path)
    path = bad.path / file
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if how == "cut" else b"")
    found = {row.method: row for row in rows([bad, good])}
    assert (found["demo/bad"].status, found["demo/good"].status) == ("damaged", "ok")
    assert str(path) in found["demo/bad"].reason
    if file != "cell.json":
        assert any(str(path) in text for text in everything(bad)["damaged"])


def test_a_cell_that_was_only_timed_has_no_figures_to_lose(tmp_path: Path) -> None:
    bad, _ = study(tmp_path)
    record = read_json(bad.path / "cell.json")
    record["protocol"]["time_only"] = True
    write_json(bad.path / "cell.json", record)
    for name in ("metrics.json", "history.jsonl", "predictions-test.npz", "predictions-val.npz"):
        (bad.path / name).unlink()
    (row,) = rows([bad])
    assert row.status == "ok"


def test_a_cell_that_trained_nothing_and_shared_everything_has_no_history(tmp_path: Path) -> None:
    bad, _ = study(tmp_path)
    (bad.path / "history.jsonl").unlink()
    (row,) = rows([bad])
    assert row.status == "ok"


def test_a_cell_whose_record_is_missing_is_a_row(tmp_path: Path) -> None:
    bad, _ = study(tmp_path)
    (bad.path / "cell.json").unlink()
    done = inside("report", "results", cwd=tmp_path)
    assert done.returncode == 1
    assert "cell.json: cannot be read (No such file or directory)" in " ".join(done.stdout.split())


def test_a_report_of_damaged_cells_alone_prints(tmp_path: Path) -> None:
    for cell in study(tmp_path):
        (cell.path / "cell.json").write_text("?")
    for form in FORMATS:
        done = inside("report", "results", "--format", form, cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "damaged" in done.stdout


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    quick = (*TINY, "--set", "probe_seconds=0.1", "--set", "image_size=32")
    done = harness("run", "--plugins", "baselines", *quick, "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


WORDS = ("--plugins", "baselines", *TINY, "--set", "probe_seconds=0.1", "--set", "image_size=32")


def damaged(ran: Path, folder: Path, file: str) -> Path:
    """A copy of the run with one bad file."""
    shutil.copytree(ran / "results", folder / "results")
    (path,) = folder.glob(f"results/*/cells/baselines--majority/*/*/{file}")
    path.write_text("junk")
    return path


@pytest.mark.parametrize("file", ["metrics.json", "status.json"])
def test_a_repeated_run_leaves_a_damaged_cell_alone_and_says_so(
    ran: Path, tmp_path: Path, file: str
) -> None:
    path = damaged(ran, tmp_path, file)
    planned = inside("plan", *WORDS, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "Damaged (--rerun runs them again)" in planned.stdout
    assert "1 damaged, 1 finished" in planned.stdout
    done = harness("run", *WORDS, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "baselines/pixels" in done.stdout
    assert "damaged (baselines/majority): repeat the command with --rerun" in done.stdout
    assert f"{file}: is not valid JSON" in " ".join(done.stderr.split())
    assert path.read_text() == "junk"


def test_a_repeated_run_runs_a_cell_again_whose_predictions_were_deleted(
    ran: Path, tmp_path: Path
) -> None:
    path = damaged(ran, tmp_path, "metrics.json")
    path.unlink()
    asked = inside("plan", *WORDS, cwd=tmp_path)
    assert "1 damaged, 1 finished" in asked.stdout
    (path.parent / "predictions-test.npz").unlink()
    planned = inside("plan", *WORDS, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "was damaged" in planned.stdout
    done = harness("run", *WORDS, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (original,) = ran.glob("results/*/cells/baselines--majority/*/*/metrics.json")
    assert path.read_bytes() == original.read_bytes()


def test_scoring_again_repairs_damaged_metrics_and_skips_damaged_predictions(
    ran: Path, tmp_path: Path
) -> None:
    path = damaged(ran, tmp_path, "metrics.json")
    done = inside("score", "results", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert read_json(path)["test"]["label"]["f1"] is not None
    (path.parent / "predictions-val.npz").write_text("junk")
    done = inside("score", "results", cwd=tmp_path)
    assert done.returncode == 1
    assert "not scored: baselines/majority" in done.stderr
    assert "predictions-val.npz: is damaged" in done.stderr
    assert "scored 1 cell;" in done.stdout


def test_an_executor_that_cannot_be_made_fails_the_cells_and_the_table_prints(
    tmp_path: Path,
) -> None:
    code = """
        import harness

        HARNESS_API = 1

        @harness.hookimpl
        def harness_executors():
            yield harness.ExecutorSpec(
                name="queue", factory="harness_queue_models:Queue", summary="A queue"
            )

        @harness.hookimpl
        def harness_environment():
            return {"ward": {1, 2}}

        @harness.hookimpl
        def harness_select_cells(cells):
            return 3
    """
    models = """
        class Queue:
            def __init__(self, settings):
                raise RuntimeError("no queue here")
    """
    plugins = write_plugin(tmp_path / "site", "queue", code, models)
    done = harness("run", *WORDS, "--executor", "queue", cwd=tmp_path, plugins=plugins)
    assert done.returncode == 1, done.stderr
    assert "baselines/majority" in done.stdout
    said = "executor 'queue' of plugin 'queue' failed: RuntimeError: no queue here"
    assert said in " ".join(done.stderr.split())
    assert "hook harness_environment of plugin 'queue' failed" in done.stderr
    assert "hook harness_select_cells of plugin 'queue' must return cells" in done.stderr
