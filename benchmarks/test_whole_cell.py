"""One cell from its command to its table."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.timed import Timed
from harness.cli.run import command


@pytest.mark.benchmark(group="whole cell: quick preset")
@pytest.mark.parametrize("method", ["baselines/pixels", "supervised/convnext_base"])
def test_cell(timed: Timed, device: str, tmp_path: Path, method: str) -> None:
    """In this process, so that importing libraries is no part of it; images are prepared."""
    numbers = count()

    def fresh() -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (method, device, tmp_path / str(next(numbers))), {}

    timed(_run, setup=fresh, rounds=3)


def _run(method: str, device: str, out: Path) -> None:
    arguments = ["--plugins", method, "--device", device, "--executor", "inline", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        command.main(arguments, standalone_mode=False)
    assert ended.value.code == 0, "the cell did not end well"
