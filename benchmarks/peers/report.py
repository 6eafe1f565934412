"""The result as text and as JSON, with the machine that it was measured on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tabulate import tabulate

from benchmarks.peers.measure import Spread
from benchmarks.peers.row import Agreement, Row
from harness.cell.environment import describe_environment
from harness.machine import Resources
from harness.provenance import version

FRAMEWORKS = ("lightning", "accelerate")
"""Packages of the peers, beside those that the harness itself reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was measured."""

    rows: Sequence[Row]
    agreements: Sequence[Agreement]
    machine: dict[str, Any]


def machine_facts() -> dict[str, Any]:
    """Processor, packages, and how busy the machine is."""
    facts = describe_environment(Resources(device="cpu", threads=1, concurrent=False))
    facts["packages"] |= {name: version(name) for name in FRAMEWORKS}
    return {
        **facts,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def as_json(report: Report) -> dict[str, Any]:
    return {
        "rows": [{**asdict(row), "met": row.met} for row in report.rows],
        "agreements": [asdict(agreement) for agreement in report.agreements],
        "machine": report.machine,
    }


def as_text(report: Report) -> str:
    parts = [_ratios(report.rows)]
    if report.agreements:
        parts.append(_agreements(report.agreements))
    return "\n\n".join([*parts, _machine(report.machine)])


def _ratios(rows: Sequence[Row]) -> str:
    head = ("what", "median", "min to max", "CPU", "rounds", "target", "met", "note")
    body = [
        (
            row.what,
            f"{row.value.median:.3g} {row.unit}",
            f"{row.value.low:.3g} to {row.value.high:.3g}",
            _cpu(row.cpu),
            row.value.count,
            _target(row),
            {True: "yes", False: "NO", None: ""}[row.met],
            row.note,
        )
        for row in rows
    ]
    return tabulate(body, head, disable_numparse=True)


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    return f"{'≤' if row.at == 'most' else '≥'} {row.target:.3g} {row.unit}"


def _cpu(value: Spread | None) -> str:
    return "" if value is None else f"{value.median:.3g}"


def _agreements(agreements: Sequence[Agreement]) -> str:
    head = ("training", "peer", "validation loss", "weights apart")
    body = [
        (found.comparison, found.peer, f"{found.loss:.5f}", f"{found.apart:.1e}")
        for found in agreements
    ]
    return tabulate(body, head, disable_numparse=True)


def _machine(facts: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {found}" for name, found in facts["packages"].items())
    load = " ".join(map(str, facts["load_average"]))
    return (
        f"{facts['cpu']}, {facts['cpu_count']} cores, load {load}; {facts['platform']}, "
        f"Python {facts['python']}; {facts['date']}\n{packages}"
    )
