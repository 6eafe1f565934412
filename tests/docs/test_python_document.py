"""The page and the notebook on Python: every line of both runs, in order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli_tools import environment
from tests.markdown import blocks

DOCS = Path(__file__).parents[2] / "docs"


def run(code: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def notebook() -> list[dict[str, Any]]:
    found = json.loads((DOCS / "python.ipynb").read_text())["cells"]
    assert isinstance(found, list)
    return found


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    code = [block.text for block in blocks(DOCS / "python.md") if block.language == "python"]
    run("\n".join(code), tmp_path)
    assert (tmp_path / "table.tex").read_text().count(r"\begin{table") >= 1


def test_the_notebook_runs_and_holds_no_output(tmp_path: Path) -> None:
    cells = notebook()
    assert len(cells) == 10
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    run("\n".join("".join(cell["source"]) for cell in code), tmp_path)
