"""Whether the code of this machine is the code that a cell was planned with."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from typing import Any

from harness import provenance
from harness.errors import HarnessError
from harness.values.plain_text import on_screen
from harness.values.wording import counted

_SHOWN = 3
"""Differences that a message names."""


def other_code(record: Mapping[str, Any]) -> str:
    """What differs, as the reason of a cell that must not run here; empty where nothing does.

    Compares versions and digests of sources, by which the cell is named. That of the data is
    compared when its first image is read.

    Args:
        record: of ``cell.json``, whose plugins can be imported.
    """
    found = list(_differences(record))
    if not found:
        return ""
    more = f" and {counted(len(found) - _SHOWN, 'more')}" if len(found) > _SHOWN else ""
    return on_screen(
        f"{platform.node()} has other code than this cell was planned with: "
        f"{', '.join(found[:_SHOWN])}{more}; give all machines the same environment, and repeat "
        "the command"
    )


def _differences(record: Mapping[str, Any]) -> Iterator[str]:
    planned = record["provenance"]
    core = {name: planned[name] for name in _CORE if name in planned}
    yield from _compared("cxr-harness", core, provenance.harness_code())
    yield from _compared("", {"torch": planned["torch"]}, {"torch": provenance.version("torch")})
    for name in ("libraries", "requires"):
        stated = planned.get(name, {})
        yield from _compared("", stated, provenance.library_versions(stated))
    method, plugin = record["method"], record["id"].partition("/")[0]
    if "factory" in planned:
        yield from _code(plugin, method["factory"], planned, method["dist"], method["version"])
        for what, digest in (("files", provenance.file_digest), ("task_source", _source)):
            for name, known in planned.get(what, {}).items():
                yield from _compared("", {name: known}, {name: _or_missing(digest, name)})
    made = planned["dataset"]
    if "factory" in made:
        yield from _code(
            f"dataset {record['dataset']['name']}",
            made["factory"],
            made,
            made["distribution"],
            made.get("version", ""),
        )


_CORE = ("results_version", "harness", "harness_source")


def _source(reference: str) -> str:
    return provenance.code_digest(reference)


def _or_missing(digest: Any, name: str) -> str | None:
    try:
        return str(digest(name))
    except (HarnessError, OSError):
        return None


def _code(
    who: str, factory: str, planned: Mapping[str, Any], dist: str, version: str
) -> Iterator[str]:
    stated = {name: planned[name] for name in ("version", "source") if name in planned}
    if not stated:
        return  # A released harness's own, which its version names.
    try:
        here = provenance.plugin_code(factory, dist, provenance.version(dist) or version)
    except (HarnessError, OSError):
        yield f"{who} is not installed"
        return
    yield from _compared(who, stated, here)


def _compared(who: str, planned: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    for name, value in planned.items():
        if here.get(name) != value:
            words = " ".join(part for part in (who, name.replace("_", " ")) if part)
            yield f"{words} {_short(here.get(name))} instead of {_short(value)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text[:12] if len(text) == 64 else text
