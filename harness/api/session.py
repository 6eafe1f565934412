"""One run, from the request to the status of every cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness import hookspecs
from harness.api.how import How, OnInterrupt
from harness.api.page import leave_page
from harness.api.skip_bad import admission
from harness.discovery.registry import PluginRecord, Plugins
from harness.discovery.select import in_full, meant
from harness.execution.hooks import Caller, WithHooks, environment_facts, keep_selected
from harness.execution.loggers import with_loggers
from harness.execution.placement import Placement
from harness.planning.forecasts.known_seconds import known_seconds
from harness.planning.plan import plan
from harness.planning.prompt_variants import check_prompts
from harness.planning.study_files.study_keys import asked_again
from harness.planning.study_files.study_runs import with_run
from harness.progress.run_progress import progress
from harness.runtime.surroundings import Surroundings
from harness.storage.cache import cache_directory
from harness.study import Request, Study
from harness.values.wording import counted

MANY_SEEDS = 10
"""A single seed up to this may have been meant as their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a run reports to its caller."""

    say: Callable[[str], None]
    """Takes notes and progress."""
    warn: Callable[[str], None]
    ask: Callable[[str], str] | None = None
    """Asks the user; None where nobody can answer."""
    shown: bool
    """Whether progress is shown on stderr; failures are in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that can start: nothing in it is bad input."""

    request: Request
    how: How
    study: Study
    plugins: Plugins
    call: Caller
    voice: Voice
    surroundings: Surroundings
    placement: Placement
    limits: Mapping[str, int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The outcome of a run."""

    study: Study
    plugins: Plugins
    code: int
    """0, 1 or 3, as ``harness run`` exits."""
    page: Path | None
    """The study's page; None where there is nothing for one to say, or where it could not be
    written."""


def prepare(
    request: Request,
    how: How,
    plugins: Plugins,
    voice: Voice,
    surroundings: Surroundings,
    *,
    prompts: Path | None = None,
) -> Prepared:
    """Plan the run: trains nothing, and writes only facts about the dataset's files, to the cache.

    Args:
        surroundings: of this process, as they were before anything of a plugin ran.
        prompts: the file that some of the plugins' methods come from.

    Raises:
        HarnessError: anything invalid in the request.
    """
    limits = how.limits(plugins)
    placed = how.placed(plugins, request.device)
    request = on(placed, request)
    call = Caller(with_loggers(how.log, plugins), voice.warn)
    admit = admission(request.skip_bad, shown=voice.shown)
    study = keep_selected(plan(request, plugins, admit), call, voice.warn)
    if prompts is not None:
        check_prompts(study, prompts)
    # The record names methods in full: another plugin may offer one of the same name later.
    methods, exclude = (in_full(p, plugins) for p in (request.methods, request.exclude))
    return Prepared(
        request=replace(request, methods=methods, exclude=exclude),
        how=how,
        study=study,
        plugins=plugins,
        call=call,
        voice=voice,
        surroundings=surroundings,
        placement=placed,
        limits=limits,
    )


