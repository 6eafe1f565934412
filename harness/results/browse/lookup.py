"""One cell by the name that a user gives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from harness.errors import HarnessError, did_you_mean
from harness.results.browse.decimals import decimals
from harness.results.rundir import CellDirectory, find_cells, newest
from harness.values.bare_names import ids_called
from harness.values.wording import setting_text

_SHOWN = 8
"""Cells that an error lists."""
_DIGITS = 8
"""Digits of a fingerprint that distinguish datasets."""


def find_cell(text: str, out: Path) -> CellDirectory:
    """The cell that ``text`` means: its folder, the beginning of its name or hash, or the id of a
    method that has one cell, also without its plugin.

    Args:
        out: where cells are looked for unless ``text`` is a cell folder.

    Raises:
        HarnessError: there is no such cell, or more than one; names them.
    """
    found = _meant(text, out)
    if len(found) == 1:
        return CellDirectory(found[0].path.absolute())
    lines = [f"{text!r} may mean any of these cells:", *_to_choose(found)]
    raise HarnessError("\n".join([*lines, _remedy(found)]))


def _remedy(found: Sequence[CellDirectory]) -> str:
    """How to name one of several cells, by one with a result."""
    ok = (cell for cell in found if cell.status is not None and cell.status["status"] == "ok")
    hash_of = next(ok, found[0]).path.name.rpartition("-")[2]
    said = f"name one by the beginning of its hash, e.g. {hash_of[:6]}"
    studies = {_study(cell) for cell in found}
    return f"{said}, or its study with --results" if len(studies) > 1 else said


def find_seeds(text: str, out: Path) -> list[CellDirectory]:
    """The cells that ``text`` may mean, which differ by their seed alone; of one cell, all those
    that differ from it so. Sorted by seed.

    Args:
        out: as of :func:`find_cell`.

    Raises:
        HarnessError: there is no such cell, or some differ in more; names them.
    """
    found = [CellDirectory(cell.path.absolute()) for cell in _meant(text, out)]
    questions = {_without_seed(cell) for cell in found}
    if len(questions) > 1:
        said = f"{text!r} means cells that differ in more than their seed:"
        raise HarnessError("\n".join([said, *_to_choose(found)]))
    seeds = [cell for cell in newest(_near(found[0], out)) if _without_seed(cell) in questions]
    return sorted(seeds, key=lambda cell: cell.cell["seed"])


def _near(cell: CellDirectory, out: Path) -> list[CellDirectory]:
    """The cells among which those of other seeds are looked for: of ``out`` if it holds this one,
    otherwise of the cell's study, or itself alone where it was copied out of one."""
    cells = find_cells(out) if out.is_dir() and cell.path.is_relative_to(out.absolute()) else []
    if any(one.path.absolute() == cell.path for one in cells):
        return cells
    return find_cells(cell.path.parents[3]) if cell.path.parents[2].name == "cells" else [cell]


def _without_seed(cell: CellDirectory) -> str:
    identity = {name: value for name, value in cell.cell["identity"].items() if name != "seed"}
    return json.dumps(identity, sort_keys=True)


def _meant(text: str, out: Path) -> list[CellDirectory]:
    """Every cell that ``text`` may mean, at least one."""
    folder = Path(text)
    if text and (folder / "cell.json").is_file():
        return [CellDirectory(folder.absolute())]
    no_cell = f"{text}: not a cell folder (it has no cell.json)"
    if not out.is_dir():
        seen = no_cell if text and folder.is_dir() else f"{text!r}: there is no such folder"
        raise HarnessError(
            f"{seen}, and no {out} to look for such a cell in; name the results folder with "
            "--results"
        )
    every = find_cells(out)
    found = [cell for cell in every if _begins(cell, text)]
    # A method's older results, made by other code, do not count as other cells.
    called = {text} & (methods := {method_of(cell) for cell in every})
    called = called or set(ids_called(text, methods) if text else ())
    found = found or list(newest(cell for cell in every if method_of(cell) in called))
    if found:
        return found
    if text and folder.is_dir():
        raise HarnessError(no_cell)
    known = {name for cell in every for name in (cell.path.name, method_of(cell))}
    raise HarnessError(
        f"{text!r}: no cell in {out} has a name or hash that begins so, and no method there has "
        f"this id{did_you_mean(text, sorted(known))}; 'harness status {out}' lists them"
    )


