"""Changes to parameters from the command line: of methods by ``--param [PATTERN:]NAME=VALUE``, of
the dataset by ``--data-param NAME=VALUE``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.discovery.registry import Plugins
from harness.discovery.select import select
from harness.errors import HarnessError, did_you_mean
from harness.specs import DatasetSpec, ExecutorSpec
from harness.values.check import fits, in_words, shown, type_of, value_of

COLUMNS = "columns"
"""The parameter of a dataset that says which column of its table holds what."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value for a parameter of every method in ``methods`` that has it."""

    text: str
    """As it was given."""
    methods: frozenset[str]
    name: str
    value: Any

    @property
    def about(self) -> str:
        """The key of a study file that says it."""
        return f"param.{self.text.partition('=')[0]}"


def parse(settings: Iterable[str], plugins: Plugins) -> tuple[Change, ...]:
    """The changes that the settings ask for, in their order.

    A setting is ``NAME=VALUE`` for every method with such a parameter, or ``PATTERN:NAME=VALUE``
    with a pattern as ``--plugins`` takes it. The value is JSON, or else text.

    Raises:
        HarnessError: a setting of another form, or a pattern that matches no method.
    """
    changes = []
    for text in settings:
        left, equals, value = text.partition("=")
        pattern, _, name = left.rpartition(":")
        if not equals or not name.strip():
            raise HarnessError(
                f"--param {text!r}: write NAME=VALUE or PATTERN:NAME=VALUE", about=f"param.{left}"
            )
        try:
            methods = select((pattern or "all",), (), plugins)
        except HarnessError as error:
            raise HarnessError(f"--param {text!r}: {error}", about=f"param.{left}") from error
        changes.append(Change(text, frozenset(methods), name.strip(), value_of(value)))
    return tuple(changes)


def changes_of(method: str, stated: Mapping[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """Parameter -> new value for the method whose parameters are ``stated``; the last one counts.

    Raises:
        HarnessError: a value of another type than the stated one.
    """
    found: dict[str, Any] = {}
    for change in changes:
        if method not in change.methods or change.name not in stated:
            continue
        old = stated[change.name]
        if not fits(change.value, type_of(old)):
            raise HarnessError(
                f"--param {change.text!r}: {method} has {change.name}={json.dumps(old)}, "
                f"which is {_difference(old, change.value)}",
                about=change.about,
            )
        found[change.name] = change.value
    return {name: value for name, value in found.items() if value != stated[name]}


def refuse_unused(changes: Iterable[Change], selected: Sequence[str], plugins: Plugins) -> None:
    """Raise HarnessError for a change of a parameter that no selected method has."""
    for change in changes:
        methods = [plugins.methods[i].spec for i in selected if i in change.methods]
        known = sorted({name for spec in methods for name in spec.params})
        if change.name not in known:
            raise HarnessError(
                f"--param {change.text!r}: no selected method that it applies to has a parameter "
                f"{change.name!r}{did_you_mean(change.name, known)}; "
                f"parameters: {', '.join(known) or 'none'}",
                about=change.about,
            )


def with_data_params(spec: DatasetSpec, settings: Iterable[str]) -> DatasetSpec:
    """The dataset's spec with the parameters that the settings ``NAME=VALUE`` change. An entry of a
    parameter that is a mapping is ``NAME.KEY=TEXT``.

    Raises:
        HarnessError: a setting of another form, an unknown parameter of the dataset, or a value of
            another type than its own.
    """
    return replace(
        spec,
        params=with_settings(
            spec.params,
            settings,
            option="--data-param",
            owner=f"dataset {spec.name!r}",
            key="data_param",
        ),
    )


def with_executor_params(spec: ExecutorSpec, settings: Iterable[str]) -> dict[str, Any]:
    """The executor's parameters with those that the settings ``NAME=VALUE`` change.

    Raises:
        HarnessError: as :func:`with_settings`.
    """
    return with_settings(
        spec.params,
        settings,
        option="--executor-param",
        owner=f"executor {spec.name!r}",
        key="executor_param",
    )


def with_settings(
    stated: Mapping[str, Any], settings: Iterable[str], *, option: str, owner: str, key: str
) -> dict[str, Any]:
    """Parameters with those that ``NAME=VALUE`` and, of a mapping, ``NAME.KEY=TEXT`` change.

    Args:
        option: that gave the settings, for messages.
        owner: what has the parameters, for messages.
        key: the table of a study file that holds them.

    Raises:
        HarnessError: a setting of another form, an unknown parameter, or a value of another type
            than the stated one.
    """
    changed = dict(stated)
    for text in settings:
        written, equals, value = text.partition("=")
        name, value = written.strip(), value.strip()
        about = f"{key}.{written}"
        if not equals or not name:
            raise HarnessError(f"{option} {text!r}: write NAME=VALUE", about=about)
        outer, dot, inner = name.partition(".")
        if dot and inner and isinstance(changed.get(outer), Mapping):
            changed[outer] = {**changed[outer], inner: value}
            continue
        if dot and outer == COLUMNS:
            raise HarnessError(
                f"--column {inner}={value}: {owner} reads no table", about=f"column.{inner}"
            )
        if name not in stated:
            raise HarnessError(
                f"{option} {text!r}: {owner} has no parameter {name!r}"
                f"{did_you_mean(name, stated)}; parameters: {', '.join(stated) or 'none'}",
                about=about,
            )
        old, new = stated[name], value_of(value)
        if isinstance(old, str) and isinstance(new, int | float) and not isinstance(new, bool):
            new = value  # Text that looks like a number.
        if not fits(new, type_of(old)):
            raise HarnessError(
                f"{option} {text!r}: {owner} has {name}={json.dumps(old)}, which "
                f"is {_difference(old, new)}",
                about=about,
            )
        changed[name] = new
    return changed


def column_settings(columns: Iterable[str]) -> tuple[str, ...]:
    """``--column FIELD=NAME`` as changes to the parameter ``columns`` of a dataset.

    Raises:
        HarnessError: one of another form.
    """
    for text in columns:
        if not re.fullmatch(r"\s*\w+\s*=.*", text):
            raise HarnessError(
                f"--column {text!r}: write FIELD=NAME, e.g. group=PatientID",
                about=f"column.{text.partition('=')[0]}",
            )
    return tuple(f"{COLUMNS}.{text.strip()}" for text in columns)


def columns_of(settings: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Settings of a dataset in two groups: those that :func:`column_settings` made, as
    ``FIELD=NAME``, and the others."""
    settings, prefix = tuple(settings), f"{COLUMNS}."
    columns = tuple(s.removeprefix(prefix) for s in settings if s.startswith(prefix))
    return columns, tuple(s for s in settings if not s.startswith(prefix))


def _difference(old: Any, new: Any) -> str:
    """``a whole number and not text``."""
    wanted, given = in_words(type(old)), in_words(type(new))
    return f"{wanted} and not {shown(new) if given == wanted else given}"
