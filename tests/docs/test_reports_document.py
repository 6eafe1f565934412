"""What docs/reports.md and docs/using-a-model.md say holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report.file_format import FORMATS, SUFFIXES
from harness.report.table.catalogue import DESCRIBING, MEASURED
from tests.cli_tools import ROOT, TINY, harness
from tests.docs.test_documents import blocks

REPORTS = ROOT / "docs" / "reports.md"
MODELS = ROOT / "docs" / "using-a-model.md"


def names(document: Path, head: str, column: int = 1) -> list[str]:
    """All names in code marks in the first column, or another one, of the table with this head."""
    text = document.read_text()
    (table,) = re.findall(rf"^\| {re.escape(head)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    cells = [line.split("|")[column] for line in table.splitlines()]
    return [name for cell in cells for name in re.findall(r"`(.+?)`", cell)]


def test_every_column_is_documented_and_nothing_else() -> None:
    patterns = ["label.METRIC", "mask.METRIC", "recall.CLASS", "set.FIELD"]
    fixed = [column.name for column in (*DESCRIBING, *MEASURED)]
    assert sorted(names(REPORTS, "column")) == sorted([*fixed, *patterns])


def test_every_format_is_documented_with_its_suffix() -> None:
    files, formats = names(REPORTS, "`--output`"), names(REPORTS, "`--output`", column=2)
    assert dict(zip(files, formats, strict=True)) == {f"t{s}": form for s, form in SUFFIXES.items()}
    assert sorted(formats) == sorted(FORMATS)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    done = harness("run", "--plugins", "segmentation/unet", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    done = harness("export", "segmentation/unet", "--out", "lungs-model", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_key_of_the_card_is_documented(exported: Path) -> None:
    card = json.loads((exported / "lungs-model" / "card.json").read_text())
    assert sorted(names(MODELS, "key of `card.json`")) == sorted(set(card) - {"schema"})


def test_the_example_with_onnx_gives_the_mask_of_predict(exported: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs cxr-harness[export]")
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(exported / "film.png")
    (example,) = [block.text for block in blocks(MODELS) if block.language == "python"]
    (exported / "example.py").write_text(f"{example}\nnp.save('mask.npy', mask)\n")
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=exported, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    done = harness("predict", "segmentation/unet", "film.png", cwd=exported)
    assert done.returncode == 0, done.stderr
    mask = np.asarray(Image.open(exported / "predictions" / "masks" / "film.png")) > 0
    assert (np.load(exported / "mask.npy") == mask).mean() > 0.999
