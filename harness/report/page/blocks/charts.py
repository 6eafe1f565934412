"""Vega-Lite specifications: what the page's charts have in common.

A name from outside (of a method, of a class) is only ever a value in them, never part of an
expression or a field's name. Colours are the page's own variables, so a chart follows its scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]

COLOURS = 8
"""Methods with a colour of their own: no more can be told apart."""
MUTED = "var(--muted)"


def chart(layers: Sequence[Spec] | Spec, *, height: int = 300, **more: Any) -> Spec:
    """A chart as wide as its place."""
    body = dict(layers) if isinstance(layers, Mapping) else {"layer": list(layers)}
    return {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        **more,
        **body,
    }


def quantity(field: str, title: str, **more: Any) -> Spec:
    """An axis of numbers."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def by_method(names: Sequence[str]) -> Spec:
    """A colour for each of the first methods, grey for all others; the legend has those with one.

    Args:
        names: the best first.
    """
    shown = names[:COLOURS]
    return {
        "field": "method",
        "type": "nominal",
        "scale": {
            "domain": list(names),
            "range": [
                *(f"var(--c{i})" for i in range(len(shown))),
                *[MUTED] * len(names[COLOURS:]),
            ],
        },
        "legend": {
            "values": list(shown),
            "title": None,
            "orient": "bottom",
            "columns": 1,
            "labelLimit": 320,
            "symbolType": "stroke",
            "symbolStrokeWidth": 3,
        },
    }


def tooltip(*fields: tuple[str, str, str]) -> list[Spec]:
    """Of (field, title, format) each; a format may be empty."""
    return [
        {
            "field": field,
            "title": title,
            **({"type": "quantitative", "format": form} if form else {"type": "nominal"}),
        }
        for field, title, form in fields
    ]


def picker(name: str, choices: Sequence[str]) -> Spec:
    """A list under the chart to choose one value from."""
    return {
        "name": name,
        "value": choices[0],
        "bind": {"input": "select", "options": list(choices), "name": f"{name} "},
    }


HOVER: Spec = {
    "name": "hover",
    "select": {"type": "point", "fields": ["method"], "on": "pointerover", "clear": "pointerout"},
}
"""The method under the pointer stands out."""


def standing_out(width: float) -> Spec:
    """Width and opacity of a line: more of both for the method under the pointer."""
    return {
        "strokeWidth": {
            "condition": {"param": "hover", "empty": False, "value": 2 * width},
            "value": width,
        },
        "opacity": {"condition": {"param": "hover", "value": 0.95}, "value": 0.25},
    }
