"""``harness.run``: a study from Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.api.how import How
from harness.api.results import Results, as_recorded
from harness.api.session import Voice, execute, prepare
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.planning.datasets import mapped_root
from harness.planning.installed_plugins import Choice, installed_plugins
from harness.planning.study_files.study_file import PARAMS, StudyFile, read_study_file
from harness.planning.study_files.study_keys import KEYS, request_of_values, values_of
from harness.progress.patience import patience
from harness.runtime.surroundings import Surroundings
from harness.study import Cell, Request

_HOW = (
    "executor",
    "retries",
    "on_interrupt",
    "jobs",
    "threads",
    "timeout",
    "device_memory",
    "activation_space",
    "keep_checkpoints",
    "log",
)
"""Keys that say how cells are run."""


def run(
    plugins: str | list[str] | None = None,
    *,
    dataset: str | None = None,
    data_root: str | Path | None = None,
    preset: str | None = None,
    seeds: int | list[int] | None = None,
    study: str | Path | None = None,
    rerun: bool = False,
    strict: bool = False,
    progress: bool | None = None,
    **keys: Any,
) -> Results:
    """Train, time and score methods, as ``harness run`` does; finished cells are kept, and an
    interrupted run resumes.

    Args:
        plugins: patterns of methods, such as ``"ssl/*"``; all unless given.
        dataset: its name; the embedded one unless given.
        data_root: the dataset's folder.
        preset: ``quick`` (the default), ``paper`` or ``study``.
        seeds: one cell per method and seed; 0 unless given.
        study: a study file, or a folder with one; what is given here wins over it.
        rerun: whether finished cells run again.
        strict: whether any plugin that does not load is an error.
        progress: whether progress is shown on stderr; None: on a terminal and in a notebook.
            Failures are shown in any case, and nothing is written to stdout.
        keys: the other keys of a study file (``docs/study-files.md``): ``out``, ``device``,
            ``fractions``, ``set={"epochs": 5}`` …

    Returns:
        The cells, including those that failed or were skipped.

    Raises:
        HarnessError: bad input; says what to do.
    """
    surroundings = Surroundings.capture()
    given = {
        "plugins": plugins,
        "dataset": dataset,
        "data_root": data_root,
        "preset": preset,
        "seeds": seeds,
        **keys,
    }
    notes: list[str] = []
    shown = _shown() if progress is None else progress

    def say(text: str) -> None:
        if text.startswith("note: "):
            notes.append(text.removeprefix("note: "))
        if shown:
            print(text, file=sys.stderr, flush=True)

    def warn(text: str) -> None:
        notes.append(text)
        print(f"warning: {text}", file=sys.stderr, flush=True)

    voice = Voice(say=say, warn=warn, shown=shown)
    file = None if study is None else read_study_file(Path(study), KEYS)
    cells: dict[Path, Cell] = {}
    for one in (None,) if file is None else file.runs:
        values = values_of(given, one)
        prompts = Path(values["prompts"]) if "prompts" in values else None
        how = {name: values[name] for name in _HOW if name in values}
        root = values.pop("data_root", None)
        root, there = mapped_root(None if root is None else Path(root))
        if root is not None:
            values["data_root"] = str(root)
        words = ("run", *(f"{name}={value!r}" for name, value in values.items()))
        with _blaming(one, given):
            request = request_of_values(values)
            settings = StudyFile(Path(), "", values).settings(PARAMS)
            prepared = prepare(
                request,
                How(
                    **how,
                    executor_params=settings,
                    data_root_there=there,
                    rerun=rerun,
                    strict=strict,
                ),
                _plugins(prompts, values, request, shown),
                voice,
                surroundings,
                prompts=prompts,
            )
            ran = execute(prepared, command=words, given=_given(values))
        cells |= {cell.directory: as_recorded(cell) for cell in ran.study.cells}
    return Results(tuple(cells.values()), ran.plugins, tuple(dict.fromkeys(notes)))


def _plugins(
    prompts: Path | None, values: Mapping[str, Any], request: Request, shown: bool
) -> Plugins:
    choice = Choice(
        disabled=values.get("disable_plugins", ()),
        only=values.get("only_plugins", ()),
        local=tuple(map(Path, values.get("plugin", ()))),
    )
    with patience("describing", shown=shown) as busy:
        return installed_plugins(
            prompts, choice, asked=request.methods, exclude=request.exclude, busy=busy
        )


@contextmanager
def _blaming(file: StudyFile | None, given: Mapping[str, Any]) -> Iterator[None]:
    """Puts the study file's name, the line and the key before errors about its values."""
    try:
        yield
    except HarnessError as error:
        key = tuple((error.about or "").split(".", 1))
        inside: Any = {} if file is None else file.values
        over: Any = given
        for name in key:
            inside = inside.get(name) if isinstance(inside, Mapping) else None
            over = over.get(name) if isinstance(over, Mapping) else None
        if file is None or inside is None or over is not None:
            raise
        text = f"{file.at(*key)} ({'.'.join(key)}): {error}"
        raise HarnessError(text, about=error.about) from error


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the values that change nothing."""
    return {name: value for name, value in values.items() if value not in (False, ())}


def _shown() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
