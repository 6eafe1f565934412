"""A method's card: everything that its plugin says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.cli.shared.fitted_tables import fitted_table
from harness.discovery.families import family_strategies
from harness.discovery.registry import MethodEntry, Plugins
from harness.errors import HarnessError, did_you_mean
from harness.provenance import package_directory
from harness.specs import WeightsCard
from harness.values.bare_names import ids_called
from harness.values.wording import size_text, yes_no_unknown


def find_method(text: str, plugins: Plugins) -> MethodEntry:
    """The method of this id, of this name without its plugin, or of a family's member.

    Raises:
        HarnessError: there is none, or several; names them.
    """
    text = plugins.aliases.get(text, text)
    found = [text] if text in plugins.methods else ids_called(text, plugins.methods)
    if not found:
        hint = did_you_mean(text, plugins.methods)
        raise HarnessError(f"no method {text!r}{hint}; 'harness plugins' lists all")
    if len(found) > 1:
        raise HarnessError(f"{text!r} may mean any of these methods: {', '.join(found)}")
    return plugins.methods[found[0]]


def method_facts(entry: MethodEntry, plugins: Plugins) -> dict[str, Any]:
    """The card for programs; what a method has not is empty."""
    spec = entry.spec
    base = entry.id.partition("@")[0]
    alike = [other for other in plugins.methods if other.partition("@")[0] == base]
    alike += [f"{base}@{strategy}" for strategy in family_strategies(entry, plugins)]
    return {
        "id": entry.id,
        "summary": spec.summary,
        "task": spec.task,
        "family": spec.family,
        "params": dict(spec.params),
        "small": dict(spec.tiny),
        "protocol": dict(spec.protocol),
        "strategies": [one for one in dict.fromkeys(alike) if one != entry.id]
        if "@" in entry.id
        else [],
        "weights": _card(spec.weights),
        "small_weights": _card(spec.tiny_weights),
        "needs": sorted(spec.needs),
        "requires": list(spec.requires),
        "twins": dict(spec.twins),
        "prompts": bool(spec.prompts_param),
        "tags": sorted(spec.tags),
        "reference": spec.reference,
        "distribution": entry.dist,
        "version": entry.version,
        "factory": spec.factory,
        "code": _code(spec.factory),
    }


def method_text(facts: Mapping[str, Any], width: int) -> str:
    """The card for people."""
    prompts = "yes: --prompts FILE" if facts["prompts"] else ""
    lines = {
        "method": facts["id"],
        "what": facts["summary"],
        "task, family": f"{facts['task']}, {facts['family']}",
        "parameters": _settings(facts["params"]),
        "small member": _settings(facts["small"]),
        "deviates from the protocol": _settings(facts["protocol"]),
        "other strategies": ", ".join(facts["strategies"]),
        "weights": _weights(facts["weights"]),
        "weights of the small member": _weights(facts["small_weights"]),
        "needs": ", ".join(facts["needs"]),
        "requires": ", ".join(facts["requires"]),
        "compared with": _settings(facts["twins"]),
        "prompts of one's own": prompts,
        "reference": facts["reference"],
        "distribution": f"{facts['distribution']} {facts['version']}",
        "code": f"{facts['factory']} in {facts['code']}",
    }
    found = [(name, text) for name, text in lines.items() if text]
    table = fitted_table(("", ""), found, width, wrapped=(1,))
    # Without the rule under headings that there are none of.
    return "\n".join(line.rstrip() for line in table.split("\n")[2:])


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in values.items()
    )


def _card(card: WeightsCard | None) -> dict[str, Any] | None:
    if card is None:
        return None
    sizes = [file.size for file in card.files]
    known = [size for size in sizes if size is not None]
    return {
        "id": card.id,
        "source": card.source,
        "location": card.location,
        "pretraining_method": card.pretraining_method,
        "pretraining_data": card.pretraining_data,
        "labels_used": card.labels_used,
        "licence": card.licence,
        "bytes": sum(known) if len(known) == len(sizes) else None,
    }


def _weights(card: Mapping[str, Any] | None) -> str:
    if card is None:
        return ""
    size = "" if card["bytes"] is None else f"{size_text(card['bytes'])} "
    facts = [
        f"{card['id']}: {card['pretraining_method']}",
        f"data: {card['pretraining_data']}",
        f"labels used: {yes_no_unknown(card['labels_used'])}",
        f"licence: {card['licence']}",
        f"{size}from {card['source']} ({card['location']})",
    ]
    return "; ".join(facts)


def _code(factory: str) -> str:
    """The file of a factory, found without importing it; empty where its package is not here."""
    package, *inner = factory.partition(":")[0].split(".")
    try:
        root = package_directory(package)
    except HarnessError:
        return ""
    if root.is_file():
        return str(root)
    file = root.joinpath(*inner).with_suffix(".py") if inner else root / "__init__.py"
    return str(file if file.is_file() else Path(file.with_suffix("")) / "__init__.py")
