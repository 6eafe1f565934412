"""The types of the records, the document of them and what is written state the same fields."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from harness.discovery.registry import discover
from harness.errors import HarnessError
from harness.planning.plan import plan
from harness.protocol import PAPER, QUICK, Protocol
from harness.results import spec_record
from harness.results.record import CellRecord, PlannedCell, StatusRecord, TimingRecord, WrittenCell
from harness.results.rundir import CellDirectory
from harness.specs import MethodSpec, MetricSpec, TargetSpec, TaskSpec, WeightsCard
from harness.study import Request
from harness.values.check import mismatch
from tests.builders import make_cell

DOCUMENT = Path(__file__).parents[2] / "docs" / "results-schema.md"


def documented(heading: str) -> set[str]:
    """The fields in the first table below a heading of the document."""
    section = DOCUMENT.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    table = section.split("| field |")[1].split("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name for first in firsts for name in re.findall(r"`(\w+)`", first)}


@pytest.mark.parametrize("record", [WrittenCell, CellRecord])
def test_the_document_states_every_field_of_a_cell_and_no_other(record: type) -> None:
    assert documented("cell.json") == get_type_hints(record).keys()


def test_the_document_states_every_field_of_a_status_and_no_other() -> None:
    assert documented("status.json") == get_type_hints(StatusRecord).keys()


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (spec_record.IdentityRecord, spec_record.IdentityWritten),
        (spec_record.DatasetRecord, spec_record.DatasetWritten),
        (spec_record.PartRecord, spec_record.PartWritten),
    ],
)
def test_what_is_read_and_what_is_written_have_the_same_fields(read: type, written: type) -> None:
    assert get_type_hints(read) == get_type_hints(written)


@pytest.mark.parametrize(
    ("record", "spec", "more"),
    [
        (spec_record.MethodRecord, MethodSpec, {"dist", "version", "small"}),
        (spec_record.CardRecord, WeightsCard, set()),
        (spec_record.TaskRecord, TaskSpec, set()),
        (spec_record.TargetRecord, TargetSpec, set()),
        (spec_record.MetricRecord, MetricSpec, set()),
    ],
)
def test_the_record_of_a_spec_states_every_field_of_the_spec(
    record: type, spec: Any, more: set[str]
) -> None:
    stated = {field.name for field in fields(spec)} | more
    # Of the two cards of a method, the record has the one that is used.
    assert get_type_hints(record).keys() == stated - {"tiny_weights"}


@pytest.mark.parametrize("protocol", [QUICK, PAPER], ids=lambda p: str(p.name))
def test_every_planned_cell_is_whole_in_its_type(protocol: Protocol) -> None:
    plugins = discover()
    swept = Request(
        methods=("baselines",),
        protocol=protocol,
        sweep=(protocol, replace(protocol, learning_rate=1.0)),
        swept=("learning_rate",),
        folds=2,
    )
    every = get_type_hints(PlannedCell).keys()
    for request, keys in ((Request(protocol=protocol), every - {"sweep"}), (swept, every)):
        for cell in plan(request, plugins).cells:
            assert mismatch(cell.record, PlannedCell) is None
            assert cell.record.keys() == keys


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("identity", "seed"), "0", "identity.seed is '0', where a whole number belongs"),
        (("limits",), {"device_bytes": "8GB"}, "limits.device_bytes is '8GB', where a whole"),
        (("environment",), [], "environment is [], where a record belongs"),
        (("method", "tags"), "small", "method.tags is 'small', where a list belongs"),
        (("metrics",), [{"name": "f1"}], "metrics.0 lacks function, kind, label, summary"),
    ],
)
def test_a_cell_is_read_only_if_every_field_has_its_type(
    keys: tuple[str, ...], value: Any, says: str, tmp_path: Path
) -> None:
    cell = make_cell(tmp_path)
    record: Any = cell.cell
    *outer, last = keys
    inner = record
    for key in outer:
        inner = inner[key]
    inner[last] = value
    cell.write_cell(record)
    with pytest.raises(HarnessError, match=re.escape(says)):
        _ = CellDirectory(cell.path).cell


def test_a_cell_without_the_fields_that_came_later_is_read(tmp_path: Path) -> None:
    assert make_cell(tmp_path).cell.keys() < get_type_hints(CellRecord).keys()


def test_the_document_states_every_field_of_a_timing_and_no_other() -> None:
    assert documented("timing.json") == get_type_hints(TimingRecord).keys()
