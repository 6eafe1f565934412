"""One cell of a run, as small as it can be: what executors and loggers are tried with."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import hookspecs
from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.execution.hooks import Caller, WithHooks
from harness.execution.placement import placement
from harness.execution.session import Options, run_session
from harness.planning.plan import plan
from harness.protocol import QUICK, override
from harness.results.record import StatusRecord
from harness.study import Cell, Request, Study
from harness.testing.checks.check import NotCheckedError

METHOD = "baselines/majority"
_FEW = ("train_images=16", "test_images=16", "epochs=1", "probe_iterations=3", "probe_warmup=1")
_IMAGES = "images"
_COUNT = 60


@dataclass
class Seen:
    """What an observer of a run has seen."""

    started_at: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    """Between the start of a cell and its end."""

    def started(self, cell: Cell) -> None:
        self.started_at[cell.key] = time.monotonic()

    def event(self, cell: Cell, line: Mapping[str, Any]) -> None:
        """Nothing depends on it."""

    def finished(self, cell: Cell, status: StatusRecord) -> None:
        now = time.monotonic()
        self.seconds[cell.key] = now - self.started_at.get(cell.key, now)


@contextmanager
def tiny_study(plugins: Plugins) -> Iterator[Study]:
    """A study of one cell in a temporary folder.

    Raises:
        NotCheckedError: what it is made of is not installed.
    """
    if METHOD not in plugins.methods:
        raise NotCheckedError(f"it is tried with {METHOD}, which is not installed")
    try:
        params = plugins.default_dataset().params
    except HarnessError as error:
        raise NotCheckedError(f"it is tried with the embedded dataset: {error}") from error
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        request = Request(
            methods=(METHOD,),
            protocol=override(QUICK, _FEW),
            data_params=(f"{_IMAGES}={_COUNT}",) if _IMAGES in params else (),
            out=Path(folder),
            name="check",
        )
        yield plan(request, plugins)


def run(
    study: Study,
    plugins: Plugins,
    *,
    executor: str = "inline",
    timeout: float | None = None,
    caller: Caller | None = None,
    seen: Seen | None = None,
) -> StatusRecord:
    """Run the study as ``harness run`` does; the status of its cell.

    Raises:
        NotCheckedError: there is no cluster for the executor to ask.
    """
    seen = seen or Seen()
    try:
        placed = placement(
            executor,
            plugins,
            plugins.executors[executor].spec.params,
            device="cpu",
            jobs=1,
            threads=1,
        )
    except HarnessError as error:
        raise NotCheckedError(f"executor {executor!r} cannot be had here: {error}") from error
    call = caller or Caller(plugins, lambda text: None)
    call(hookspecs.harness_session_start, directory=study.directory, cells=study.cells)
    try:
        (status,) = run_session(
            study,
            (override(QUICK, _FEW).image_size,),
            Options(
                placement=placed,
                timeout=timeout,
            ),
            plugins,
            WithHooks(seen, call),
            store_progress=lambda done, total: None,
            say=lambda text: None,
            warn=lambda text: None,
            busy=lambda text: None,
            command=("check",),
            file=lambda before, path: "",
            plugin_facts=call.plugin_facts,
        ).values()
    finally:
        call(hookspecs.harness_session_finish, directory=study.directory, exit_code=0)
    return status
