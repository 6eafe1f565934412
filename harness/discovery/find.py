"""T0: which plugins are installed, from entry points and metadata alone. Imports none of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, EntryPoint, distribution, distributions
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.hookspecs import PROJECT_NAME
from harness.provenance import LOCAL, harness_version, is_bundled
from harness.runtime.distribution import DISTRIBUTION
from harness.specs import Spec

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*\Z")
_RESERVED = ("all", "none")
DISABLE = "CXR_HARNESS_DISABLE"
"""Environment variable: names of plugins that are not to be loaded, separated by commas."""
ONLY = "CXR_HARNESS_ONLY"
"""Environment variable: names of the third parties' plugins that may be loaded."""

Status = Literal["ok", "disabled", "failed", "incompatible", "conflict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """The outcome of one entry point."""

    name: str
    target: str
    """The module that the entry point names."""
    dist: str
    """Distribution, ``""`` where the entry point belongs to none."""
    version: str
    editable_root: Path | None = None
    """Source folder of an editable install."""
    status: Status = "ok"
    reason: str = ""
    """One line: why the status is not ``ok``."""
    error: str = ""
    """Traceback of a failure."""
    seconds: float = 0.0
    """Wall time of describing it: import and registration hooks."""
    local: Path | None = None
    """The file or folder of a plugin that is not installed (``--plugin PATH``)."""
    import_from: Path | None = None
    """The folder that such a plugin's modules are imported from."""
    specs: tuple[Spec, ...] = ()
    """What it offers, in its own order; empty unless ``ok``."""
    output: str = ""
    """What it printed while it was described."""

    @property
    def origin(self) -> str:
        """``"name 1.2"`` of the distribution."""
        if self.local is not None:
            return f"{LOCAL}: {self.local}"
        return f"{self.dist} {self.version}".strip() or "no distribution"

    @property
    def bundled(self) -> bool:
        """Whether it comes with the harness."""
        return is_bundled(self.dist)


Found = tuple[EntryPoint, PluginRecord]


def find(
    entry_points: Iterable[EntryPoint] | None = None,
    disabled: Collection[str] = (),
    only: Collection[str] | None = None,
    local: Iterable[Found] = (),
) -> list[Found]:
    """Every plugin that is offered, sorted; its record is ``ok`` where it may be described.

    Args:
        entry_points: what to look at; None for group ``cxr_harness`` of all that is installed.
        disabled: names of plugins that are not to be loaded.
        only: names of the third parties' plugins that may be loaded; None for all.
        local: plugins that are not installed; each takes the place of a third party's of its name.
    """
    found: list[Found] = []
    if entry_points is None:
        entry_points, found = _installed()
    facts: dict[Distribution | None, PluginRecord] = {}
    for entry_point in entry_points:
        dist = entry_point.dist
        if dist not in facts:
            facts[dist] = _describe_distribution(dist)
        named = replace(facts[dist], name=entry_point.name, target=entry_point.value)
        found.append((entry_point, _check_name(named)))
    found += local
    found.sort(key=lambda pair: (pair[1].name, pair[1].dist, pair[1].target))
    records = [record for _, record in found]
    return [
        (entry_point, _settle(record, records, disabled, only)) for entry_point, record in found
    ]


def _installed() -> tuple[list[EntryPoint], list[Found]]:
    """Entry points of our group, and a failed record for each whose metadata cannot be read.

    Own loop over the distributions: ``importlib.metadata.entry_points()`` raises for all where one
    file is malformed. Metadata is parsed only of those that mention the group.
    """
    names: set[str] = set()
    broken: list[Found] = []
    for dist in distributions():
        try:
            if PROJECT_NAME in (dist.read_text("entry_points.txt") or ""):
                names.add(canonicalize_name(dist.metadata["Name"]))
        except Exception as error:
            broken.append(_unreadable(f"under {dist.locate_file('')}", error))
    entry_points: list[EntryPoint] = []
    for name in sorted(names):
        try:
            # By name again: of several copies on sys.path, the first is the one that is imported.
            entry_points += [e for e in distribution(name).entry_points if e.group == PROJECT_NAME]
        except Exception as error:
            broken.append(_unreadable(name, error))
    return entry_points, broken


def _unreadable(where: str, error: Exception) -> Found:
    reason = f"the metadata of a distribution ({where}) cannot be read: {error!r}; reinstall it"
    record = PluginRecord(
        name="?", target="", dist=where, version="", status="failed", reason=reason
    )
    return EntryPoint(name="?", value="", group=PROJECT_NAME), record


def _describe_distribution(dist: Distribution | None) -> PluginRecord:
    """What all entry points of a distribution have in common, as a record without a name."""
    if dist is None:
        return PluginRecord(name="", target="", dist="", version="")
    try:
        metadata = dist.metadata
        record = PluginRecord(
            name="",
            target="",
            dist=metadata["Name"] or "",
            version=metadata["Version"] or "",
            editable_root=_editable_root(dist),
        )
        unmet = [text for text in metadata.get_all("Requires-Dist") or () if not _accepts_us(text)]
    except Exception as error:
        return _unreadable(f"under {dist.locate_file('')}", error)[1]
    if not unmet:
        return record
    reason = (
        f"needs {unmet[0]}, but this is {DISTRIBUTION} {harness_version()}; "
        "install a matching version of one of them"
    )
    return replace(record, status="incompatible", reason=reason)


def _accepts_us(requirement: str) -> bool:
    """False for a requirement on the harness that the running version does not meet."""
    parsed = Requirement(requirement)
    if canonicalize_name(parsed.name) != DISTRIBUTION:
        return True
    if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
        return True
    return parsed.specifier.contains(harness_version(), prereleases=True)


def _editable_root(dist: Distribution) -> Path | None:
    """The source folder of an editable install (PEP 610)."""
    text = dist.read_text("direct_url.json")
    origin = json.loads(text) if text else {}
    if not origin.get("dir_info", {}).get("editable"):
        return None
    path = unquote(urlsplit(origin["url"]).path)
    return Path(path.lstrip("/") if os.name == "nt" else path)


def _check_name(record: PluginRecord) -> PluginRecord:
    if wrong := wrong_name(record.name):
        return replace(record, status="failed", reason=wrong)
    try:
        _ = EntryPoint(record.name, record.target, PROJECT_NAME).module
    except AttributeError:
        reason = f"its entry point {record.target!r} names no module; write 'package.module'"
        return replace(record, status="failed", reason=reason)
    return record


def wrong_name(plugin: str) -> str:
    """Why this cannot be a plugin's name; empty where it can."""
    if _NAME.match(plugin) and plugin not in _RESERVED:
        return ""
    return (
        f"{plugin!r} cannot name a plugin: use lower-case letters, digits, '_', '-' and '.', "
        f"and none of {', '.join(_RESERVED)}"
    )


def _settle(
    record: PluginRecord,
    records: list[PluginRecord],
    disabled: Collection[str],
    only: Collection[str] | None,
) -> PluginRecord:
    """The record with its status, seen beside all others."""
    if record.name in disabled:
        return replace(record, status="disabled", reason=f"disabled by {DISABLE}")
    local = [other for other in records if other.local is not None and other.name == record.name]
    if local and not record.bundled and record.local is None:
        return replace(record, status="disabled", reason=f"replaced by {local[0].origin}")
    if only is not None and not (record.bundled or record.local) and record.name not in only:
        return replace(record, status="disabled", reason=f"not among those that {ONLY} names")
    rivals = [o for o in records if o.name == record.name and (not local or o.bundled or o.local)]
    if record.status != "ok" or len(rivals) == 1:
        return record
    # Installing a package must not take the harness's own plugins away.
    if record.bundled and sum(rival.bundled for rival in rivals) == 1:
        return record
    offers = " and ".join(f"{other.origin} ({other.target})" for other in rivals)
    loaded = "only the bundled one" if any(r.bundled for r in rivals) else "neither"
    reason = f"{record.name!r} is offered by {offers}; {loaded} is loaded: uninstall or rename one"
    return replace(record, status="conflict", reason=reason)
