"""What ``harness plan`` prints: tables for people, JSON for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rich.cells import cell_len

from harness.cli.shared.terminal import state_text, terminal_width
from harness.planning.forecasts.forecast import WAITING, CellForecast, Forecast
from harness.planning.units import bytes_text, seconds_text
from harness.report.table.numbers import UNKNOWN, size_of
from harness.results.browse.network_title import is_small, named
from harness.results.browse.told_apart import fold_number, swept_values
from harness.results.checks.finished_cell import DAMAGED
from harness.study import Study
from harness.values.wording import counted, setting_text

_PARTS = ("train", "val", "test")
_INDENT = "  "
_FETCHED = (
    "harness run tries to fetch missing weights before its cells; the estimates below leave those "
    "cells out."
)


def as_text(study: Study, told: Forecast, width: int) -> str:
    """A table of cells, and the facts about all of them.

    Args:
        width: columns of the terminal; the table may need more.
    """
    blocks = (
        _table(told.cells),
        _damaged(told, width),
        _again(told, width),
        _missing(told, width),
        _shared(told, width),
        _disk(told),
        _summary(study, told),
    )
    return "\n\n".join(block for block in blocks if block)


def _table(cells: Iterable[CellForecast]) -> str:
    from tabulate import tabulate

    cells = tuple(cells)
    columns = {
        # What they start from is a column, or a line below.
        "method": [
            named(item.cell.method, small=is_small(item.cell.record), weights="") for item in cells
        ],
        "seed": [item.cell.record["seed"] for item in cells],
        "fold": [fold_number(item.cell.record) or "" for item in cells],
        **{field: [_setting(item, field) for item in cells] for field in _swept(cells)},
        "data": [f"{100 * item.cell.record['fraction']:g} %" for item in cells],
        "weights": [item.cell.record["weights"]["kind"] for item in cells],
        "train/val/test": [_images(item) for item in cells],
        "state": [state_text(_state(item)) for item in cells],
        "time": [_time_text(item.estimate.seconds) for item in cells],
        "memory": [size_of(item.estimate.memory_bytes) for item in cells],
    }
    for name in ("seed", "fold", "data", "weights"):
        if len(set(columns[name])) == 1:
            del columns[name]

    def table() -> str:
        return tabulate(
            columns,
            headers="keys",
            disable_numparse=True,
            colalign=["right" if name in ("time", "memory") else "left" for name in columns],
        )

    if cell_len(table().partition("\n")[0]) > terminal_width():
        # The kinds are in a line below, and every row of the report has its own.
        columns.pop("weights", None)
    return table()


def _swept(cells: Iterable[CellForecast]) -> list[str]:
    """Fields of the protocol with several values."""
    return list(dict.fromkeys(f for item in cells for f in item.cell.record.get("sweep", ())))


def _setting(item: CellForecast, field: str) -> str:
    return setting_text(item.cell.record["protocol"][field])


def _state(item: CellForecast) -> str:
    known = item.state in ("finished", *WAITING)
    return f"{item.state} ({item.detail})" if known and item.detail else item.state


def _images(item: CellForecast) -> str:
    data = item.cell.record["data"]
    return "/".join(str(data[part]["images"]) if part in data else UNKNOWN for part in _PARTS)


def _time_text(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else seconds_text(seconds)


def _missing(told: Forecast, width: int) -> str:
    """Every obstacle once, with the remedy that its reason ends with."""
    lines: list[str] = []
    for (status, reason), cells in told.obstacles().items():
        if status == "not_installed":
            reason = f"packages are missing: {reason}"
        lines += _wrapped(f"{counted(len(cells), 'cell')} {status}: {reason}", width)
    if any(item.cell.missing_weights for item in told.cells):
        lines += _wrapped(_FETCHED, width)
    return "\n".join(("Missing", *lines)) if lines else ""


def _again(told: Forecast, width: int) -> str:
    """Cells of which a similar one has finished, by what differs."""
    found: dict[str, int] = {}
    for item in told.cells:
        if item.differences:
            what = ", ".join(map(str, item.differences))
            found[what] = found.get(what, 0) + 1
    lines = [
        line
        for what, count in found.items()
        for line in _wrapped(f"{counted(count, 'cell')}: {what}", width)
    ]
    if not lines:
        return ""
    return "\n".join(("Finished before, to run again because this differs", *lines))


def _damaged(told: Forecast, width: int) -> str:
    """Finished cells that a run would leave alone although a file of theirs is damaged."""
    lines = [
        line
        for item in told.cells
        if item.state == DAMAGED
        for line in _wrapped(f"{item.cell.method}: {item.detail}", width)
    ]
    if not lines:
        return ""
    return "\n".join(("Damaged (--rerun runs them again)", *lines))


def _shared(told: Forecast, width: int) -> str:
    if not told.waiting:
        return ""
    lines: list[str] = []
    for store in told.stores:
        where = "cached" if store.here else "to be made"
        size = bytes_text(store.nbytes)
        what = f"images at {store.size} px, {store.interpolation}: {where} ({size})"
        lines += _wrapped(what, width)
    freezing = [c for c in told.waiting if c.estimate.activation_bytes]
    prices = [s for c in told.waiting if (s := c.estimate.activation_seconds)]
    if prices:
        lines += _wrapped(
            f"computing activations took up to {seconds_text(max(prices))} per cell in earlier "
            "runs; the times above leave it out, as cells that freeze the same share it",
            width,
        )
    unknown = sum(c.estimate.activation_bytes is None for c in told.waiting)
    if freezing:
        most = max(c.estimate.activation_bytes or 0 for c in freezing)
        lines += _wrapped(
            f"activations of frozen layers: {counted(len(freezing), 'cell')} kept up to "
            f"{bytes_text(most)} each in earlier runs; cells that freeze the same share them",
            width,
        )
    if unknown:
        lines += _wrapped(
            f"activations of frozen layers: unknown for {counted(unknown, 'cell')}; what is frozen "
            "is known once the network is built",
            width,
        )
    return "\n".join(("Shared work", *lines))


def _disk(told: Forecast) -> str:
    if not told.waiting:
        return ""
    made = sum(store.nbytes for store in told.stores if not store.here)
    unsized = sum(c.estimate.checkpoint_bytes is None for c in told.waiting)
    checkpoints = bytes_text(told.checkpoint_bytes)
    if told.checkpoint_bytes and unsized:
        checkpoints += f", and unknown for {counted(unsized, 'cell')}"
    lines = [
        f"prepared images  {bytes_text(made)}",
        f"checkpoints      {checkpoints}",
        f"predictions      at most {bytes_text(told.prediction_bytes)}",
        *(f"free             {bytes_text(n)} at {where}" for where, n in told.free_bytes.items()),
    ]
    return "\n".join(("Disk", *(_INDENT + line for line in lines)))


def _summary(study: Study, told: Forecast) -> str:
    counts = Counter(item.state for item in told.cells)
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    kinds = sorted({item.cell.record["weights"]["kind"] for item in told.cells})
    lines = [f"{counted(len(told.cells), 'cell')} in {study.directory}: {states}"]
    lines.append(f"weights: {', '.join(kinds)}; {counted(told.slots, 'cell')} at a time")
    lines += [
        f"dropped by plugin {plugin!r}: {counted(len(cells), 'cell')}"
        for plugin, cells in study.dropped.items()
    ]
    if told.waiting:
        lines.append(f"time: {_time(told)}")
    return "\n".join(lines)


def _time(told: Forecast) -> str:
    if told.seconds is None:
        return "unknown: no cell of these methods has finished on this machine"
    about = f"about {seconds_text(told.seconds)}, estimated from earlier cells on this machine"
    if told.untimed:
        about += f"; unknown for {told.untimed} of {counted(len(told.waiting), 'cell')}"
    return about


def _wrapped(text: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=_INDENT,
        subsequent_indent=2 * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(study: Study, told: Forecast) -> dict[str, Any]:
    """The forecast as JSON values; None is unknown. Bytes, seconds, pixels."""
    return {
        "directory": str(study.directory),
        "notes": list(dict.fromkeys(study.notes)),
        "dropped": {plugin: len(cells) for plugin, cells in study.dropped.items()},
        "cells": [_cell_json(cell) for cell in told.cells],
        "missing": [
            {"status": status, "reason": reason, "cells": [c.cell.directory.name for c in cells]}
            | {"methods": sorted({c.cell.method for c in cells})}
            for (status, reason), cells in told.obstacles().items()
        ],
        "prepared": [
            {
                "size": store.size,
                "interpolation": store.interpolation,
                "directory": str(store.directory),
                "here": store.here,
                "bytes": store.nbytes,
            }
            for store in told.stores
        ],
        "slots": told.slots,
        "seconds": told.seconds,
        "cells_without_estimate": told.untimed,
        "disk": {
            "prepared_bytes": sum(store.nbytes for store in told.stores if not store.here),
            "checkpoint_bytes": told.checkpoint_bytes,
            "prediction_bytes_at_most": told.prediction_bytes,
            "free_bytes": dict(told.free_bytes),
        },
    }


def _cell_json(item: CellForecast) -> dict[str, Any]:
    record, told = item.cell.record, item.estimate
    return {
        "method": item.cell.method,
        "small": is_small(record),
        "cell": item.cell.directory.name,
        "directory": str(item.cell.directory),
        "seed": record["seed"],
        "fold": fold_number(record),
        "sweep": swept_values(record),
        "fraction": record["fraction"],
        "weights": record["weights"]["kind"],
        "data": record["data"],
        "state": item.state,
        "detail": item.detail,
        "differs_in": [
            {"field": one.field, "was": one.was, "now": one.now} for one in item.differences
        ],
        "epochs": record["protocol"]["epochs"],
        "epochs_done": item.epochs_done,
        "seconds": told.seconds,
        "memory_bytes": told.memory_bytes,
        "checkpoint_bytes": told.checkpoint_bytes,
        "activation_bytes": told.activation_bytes,
        "activation_seconds": told.activation_seconds,
        "told_from_cells": told.cells,
    }