def execute(prepared: Prepared, *, command: tuple[str, ...], given: Mapping[str, Any]) -> Ran:
    """Run what is not finished.

    Args:
        command: the words that start this run, recorded with the study.
        given: the given keys of a study file, as :func:`asked_again` takes them.

    Raises:
        HarnessError: the study folder cannot be used, or the disk is full.
    """
    from harness.execution.session import Options, exit_code, run_session

    request, how, voice, call = prepared.request, prepared.how, prepared.voice, prepared.call
    for note in dict.fromkeys(prepared.study.notes):
        voice.say(f"note: {note}")
    if len(request.seeds) == 1 and 1 < request.seeds[0] <= MANY_SEEDS:
        count = request.seeds[0]
        listed = ",".join(map(str, range(count)))
        voice.say(f"note: one seed, {count}; {count} seeds are --seeds {listed}")
    broken = _broken(prepared)
    study = _with_weights(prepared)
    code = 3
    # Before anything of the run is shown: it needs one, and may have no place for it.
    cache_directory()
    call(hookspecs.harness_session_start, directory=study.directory, cells=study.cells)
    try:
        slotted = prepared.placement.for_cells(len(study.cells))
        with progress(
            study.cells,
            headline=_headline(study, request.device, prepared.placement, how.jobs),
            at_a_time=min(how.jobs or len(slotted), len(slotted)),
            known=known_seconds(study.cells, study.directory.parent, slotted[0]),
            shown=voice.shown,
            say=voice.say,
        ) as display:
            statuses = run_session(
                study,
                request.image_sizes,
                Options(
                    placement=prepared.placement,
                    timeout=how.timeout,
                    retries=how.retries,
                    detach=how.detach,
                    keep=partial(_keep, how.on_interrupt, voice),
                    jobs=how.jobs,
                    data_root=how.data_root_there,
                    rerun=how.rerun,
                    facts=environment_facts(call, voice.warn),
                    limits=prepared.limits,
                    surroundings=prepared.surroundings,
                ),
                prepared.plugins,
                WithHooks(display, call),
                store_progress=display.preparing,
                say=display.say,
                warn=voice.warn,
                busy=display.busy,
                command=command,
                file=partial(
                    with_run, asked_again({**given, **how.executor_keys()}, request, study)
                ),
                plugin_facts=call.plugin_facts,
            )
        code = 0 if how.detach else exit_code(statuses, broken=bool(broken))
    finally:
        call(hookspecs.harness_session_finish, directory=study.directory, exit_code=code)
    page = leave_page(study, prepared.plugins, voice.warn, shown=voice.shown)
    return Ran(study=study, plugins=prepared.plugins, code=code, page=page)


def on(placed: Placement, request: Request) -> Request:
    """The request, for where its cells run."""
    threads = placed.slots[0].threads if placed.elsewhere else request.threads
    return replace(request, device=placed.device, threads=threads)


def _keep(on_interrupt: OnInterrupt | None, voice: Voice, cells: int) -> bool:
    """Whether cells on other machines go on after an interrupt."""
    if on_interrupt is None and voice.ask is not None:
        asked = f"{counted(cells, 'cell')} queued or running: let them go on? [Y/n] "
        return not voice.ask(asked).strip().lower().startswith("n")
    keep = on_interrupt != "cancel"
    again = "the same command finds them again" if keep else "cancelled"
    voice.say(f"note: {counted(cells, 'cell')} queued or running: {again}")
    return keep


def _headline(study: Study, device: str, placed: Placement, jobs: int | None) -> str:
    """``33 methods · phantom · cpu · 2 cells at a time``, or ``… · cpu · slurm``."""
    methods = counted(len({cell.method for cell in study.cells}), "method")
    datasets = dict.fromkeys(str(cell.record["dataset"]["name"]) for cell in study.cells)
    at_a_time = jobs if placed.elsewhere else len(placed.slots)
    limit = [] if at_a_time is None else [f"{counted(at_a_time, 'cell')} at a time"]
    where = [placed.executor] if placed.elsewhere else []
    return " · ".join([methods, *datasets, device, *where, *limit])


def _broken(prepared: Prepared) -> tuple[PluginRecord, ...]:
    """Plugins that did not load and that the run may have asked for; the others are a note each."""
    request, plugins = prepared.request, prepared.plugins
    if prepared.how.strict:
        return plugins.broken
    broken = tuple(meant(request.methods, request.exclude, plugins))
    for record in plugins.broken:
        if record not in broken:
            prepared.voice.say(
                f"note: plugin {record.name!r} did not load; this run uses none of its methods"
            )
    return broken


def _with_weights(prepared: Prepared) -> Study:
    """The study after an attempt to fetch the weights that are missing here."""
    from harness.progress.transfers import Transfers
    from harness.specs import card_from_json
    from harness.weights.transfer.fetching import fetch_missing

    voice, request = prepared.voice, prepared.request
    wanted: dict[str, Any] = {
        cell.record["method"]["weights"]["id"]: cell.record["method"]["weights"]
        for cell in prepared.study.cells
        if cell.missing_weights
    }
    cards = [card_from_json(card) for card in wanted.values()]
    if not fetch_missing(cards, Transfers(), voice.say):
        return prepared.study
    again = plan(request, prepared.plugins, admission(request.skip_bad))
    return keep_selected(again, prepared.call, voice.warn)
