"""One cell by what a user calls it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from harness.errors import HarnessError
from harness.protocol import did_you_mean
from harness.results.rundir import CellDirectory, find_cells, newest

_SHOWN = 8
"""Cells that an error lists."""


def find_cell(text: str, out: Path, option: str = "--out") -> CellDirectory:
    """The cell that ``text`` means: its folder, the beginning of its name or hash, or the id of a
    method that has one cell.

    Args:
        out: where cells are looked for unless ``text`` is a cell's folder.
        option: names ``out`` in errors.

    Raises:
        HarnessError: there is no such cell, or more than one; names them.
    """
    folder = Path(text)
    if text and (folder / "cell.json").is_file():
        return CellDirectory(folder.absolute())
    no_cell = f"{text}: this folder is no cell's (it holds no cell.json)"
    if not out.is_dir():
        seen = no_cell if text and folder.is_dir() else f"{text!r}: there is no such folder"
        raise HarnessError(
            f"{seen}, and no {out} to look for such a cell in; say with {option} where results are"
        )
    every = find_cells(out)
    found = [cell for cell in every if _begins(cell, text)]
    # A method's older results, made by other code, are no other cells.
    found = found or list(newest(cell for cell in every if method_of(cell) == text))
    if len(found) == 1:
        return CellDirectory(found[0].path.absolute())
    if found:
        names = [f"  {method_of(cell)} {cell.path.name}" for cell in found[:_SHOWN]]
        more = [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise HarnessError("\n".join([f"{text!r} may mean any of these cells:", *names, *more]))
    if text and folder.is_dir():
        raise HarnessError(no_cell)
    known = {name for cell in every for name in (cell.path.name, method_of(cell))}
    raise HarnessError(
        f"{text!r}: no cell in {out} has a name or hash that begins so, nor is it the id of a "
        f"method there{did_you_mean(text, sorted(known))}; 'harness status {out}' lists them"
    )


def method_of(cell: CellDirectory) -> str:
    """The method's id, from the name of the folder."""
    return unquote(cell.path.parents[1].name).replace("--", "/", 1)


def _begins(cell: CellDirectory, text: str) -> bool:
    name = cell.path.name
    short = name.rpartition("-")[2]
    if len(text) > len(short) and text.startswith(short):
        return cell.cell["hash"].startswith(text)
    return text != "" and (name.startswith(text) or short.startswith(text))
