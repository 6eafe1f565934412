"""What a cell leaves behind, and how it is found again."""

from __future__ import annotations

import pytest

from harness import HarnessError
from harness.results.rundir import CellDirectory, find_cells, newest
from harness.storage.json_files import read_json, write_json
from tests.builders import epoch_line, make_cell


def test_a_cell_without_a_status_is_unfinished(tmp_path):
    cell = make_cell(tmp_path, status=None)
    assert cell.cell["id"] == "demo/net"
    assert cell.status is None
    assert cell.timing is None
    assert cell.metrics is None
    assert cell.environment is None
    assert cell.history == []
    assert cell.sets == ()


def test_a_directory_is_read_as_it_grows(tmp_path):
    cell = make_cell(tmp_path, status=None)
    cell.append_history(epoch_line(1))
    assert cell.history == [epoch_line(1)]
    cell.append_history(epoch_line(2))
    assert len(cell.history) == 2


def test_the_tail_of_the_log_is_its_last_lines(tmp_path):
    cell = make_cell(tmp_path)
    assert cell.log_tail() == []
    (cell.path / "log.txt").write_bytes(b"x" * 100_000 + b"\none\ntwo\xff\nthree\n")
    assert cell.log_tail(3) == ["one", "two\N{REPLACEMENT CHARACTER}", "three"]


def test_cells_are_found_under_a_study_and_under_all_results(tmp_path):
    first = make_cell(tmp_path / "results" / "one", "demo/a")
    second = make_cell(tmp_path / "results" / "deeper" / "two", "demo/b", status=None)
    assert find_cells(tmp_path / "results" / "one") == [first]
    assert find_cells(tmp_path / "results") == [second, first]


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_a_run_is_an_error_that_names_it(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HarnessError, match=f"{name} holds no run"):
        find_cells(tmp_path / name)


def test_of_equal_cells_the_one_made_last_counts_whatever_its_status(tmp_path):
    make_cell(tmp_path, code="1", created="2026-01-01T10:00:00+00:00")
    make_cell(tmp_path, code="2", created="2026-01-01T11:30:00+02:00")
    last = make_cell(tmp_path, code="3", created="2026-01-02T10:00:00+00:00", status="failed")
    other = make_cell(tmp_path, seed=1)
    assert newest(find_cells(tmp_path)) == {last: 2, other: 0}


def test_times_are_compared_across_time_zones(tmp_path):
    last = make_cell(tmp_path, code="1", created="2026-01-01T10:00:00+00:00")
    make_cell(tmp_path, code="2", created="2026-01-01T11:30:00+02:00")
    assert newest(find_cells(tmp_path)) == {last: 1}


def test_a_result_replaces_one_that_does_not_say_the_order_of_its_rows(tmp_path):
    make_cell(tmp_path, code="1")
    last = make_cell(tmp_path, code="2", created="2026-02-01T10:00:00+00:00")
    record = last.cell
    last.write_cell(
        {**record, "identity": {**record["identity"], "rows": "f00d", "classes": ["a"]}}
    )
    assert newest(find_cells(tmp_path)) == {last: 1}


def spoiled(cell: CellDirectory, file: str, **changes) -> CellDirectory:
    """The cell with keys of one of its records changed, or removed where None is given."""
    record = {**read_json(cell.path / file), **changes}
    write_json(cell.path / file, {k: v for k, v in record.items() if v is not None})
    return cell


def test_a_record_of_another_schema_is_refused(tmp_path):
    cell = spoiled(make_cell(tmp_path), "cell.json", schema=2)
    with pytest.raises(HarnessError, match=r"cell\.json: has schema 2"):
        _ = cell.cell


def test_a_record_without_a_field_is_refused_by_the_field_name(tmp_path):
    cell = spoiled(make_cell(tmp_path), "cell.json", identity=None)
    with pytest.raises(HarnessError, match=r"cell\.json: lacks identity"):
        _ = cell.cell


def test_an_unknown_status_is_refused(tmp_path):
    cell = spoiled(make_cell(tmp_path), "status.json", status="fine")
    with pytest.raises(HarnessError, match=r"status\.json: has status 'fine'; known: ok, failed"):
        _ = cell.status
