"""How the results were made: protocol, prompts, weights and licences, environment, study file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.provenance import package_file
from harness.report.formats.records import Record
from harness.report.formats.text_columns import Shown
from harness.report.page.blocks.block import Block, Chapter, Table
from harness.report.page.blocks.private import without_paths
from harness.report.page.blocks.sources import Source
from harness.report.table.column import name_of
from harness.report.table.rows import Row
from harness.results.browse.decimals import UNKNOWN
from harness.results.record import CellRecord
from harness.storage.names import as_text, on_one_line
from harness.values.wording import yes_no_unknown

STUDY_FILE = "study.toml"


def how_made(source: Source) -> Chapter:
    rows = [line[0] for contest in source.setting.contests for line in contest.lines]
    blocks = [
        _protocol(source, rows),
        _weights(source, rows),
        *_prompts(source, rows),
        _environment(source, rows),
        *_study_files(source, rows),
    ]
    return Chapter(id=source.id("made"), title="How it was made", blocks=blocks)


def _pairs(source: Source, what: str, title: str, facts: Mapping[str, str], **more: Any) -> Block:
    names, values = list(facts), list(facts.values())
    return Block(
        id=source.id("made", what),
        title=title,
        table=Table(columns=[Shown("what", names, left=True), Shown("value", values, left=True)]),
        records=[{"what": name, "value": value} for name, value in facts.items()],
        **more,
    )


def _protocol(source: Source, rows: Sequence[Row]) -> Block:
    row = source.setting.first
    facts = {name: _text(value) for name, value in sorted(row.protocol.items())}
    facts = {"dataset": on_one_line(row.dataset), "fingerprint": row.fingerprint, **facts}
    facts |= {"split": row.split, "device": row.device, "precision": row.precision}
    said: list[str] = []
    for other in rows:
        changes = [
            f"{name} {_text(used)} in place of {_text(stated)}"
            for name, (stated, used) in other.deviations.items()
        ]
        if changes:
            said.append(f"{on_one_line(other.method)}: {', '.join(changes)}.")
    split = [
        f"Split: {without_paths(note)}."
        for note in dict.fromkeys(n for r in rows for n in r.split_notes)
    ]
    title = "Protocol, equal for all methods"
    return _pairs(source, "protocol", title, facts, notes=[*said, *split])


def _weights(source: Source, rows: Sequence[Row]) -> Block:
    records: list[Record] = []
    for row in rows:
        method = source.record(row)["method"]
        card = method["weights"]
        started = row.timing.get("parameters_total") is not None
        if row.weights != "pretrained" or not started:
            card = None
        records.append(
            {
                "method": on_one_line(name_of(row)),
                "weights": row.weights if started else None,
                "card": row.weights_card if card else None,
                "pretraining": card["pretraining_method"] if card else None,
                "data": card["pretraining_data"] if card else None,
                "labels used": yes_no_unknown(card["labels_used"]) if card else None,
                "licence": card["licence"] if card else None,
                "sha256": row.weights_digest,
                "package": f"{method['dist']} {method['version']}",
            }
        )
    shown = (
        "method",
        "weights",
        "card",
        "pretraining",
        "data",
        "labels used",
        "licence",
        "package",
    )
    return Block(
        id=source.id("made", "weights"),
        title="What each method started from",
        table=Table(
            columns=[Shown(n, [str(r[n] or UNKNOWN) for r in records], left=True) for n in shown]
        ),
        records=records,
    )


def _prompts(source: Source, rows: Sequence[Row]) -> list[Block]:
    """The sentences of methods that are given some."""
    found: list[tuple[str, str]] = []
    for row in rows:
        lines = _prompt_lines(source.record(row))
        found += [(on_one_line(row.method), on_one_line(line)) for line in lines if line.strip()]
    if not found:
        return []
    return [
        Block(
            id=source.id("made", "prompts"),
            title="Prompts",
            folded=True,
            table=Table(
                columns=[
                    Shown("method", [name for name, _ in found], left=True),
                    Shown("line", [text for _, text in found], left=True),
                ]
            ),
            records=[{"method": name, "line": text} for name, text in found],
        )
    ]


def _prompt_lines(record: CellRecord) -> list[str]:
    method = record["method"]
    given = method["params"].get(method.get("prompts_param", ""))
    if isinstance(given, str):
        return given.splitlines()
    lines: list[str] = []
    for reference, digest in (record["provenance"].get("files") or {}).items():
        try:
            content = package_file(reference).read_bytes()
        except (HarnessError, OSError):
            content = b""
        if hashlib.sha256(content).hexdigest() == digest:
            lines += content.decode(errors="replace").splitlines()
        else:
            lines.append(f"({reference} is not here as the cell used it)")
    return lines if given is not None else []


def _environment(source: Source, rows: Sequence[Row]) -> Block:
    seen: dict[str, dict[str, None]] = {}
    for row in rows:
        try:
            environment = source.cell(row).environment
        except HarnessError:  # The table says what is damaged.
            continue
        for name, value in _flat(environment or {}):
            seen.setdefault(name, {})[value] = None
    facts = {name: ", ".join(values) for name, values in seen.items()}
    return _pairs(source, "environment", "Environment", facts, folded=True)


def _flat(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in environment.items():
        if isinstance(value, Mapping):
            found += [(on_one_line(f"{name}: {key}"), _text(inner)) for key, inner in value.items()]
        else:
            found.append((on_one_line(name), _text(value)))
    return found


def _study_files(source: Source, rows: Sequence[Row]) -> list[Block]:
    studies = dict.fromkeys(Path(row.directory).parents[3] for row in rows)
    blocks = []
    for study in studies:
        try:
            text = (study / STUDY_FILE).read_text(encoding="utf-8")
        except (OSError, ValueError):  # A study of cells that were copied has none.
            continue
        title = f"Study file of {as_text(study.name)}: harness run {STUDY_FILE} repeats it"
        blocks.append(Block(title=on_one_line(title), verbatim=without_paths(text)))
    return blocks


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return on_one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
