"""JSON files that are whole or absent."""

from __future__ import annotations

import pytest

from harness import HarnessError
from harness.storage.json_files import append_json_line, read_json, read_json_lines, write_json


def test_what_is_written_is_read_again_with_sorted_keys(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"b": [1, None], "a": "größer"})
    assert read_json(path) == {"b": [1, None], "a": "größer"}
    assert path.read_text().index('"a"') < path.read_text().index('"b"')


def test_an_unknown_figure_written_as_nan_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"f1": 0.5})
    with pytest.raises(ValueError, match=r"value\.json.*write None"):
        write_json(path, {"f1": float("nan")})
    assert read_json(path) == {"f1": 0.5}


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "value.json"
    write_json(path, 1)

    def full_disk(_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_json(path, 2)
    assert read_json(path) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["value.json"]


def test_a_broken_or_missing_file_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text('{"a": ')
    with pytest.raises(HarnessError, match=r"broken\.json.*not valid JSON"):
        read_json(path)
    with pytest.raises(HarnessError, match=r"missing\.json.*No such file"):
        read_json(tmp_path / "missing.json")


def test_lines_are_added_one_by_one(tmp_path):
    path = tmp_path / "history.jsonl"
    assert read_json_lines(path) == []
    append_json_line(path, {"epoch": 1})
    append_json_line(path, {"epoch": 2})
    assert read_json_lines(path) == [{"epoch": 1}, {"epoch": 2}]


def test_a_torn_last_line_is_left_out_and_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "history.jsonl"
    append_json_line(path, {"epoch": 1})
    with path.open("a") as file:
        file.write('{"epoch": 2, "lo')
    assert read_json_lines(path) == [{"epoch": 1}]
    append_json_line(path, {"epoch": 2})
    assert read_json_lines(path) == [{"epoch": 1}, {"epoch": 2}]


def test_a_broken_line_that_is_whole_is_an_error_with_its_number(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n{"epo\n{"epoch": 3}\n')
    with pytest.raises(HarnessError, match=r"history\.jsonl, line 2"):
        read_json_lines(path)
