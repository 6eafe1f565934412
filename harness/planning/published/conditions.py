"""The conditions under which the commands of a published study run a method."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from harness.discovery.registry import MethodEntry, Plugins
from harness.discovery.select import select
from harness.planning.params import changes_of, parse
from harness.planning.study_files.protocol_options import SHORT, read_settings
from harness.planning.study_files.study_file import SHORTHANDS
from harness.protocol import QUICK, effective, override, preset
from harness.report.published.study import Asked
from harness.specs import WeightsFile
from harness.weights.content import digest_of


def asked(
    arguments: Sequence[str], runs: Iterable[Sequence[str]], plugins: Plugins
) -> dict[str, tuple[Asked, ...]]:
    """Id of a method -> what each of the runs that select it asks.

    Args:
        arguments: of ``harness run``, for every run.
        runs: further arguments of each.

    Raises:
        HarnessError: a pattern matches no method, or a preset, a setting or a parameter is unknown.
    """
    found: dict[str, tuple[Asked, ...]] = {}
    for run in runs:
        words = (*run, *arguments)
        patterns = _values(words, "plugins") or ["all"]
        for method in select(patterns, _values(words, "exclude"), plugins):
            one = _asked(words, plugins.methods[method], plugins)
            found[method] = (*found.get(method, ()), one)
    return found


def _asked(words: Sequence[str], entry: MethodEntry, plugins: Plugins) -> Asked:
    spec = entry.spec
    stated = preset(last_value(words, "preset", QUICK.name))
    protocol = effective(override(stated, _settings(words)), entry.id, spec.protocol)
    params = {**spec.params, **(spec.tiny if protocol.tiny else {})}
    start, digest = last_value(words, "weights", protocol.weights), None
    card = spec.card(small=protocol.tiny)
    if card is None:
        start = "random"
    elif start == "pretrained":
        digest = _digest(card.files)
    return Asked(
        protocol=asdict(protocol),
        params=changes_of(entry.id, params, parse(_values(words, "param"), plugins)),
        weights=start if start in ("pretrained", "random") else "directory",
        digest=digest,
        selected_on_test=None
        if _values(words, "split-file")
        else last_value(words, "split", "standard") == "study",
    )


def _digest(files: Iterable[WeightsFile]) -> str | None:
    """As :func:`harness.weights.digest`, of what was published; None where no whole digest was."""
    known = [(file.name, file.sha256 or "") for file in files]
    if any(len(found) != 64 for _, found in known):
        return None
    return digest_of(known)


def _settings(words: Sequence[str]) -> tuple[str, ...]:
    """What the options of the protocol say, as ``--set`` has it."""
    short = [
        f"{field}={value}"
        for field, options in SHORT.items()
        for option in options
        for value in _values(words, option.removeprefix("--"))
    ]
    short += [f"micro_batch={value}" for value in _values(words, "micro-batch")]
    flags = [name for name in SHORTHANDS if f"--{name.replace('_', '-')}" in words]
    short += [f"{name}=true" for name in flags if name != "micro_batch"]
    short += ["probe_seconds=none"] if "time_only" in flags else []
    return read_settings((*short, *_values(words, "set")))


def _values(words: Sequence[str], option: str) -> list[str]:
    """What is given for ``--option``, as two words or as ``--option=VALUE``, in order."""
    name = f"--{option}"
    pairs = zip(words, (*words, "")[1:], strict=True)
    return [
        after if word == name else word.removeprefix(f"{name}=")
        for word, after in pairs
        if word == name or word.startswith(f"{name}=")
    ]


def last_value(words: Sequence[str], option: str, otherwise: str) -> str:
    """What ``harness run`` takes for ``--option`` where these are its arguments."""
    return _values(words, option)[-1] if _values(words, option) else otherwise
