"""The FILE argument of ``run`` and ``plan``: a study file's keys are their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.cli.words.short_options import ShortOption, into_settings
from harness.cli.words.stray_words import ListsCommand
from harness.errors import HarnessError
from harness.execution.study_folder import NAME
from harness.planning.study_files.study_file import (
    EXECUTOR,
    SHORTHANDS,
    StudyFile,
    executor_settings,
    name_of,
    read_study_file,
)
from harness.planning.study_files.study_keys import KEYS

ONCE = frozenset({"rerun", "quiet", "no_progress", "strict", "json", "detach"})
"""Options of one call and not of a study."""


def study_file_argument() -> Any:
    """``[FILE]``: what it says are defaults, so that options on the command line win."""
    return click.argument(
        "study_file",
        metavar="[FILE]",
        required=False,
        type=click.Path(path_type=Path),
        is_eager=True,
        callback=_load,
    )


def params_of(file: StudyFile | None, executor: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Changes to the parameters of the executor: the file's are its own executor's, and not those
    of another that the command line names."""
    others = file is not None and file.values.get(EXECUTOR, executor) != executor
    return executor_settings(None if others else file, given)


class StudyCommand(ListsCommand):
    """A verb that takes a study file: called once for each run in it.

    Its callback returns what ``finish``, given in the decorator, is handed for all runs at the end.
    """

    def __init__(self, *args: Any, finish: Callable[[list[Any]], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._finish = finish

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)
        ctx.meta.setdefault(_WORDS, words)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            into_settings(self, ctx.params, words)
        return rest

    def takes(self, word: str) -> bool:
        return Path(word).is_file() or Path(word, NAME).is_file() or word.endswith(".toml")

    def invoke(self, ctx: click.Context) -> None:
        file: StudyFile | None = ctx.params["study_file"]
        runs = () if file is None else file.runs
        if len(runs) < 2:
            self._finish([super().invoke(ctx)])
            return
        results = []
        for run in runs:
            ctx.meta[_RUN] = run
            with self.make_context(ctx.info_name, list(ctx.meta[_WORDS]), parent=ctx) as own:
                results.append(super().invoke(own))
        self._finish(results)


_WORDS, _RUN = "harness.words", "harness.run"
"""Keys of what the contexts of a study file's runs share: the command line, and the current run."""


def _load(ctx: click.Context, _: click.Parameter, path: Path | None) -> StudyFile | None:
    if path is None:
        return None
    if (run := ctx.meta.get(_RUN)) is not None:
        _use(ctx, run)
        return run  # type: ignore[no-any-return]
    file = read_study_file(path, KEYS)
    # The first run last: it is the only one where there are no others.
    for run in reversed(file.runs):
        _use(ctx, run)
    return file if len(file.runs) > 1 else file.runs[0]


def _use(ctx: click.Context, file: StudyFile) -> None:
    """Make what the file says the defaults of the options."""
    options = _options(ctx.command)
    ctx.default_map = {
        options[name].name: value
        for name, value in file.values.items()
        if not isinstance(value, Mapping) and name not in SHORTHANDS
    }
    for name, value in file.values.items():
        try:
            if not isinstance(value, Mapping):
                options[name].type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise HarnessError(f"{file.at(name)}: {name}: {error.message}") from error
        except HarnessError as error:
            raise HarnessError(f"{file.at(name)}: {name}: {error}") from error
    for name in set(SHORTHANDS) & file.values.keys() & file.values.get("set", {}).keys():
        raise HarnessError(
            f"{file.at('set', name)}: {name} is also a key above the tables; keep one"
        )


@contextmanager
def blaming(file: StudyFile | None) -> Iterator[None]:
    """Puts the file's name, the line and the key before errors about its values."""
    try:
        yield
    except HarnessError as error:
        key = None if file is None or error.about is None else _key_of(error.about, file)
        if file is None or key is None:
            raise
        text = f"{file.at(*key)} ({'.'.join(key)}): {error}"
        raise HarnessError(text, about=error.about) from error


def _key_of(about: str, file: StudyFile) -> tuple[str, ...] | None:
    """The key in the file that says what an error is about, or the key of a table and the entry.
    None where the value comes from elsewhere: an option, or a default."""
    ctx = click.get_current_context()
    options = _options(ctx.command)
    name, _, entry = about.partition(".")
    if name not in options:
        return None
    if not entry:
        source = ctx.get_parameter_source(options[name].name or "")
        return (name,) if name in file.values and source == ParameterSource.DEFAULT_MAP else None
    given = ctx.params[options[name].name or ""]
    if name_of(name, entry) in {name_of(name, setting) for setting in given}:
        return None
    if name == "set" and entry in SHORTHANDS:
        if ctx.get_parameter_source(options[entry].name or "") == ParameterSource.COMMANDLINE:
            return None
        if entry in file.values:
            return (entry,)
    return (name, entry) if entry in file.values.get(name, {}) else None


def words_of(ctx: click.Context) -> tuple[str, ...]:
    """The command line after the verb."""
    return tuple(ctx.meta[_WORDS])


def given_keys(ctx: click.Context) -> dict[str, Any]:
    """Key of a study file -> its value, of those options of the command that are given."""
    return {
        name: value
        for name, option in _options(ctx.command).items()
        if _given(value := ctx.params[option.name or ""], option)
    }


def _given(value: Any, option: click.Option) -> bool:
    return value not in (None, (), False) and value != option.default


def _options(command: click.Command) -> dict[str, click.Option]:
    """Key of a study file -> the option that it sets."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and not isinstance(option, ShortOption):
            name = max(option.opts, key=len).removeprefix("--").replace("-", "_")
            if name not in ONCE:
                found[name] = option
    return found