def _to_choose(cells: list[CellDirectory]) -> list[str]:
    """A line per cell with what distinguishes it from the others, the newest first."""
    newest_first = sorted(cells, key=lambda cell: cell.cell["created"], reverse=True)
    datasets, studies = _datasets(cells), last_names([_study(cell) for cell in cells])
    # Of a run without the sweep, too: a cell's value of a field that another run swept.
    swept = list(dict.fromkeys(name for cell in cells for name in cell.cell.get("sweep", ())))
    rows = [
        _facts(
            cell, swept, datasets[_data(cell)], studies[_study(cell)] if len(studies) > 1 else ""
        )
        for cell in newest_first[:_SHOWN]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    more = [f"  and {len(cells) - _SHOWN} more"] if len(cells) > _SHOWN else []
    lines = [
        "  ".join(f"{fact:{width}}" for fact, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return [*(f"  {line.rstrip()}" for line in lines), *more]


def _facts(cell: CellDirectory, swept: Sequence[str], dataset: str, study: str) -> tuple[str, ...]:
    created = datetime.fromisoformat(cell.cell["created"])
    protocol = cell.cell["protocol"]
    values = ", ".join(f"{name} {setting_text(protocol[name])}" for name in swept)
    facts = (f"{method_of(cell)} {cell.path.name}", *([values] if swept else []), dataset)
    return (*facts, *([study] if study else []), f"{created:%Y-%m-%d %H:%M}", _score(cell))


def _study(cell: CellDirectory) -> Path:
    return cell.path.parents[3]


_Data = tuple[str, str | None, str]
"""Name, root and fingerprint of a dataset."""


def _data(cell: CellDirectory) -> _Data:
    dataset = cell.cell["dataset"]
    return dataset["name"], dataset["root"], dataset["fingerprint"]


def _datasets(cells: list[CellDirectory]) -> dict[_Data, str]:
    """What each dataset is called: its name, and where others have that name, too, its root and
    the beginning of its fingerprint."""
    every = {_data(cell) for cell in cells}
    roots = last_names([Path(root) for _, root, _ in every if root is not None])
    called = {}
    for name, root, fingerprint in every:
        called[name, root, fingerprint] = name
        if len({other for same, _, other in every if same == name}) > 1:
            where = [] if root is None else [roots[Path(root)]]
            apart = ", ".join([*where, f"data {fingerprint[:_DIGITS]}"])
            called[name, root, fingerprint] = f"{name} ({apart})"
    return called


def last_names(paths: list[Path]) -> dict[Path, str]:
    """Path -> its last name, or all of it where another path has that name."""
    names = Counter(path.name for path in set(paths))
    return {path: path.name if names[path.name] == 1 else str(path) for path in paths}


def _score(cell: CellDirectory) -> str:
    """The primary metric on the test set, or the status of the cell."""
    status = cell.status
    if status is None or status["status"] != "ok":
        return "unfinished" if status is None else status["status"]
    metrics = (cell.metrics or {}).get("test")
    if metrics is None or metrics["primary"] is None:
        return "not scored"
    return f"{' and '.join(metrics['primary_metrics'])} {decimals(metrics['primary'])}"


def method_of(cell: CellDirectory) -> str:
    """The method's id, from the name of the folder."""
    return unquote(cell.path.parents[1].name).replace("--", "/", 1)


def _begins(cell: CellDirectory, text: str) -> bool:
    name = cell.path.name
    short = name.rpartition("-")[2]
    if len(text) > len(short) and text.startswith(short):
        return cell.cell["hash"].startswith(text)
    return text != "" and (name.startswith(text) or short.startswith(text))
