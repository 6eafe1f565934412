"""Methods that a user adds with a file of their own: ``--prompts FILE``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.data.prompt_file import parse_prompts
from harness.discovery.registry import MethodEntry, Plugins
from harness.errors import HarnessError, SpecError, about

if TYPE_CHECKING:
    from harness.study import Study

LARGEST_FILE = 1_000_000
"""Bytes of a prompt file, whose text is kept in every cell that uses it."""
LONGEST_NAME = 40
"""Characters of a prompt file's name: it becomes part of a folder's name and of a summary."""


def with_prompts(plugins: Plugins, file: Path) -> Plugins:
    """All the methods, and one more, ``<base>@<stem of file>``, per base that takes prompts.

    A base is what methods share before the ``@``. The new method holds the text of the file in the
    parameter that the base names for it (:attr:`harness.MethodSpec.prompts_param`), so its cells
    are named by the content and no longer need the file. It lists the package data that all methods
    of the base share, and is in all else like the first of them.

    Raises:
        HarnessError: no method takes prompts, the file cannot be read as text, or its name cannot
            be a method's.
    """
    with about("prompts"):
        return _with_prompts(plugins, file)


def _with_prompts(plugins: Plugins, file: Path) -> Plugins:
    bases: dict[str, list[MethodEntry]] = {}
    for entry in plugins.methods.values():
        if entry.spec.prompts_param:
            bases.setdefault(entry.id.partition("@")[0], []).append(entry)
    if not bases:
        raise HarnessError(
            f"--prompts {file}: no installed method takes prompts; see 'harness plugins'"
        )
    text = _read(file)
    methods = dict(plugins.methods)
    for entries in bases.values():
        entry = _derived(entries, file, text)
        if entry.id in methods:
            raise HarnessError(
                f"--prompts {file}: a method {entry.id} exists already; rename the file"
            )
        methods[entry.id] = entry
    return replace(plugins, methods=MappingProxyType(dict(sorted(methods.items()))))


def check_prompts(study: Study, file: Path) -> None:
    """Raise HarnessError unless some cell uses the file, and it names the dataset's classes."""
    texts = {
        method["params"][method["prompts_param"]]
        for cell in study.cells
        if (method := cell.record["method"])["prompts_param"]
        and cell.method.partition("@")[2] == file.stem
    }
    if not texts:
        raise HarnessError(
            f"--prompts {file}: no selected method uses it; select '*@{file.stem}' too",
            about="prompts",
        )
    with about("prompts"):
        for text in texts:
            parse_prompts(text, str(file), study.samples.classes)


def _read(file: Path) -> str:
    if not file.is_file():
        raise HarnessError(f"--prompts {file}: no such file")
    if (size := file.stat().st_size) > LARGEST_FILE:
        raise HarnessError(
            f"--prompts {file}: has {size:,} bytes; a prompt file has at most {LARGEST_FILE:,}"
        )
    try:
        content = file.read_bytes()
    except OSError as error:
        raise HarnessError(f"--prompts {file}: cannot be read ({error.strerror})") from error
    try:
        # Some editors put a mark in front, which would become part of the first class.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HarnessError(
            f"--prompts {file}: is not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    if not text.strip():
        raise HarnessError(f"--prompts {file}: is empty; write lines 'class: sentence'")
    return text


def _derived(entries: Sequence[MethodEntry], file: Path, text: str) -> MethodEntry:
    first = entries[0]
    spec = first.spec
    shared = frozenset.intersection(*(frozenset(entry.spec.files) for entry in entries))
    refused = HarnessError(
        f"--prompts {file}: its name becomes a method's; rename the file: lower-case letters, "
        f"digits, '_', '-' and '.', at most {LONGEST_NAME} characters"
    )
    if len(file.name) > LONGEST_NAME:
        raise refused
    try:
        changed = replace(
            spec,
            name=f"{spec.name.partition('@')[0]}@{file.stem}",
            summary=f"with the prompts of {file.name}",
            params={**spec.params, spec.prompts_param: text},
            files=tuple(name for name in spec.files if name in shared),
        )
    except SpecError as error:
        raise refused from error
    return replace(first, id=f"{first.plugin}/{changed.name}", spec=changed)
