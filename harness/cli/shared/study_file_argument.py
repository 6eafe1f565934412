"""The FILE argument of ``run`` and ``plan``: a study file's keys are their options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness.errors import HarnessError
from harness.planning.params import columns_of
from harness.planning.study_file import Key, StudyFile, name_of, read_study_file, table_of
from harness.protocol import Protocol, preset
from harness.runtime.home import expanded

if TYPE_CHECKING:
    from harness.study import Request, Study

ONCE = frozenset({"rerun", "quiet", "no_progress", "strict", "json"})
"""Options of one call and not of a study."""

SHORTHANDS = ("micro_batch", "compile", "tf32", "deterministic", "time_only")
"""Options that are short for ``--set``."""


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


class StudyCommand(click.Command):
    """A verb that takes a study file: called once for each run in it.

    Its callback returns what ``finish``, given in the decorator, is handed for all runs at the end.
    """

    def __init__(self, *args: Any, finish: Callable[[list[Any]], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._finish = finish

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta.setdefault(_WORDS, list(args))
        return super().parse_args(ctx, args)

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
"""Keys of what the contexts of a study file's runs share: the command line, and the run's turn."""


def _load(ctx: click.Context, _: click.Parameter, path: Path | None) -> StudyFile | None:
    if path is None:
        return None
    if (run := ctx.meta.get(_RUN)) is not None:
        _use(ctx, run)
        return run  # type: ignore[no-any-return]
    file = read_study_file(path, study_keys(ctx.command))
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
    for name in set(SHORTHANDS) & file.values.keys() & file.values.get("set", {}).keys():
        raise HarnessError(f"{file.at('set', name)}: {name} stands above the tables, too; keep one")


def study_keys(command: click.Command) -> dict[str, Key]:
    """The keys of a study file for the command that it is handed to."""
    return {name: _key(name, option) for name, option in _options(command).items()}


def protocol_settings(file: StudyFile | None, replaced: Iterable[str]) -> tuple[str, ...]:
    """What the file changes in the protocol, as ``--set`` takes it.

    Args:
        replaced: settings of the command line, which win over the file's.
    """
    if file is None:
        return ()
    replaced = tuple(replaced)
    short = {name: file.values[name] for name in SHORTHANDS if name in file.values}
    if short.get("time_only"):
        short["probe_seconds"] = "none"
    names = {name_of("set", setting) for setting in replaced}
    lower = {name: str(value).lower() for name, value in short.items() if name not in names}
    return (*(f"{name}={value}" for name, value in lower.items()), *file.settings("set", replaced))


@contextmanager
def blaming(file: StudyFile | None) -> Iterator[None]:
    """Errors of what the file says, told with its name, the line and the key."""
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


def run_of(ctx: click.Context, request: Request, study: Study) -> dict[str, Any]:
    """The keys of a study file that asks for the same cells from anywhere on this machine.

    Args:
        ctx: of the command that runs.
        request: what it asks for.
        study: what became of the request.
    """
    values: dict[str, Any] = {}
    for name, option in _options(ctx.command).items():
        value = ctx.params[option.name or ""]
        if _key(name, option).kind != "table" and name not in SHORTHANDS and _given(value, option):
            values[name] = str(value.absolute()) if isinstance(value, Path) else value
    if request.weights not in (None, "pretrained", "random"):
        values["weights"] = str(expanded(str(request.weights), "--weights").absolute())
    columns, data_params = columns_of(request.data_params)
    named = preset(request.protocol.name)
    changed = {
        field.name: value
        for field in fields(Protocol)
        if (value := getattr(request.protocol, field.name)) != getattr(named, field.name)
    }
    values |= {
        "plugins": request.methods,
        "dataset": study.cells[0].record["dataset"]["name"],
        "preset": named.name,
        "device": request.device,
        "seeds": request.seeds,
        "fractions": request.fractions,
        "out": str(request.out.absolute()),
        "name": study.directory.name,
        "set": {name: "none" if value is None else value for name, value in changed.items()},
        "param": table_of(request.params),
        "data_param": table_of(data_params),
        "column": table_of(columns),
    }
    order = [name for name in _options(ctx.command) if values.get(name) not in (None, {}, ())]
    return {name: values[name] for name in order}


def _given(value: Any, option: click.Option) -> bool:
    return value not in (None, (), False) and value != option.default


def _options(command: click.Command) -> dict[str, click.Option]:
    """Key of a study file -> the option that it stands for."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option):
            name = max(option.opts, key=len).removeprefix("--").replace("-", "_")
            if name not in ONCE:
                found[name] = option
    return found


def _key(name: str, option: click.Option) -> Key:
    metavar = option.metavar or ""
    if name == "weights":
        return Key("path", words=("pretrained", "random"))
    if option.multiple:
        return Key("table" if metavar.endswith(("=VALUE", "=NAME")) else "texts")
    if option.is_flag:
        return Key("flag")
    if metavar in ("N,N", "F,F"):
        return Key("numbers")
    if metavar == "SIZE":
        return Key("size")
    if isinstance(option.type, click.Path):
        return Key("path")
    kinds = {"integer": "whole", "integer range": "whole", "float range": "number"}
    return Key(kinds.get(option.type.name, "text"))  # type: ignore[arg-type]
