"""What a cell's network is, by what was built and not by what its method is called.

A method's id and summary name its full network. The presets for a laptop build a small one of the
same code instead, and any of them may start from other weights than the published ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SMALL = "(small)"
"""Follows the id of a method whose small member was built."""

OWN = "(small, own weights)"
"""The same, where it started from weights made for the small member."""


def is_small(record: Mapping[str, Any]) -> bool:
    """Whether the cell builds its method's small member; ``record`` is that of cell.json."""
    # Older records do not say so themselves.
    otherwise = record["protocol"].get("tiny") and record["method"].get("tiny")
    return bool(record["method"].get("small", otherwise))


def named(method: str, *, small: bool, weights: str) -> str:
    """The method's id as people read it: ``segmentation/unet (small)``.

    Args:
        method: its id.
        small: whether the small member was built.
        weights: the kind of weights that it started from.
    """
    if not small:
        return method
    return f"{method} {OWN if weights == 'pretrained' else SMALL}"


def title(record: Mapping[str, Any]) -> str:
    """:func:`named`, by the record of cell.json."""
    return named(record["id"], small=is_small(record), weights=record["weights"]["kind"])


def sentence(record: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    """What was built, how large it is, and what it started from; no full stop.

    A small member is described by the parameters that make it small: the method's summary describes
    the full one. A method without a network has neither size nor start.
    """
    parameters = timing.get("parameters_total")
    if parameters is None:
        return what(record)
    return f"{what(record)}; {size(parameters)}; started from {start(record)}"


def what(record: Mapping[str, Any]) -> str:
    """The kind of network, or of other method."""
    method = record["method"]
    if not is_small(record):
        return str(method["summary"])
    # A parameter that was changed on the command line is what was built.
    built = {name: method["params"].get(name, small) for name, small in method["tiny"].items()}
    made = ", ".join(f"{name} {_plain(value)}" for name, value in built.items())
    return "Small network instead of the full one" + (f": {made}" if made else "")


def size(parameters: int) -> str:
    """``32.5 M parameters``"""
    if parameters < 1e4:
        return f"{parameters:,} parameters"
    return f"{parameters / 1e6:.3g} M parameters"


def start(record: Mapping[str, Any]) -> str:
    """What the parameters were before training."""
    weights = record["weights"]
    if weights["card"] is None:
        return "random weights"
    if weights["kind"] == "directory":
        files = ", ".join(weights.get("files") or ()) or "files"
        return f"weights of the user's ({files}) instead of {weights['card']}"
    source = record["method"]["weights"]
    kind = "small weights of its own" if is_small(record) else "pretrained weights"
    data = source["pretraining_data"]
    told = "data unknown" if data == "unknown" else data
    return f"{kind} {weights['card']} ({source['pretraining_method']}, {told})"


def _plain(value: Any) -> str:
    """A JSON value without its quotes and braces."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
