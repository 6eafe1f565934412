"""One metric on one prediction file, whoever has written it."""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields, replace
from numbers import Real
from typing import Any

import numpy as np

from harness.errors import HarnessError, said
from harness.results.predictions import ClassPredictions, MaskPredictions
from harness.runtime.surroundings import undisturbed
from harness.specs import MetricSpec

_TEXT_LIMIT = 200
"""Characters of a foreign error that a message repeats."""


class MetricError(HarnessError):
    """A metric has failed, or has returned what no table can hold."""


def is_own(spec: MetricSpec) -> bool:
    """Whether the metric's code is the harness's."""
    return spec.function.partition(":")[0].partition(".")[0] == "harness"


def value_of(
    spec: MetricSpec,
    predictions: ClassPredictions | MaskPredictions,
    where: str,
    plugin: str | None = None,
) -> float | None:
    """The metric's value, or None where it says that it is not defined: by None, or by a masked
    value of NumPy.

    Args:
        predictions: handed on as they are to the harness's own metrics, which share what they
            compute from them; anybody else's gets a copy that cannot be written to.
        where: names the set in errors.
        plugin: the plugin that offers the metric, named in errors.

    Raises:
        MetricError: it cannot be imported, raises, or returns anything but a finite real number,
            as one or in an array or tensor without axes, or None.
    """
    by = f" of plugin {plugin!r}" if plugin else ""
    who = f"metric {spec.name}{by} ({spec.function})"
    function: Callable[[Any], Any]
    try:
        with nullcontext() if is_own(spec) else undisturbed():
            function = pkgutil.resolve_name(spec.function)
            value = _scalar(function(predictions if is_own(spec) else locked(predictions)))
            number = _number(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        text = said(error)[:_TEXT_LIMIT]
        raise MetricError(f"{who} failed on the {where}: {text}") from error
    if number is not None and not math.isfinite(number):
        raise MetricError(
            f"{who} returned {number} on the {where}; a metric that is not defined returns None"
        )
    if number is None and value is not None:
        raise MetricError(
            f"{who} returned {type(value).__name__} on the {where}; a metric returns a float, or "
            "None where it is not defined"
        )
    return number


def locked(
    predictions: ClassPredictions | MaskPredictions,
) -> ClassPredictions | MaskPredictions:
    """A copy whose arrays are its own and read-only."""
    copies: dict[str, Any] = {}
    for field in fields(predictions):
        value = getattr(predictions, field.name)
        if isinstance(value, np.ndarray):
            copies[field.name] = value.copy()
            copies[field.name].setflags(write=False)
    return replace(predictions, **copies)


def _scalar(value: Any) -> Any:
    """What an array or tensor without axes holds, anything else as it is; None where it is masked:
    what lies under a mask is no value."""
    while getattr(value, "shape", None) == () and hasattr(value, "item"):
        if np.ma.is_masked(value):
            return None
        inner = value.item()
        # An array of objects may hold another; NumPy's extended floats hold themselves.
        if type(inner) is type(value) and not isinstance(value, np.ndarray):
            break
        value = inner
    return value


def _number(value: Any) -> float | None:
    """As a float; None where it is not a number. A truth value is not."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value)
