"""What families say of their members, asked in a process of its own and kept on disk.

An answer holds for one version and source of the plugin, and one version of the library that has
the networks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.discovery.isolated import Job, run_isolated
from harness.discovery.spec_json import packed, unpacked
from harness.errors import HarnessError
from harness.provenance import code_digest, harness_version, library_versions
from harness.runtime.resolve import resolve
from harness.specs import FamilySpec, MethodSpec
from harness.storage.cache import cache_directory
from harness.storage.json_files import json_digest, read_json, write_json
from harness.values.plain_text import on_screen

FOLDER = "families"
"""Folder of the cache."""
SECONDS = 120.0
"""That a family may take to start its library and to list or resolve names, ..."""
SECONDS_A_NAME = 60.0
"""... and more for each name: a network may be built to learn about it."""
Busy = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A family, and the plugin that offers it."""

    plugin: str
    dist: str
    version: str
    family: FamilySpec


def resolved(asked: Asked, names: Sequence[str], busy: Busy | None) -> list[MethodSpec | str]:
    """The method of each name, or why the family has none of that name.

    Args:
        names: what follows ``<plugin>/``.

    Raises:
        HarnessError: the plugin's code breaks, or returns something else.
    """
    places = {name: _place(asked, "method", name) for name in names}
    known = {name: _kept(place) for name, place in places.items()}
    new = [name for name, answer in known.items() if answer is None]
    if new:
        arguments = {"function": asked.family.resolve, "names": new}
        seconds = SECONDS + SECONDS_A_NAME * len(new)
        for name, answer in zip(
            new, _answer(asked, "resolve_here", arguments, seconds, busy), strict=True
        ):
            known[name] = answer
            if "spec" in answer:
                _keep(places[name], answer)
    return [_method(known[name] or {}) for name in names]


def searched(asked: Asked, busy: Busy | None) -> list[tuple[str, str]]:
    """Every name that the family lists, with its summary.

    Raises:
        HarnessError: as :func:`resolved`.
    """
    place = _place(asked, "search", "")
    found = _kept(place)
    if found is None:
        arguments = {"function": asked.family.search}
        found = _answer(asked, "search_here", arguments, SECONDS, busy)
        _keep(place, found)
    return [(str(name), on_screen(str(summary))) for name, summary in found]


def resolve_here(
    doing: Callable[[str], None], function: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    """In the process that was made for it: each name's ``spec``, or why it is ``refused``."""
    doing(f"importing {function.partition(':')[0]}")
    call = resolve(function)
    found: list[dict[str, Any]] = []
    for name in names:
        doing(f"resolving {name}")
        try:
            spec = call(name)
        except HarnessError as error:
            found.append({"refused": str(error)})
            continue
        if not isinstance(spec, MethodSpec):
            raise HarnessError(
                f"{function} returned {type(spec).__name__} for {name!r}; it must return a "
                "MethodSpec"
            )
        found.append({"spec": packed(spec, MethodSpec)})
    return found


def search_here(doing: Callable[[str], None], function: str) -> list[tuple[str, str]]:
    """In the process that was made for it: names and summaries."""
    doing(f"importing {function.partition(':')[0]}")
    call = resolve(function)
    doing(f"calling {function}")
    return [(name, summary) for name, summary in call()]


def _answer(
    asked: Asked, function: str, arguments: Mapping[str, Any], seconds: float, busy: Busy | None
) -> Any:
    job = Job(
        name=f"the networks of {asked.family.library}",
        function=f"{__name__}:{function}",
        arguments=arguments,
    )
    (outcome,) = run_isolated([job], seconds=seconds, busy=busy)
    if outcome.failure:
        raise HarnessError(
            f"plugin {asked.plugin!r} cannot say what networks {asked.family.library} has: "
            f"{on_screen(outcome.failure)}"
        )
    return outcome.value


def _method(answer: Mapping[str, Any]) -> MethodSpec | str:
    if "spec" not in answer:
        return on_screen(str(answer.get("refused")))
    spec = unpacked(MethodSpec, answer["spec"])
    assert isinstance(spec, MethodSpec)
    return spec


def _place(asked: Asked, kind: str, name: str) -> Path | None:
    """The file of an answer; None where there is nowhere to keep one."""
    family = asked.family
    facts = [
        kind,
        name,
        asked.dist,
        asked.version,
        code_digest(family.resolve),
        code_digest(family.search),
        sorted(library_versions([family.library]).items()),
        harness_version(),
        [field.name for field in fields(MethodSpec)],
    ]
    try:
        return cache_directory() / FOLDER / asked.plugin / f"{json_digest(facts)}.json"
    except HarnessError:
        return None


def _kept(place: Path | None) -> Any:
    """The answer of an earlier command; None where there is none, or it is damaged."""
    if place is None or not place.is_file():
        return None
    try:
        return read_json(place)["answer"]
    except (HarnessError, KeyError, TypeError):
        return None


def _keep(place: Path | None, answer: Any) -> None:
    """Keep it, if that can be done; without, the next command asks again."""
    if place is None:
        return
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_json(place, {"answer": answer})
