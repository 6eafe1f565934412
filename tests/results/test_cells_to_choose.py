"""What an error lists where a method has several cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.results.browse.lookup import find_cell
from tests.builders import PROTOCOL, make_cell


def test_cells_of_a_sweep_and_of_a_run_without_it_are_listed_with_the_field(tmp_path: Path) -> None:
    for rate, swept in ((0.01, ["learning_rate"]), (0.001, ["learning_rate"]), (0.1, [])):
        made = make_cell(tmp_path, label={"f1": 0.5}, protocol={**PROTOCOL, "learning_rate": rate})
        record: Any = made.cell
        made.write_cell({**record, "sweep": swept} if swept else record)
    with pytest.raises(HarnessError) as raised:
        find_cell("demo/net", tmp_path)
    listed = str(raised.value)
    assert all(f"learning_rate {rate}" in listed for rate in ("0.01 ", "0.001 ", "0.1 "))
