"""MLflow: a database in the study's folder, or what ``MLFLOW_TRACKING_URI`` names.

The study is an experiment. A tag with the cell's hash finds its run again.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from harness_loggers.logged import Run

CELL, LOGGED = "harness.cell", "harness.logged"
"""Tags of a run: the cell's hash; and a digest of all that is logged, once that is complete."""
_AT_ONCE = 100
"""Parameters in one request."""


def open_tracker(folder: Path) -> MLflow:
    address = os.environ.get("MLFLOW_TRACKING_URI")
    if address:
        return MLflow(MlflowClient(tracking_uri=address), None)
    folder.mkdir(exist_ok=True)
    # So no character of the path can have a meaning in the address.
    os.chdir(folder)
    return MLflow(MlflowClient(tracking_uri="sqlite:///mlflow.db"), (folder / "artifacts").as_uri())


class MLflow:
    """See :class:`harness_loggers.tracker.Tracker`."""

    def __init__(self, client: MlflowClient, artifacts: str | None) -> None:
        """``artifacts``: where files of runs belong; None leaves that to the server."""
        self._client, self._artifacts = client, artifacts
        self._experiments: dict[str, str] = {}

    def holds(self, run: Run) -> bool:
        found = self._find(run)
        return found is not None and found.data.tags.get(LOGGED) == run.digest

    def begin(self, run: Run) -> Logged:
        """Goes on in the cell's run where that has nothing but epochs of the cell: it has been
        interrupted, or tried before. Any other run of the cell is deleted."""
        found = self._find(run)
        if found is not None:
            has = self._epochs(found)
            same = all(values.items() <= run.epochs.get(n, {}).items() for n, values in has.items())
            if same:
                self._client.update_run(found.info.run_id, status="RUNNING")
                return Logged(self._client, found.info.run_id, run, has)
            self._client.delete_run(found.info.run_id)
        made = self._client.create_run(
            self._experiment(run), tags={CELL: run.hash}, run_name=run.name
        )
        return Logged(self._client, made.info.run_id, run, {})

    def _find(self, run: Run) -> Any:
        """The cell's run, or None."""
        found = self._client.search_runs(
            [self._experiment(run)], f"tags.`{CELL}` = '{run.hash}'", max_results=1
        )
        return found[0] if found else None

    def _experiment(self, run: Run) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.study
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name)
            self._experiments[name] = (
                self._client.create_experiment(name, self._artifacts)
                if found is None
                else found.experiment_id
            )
        return self._experiments[name]

    def _epochs(self, found: Any) -> dict[int, dict[str, float]]:
        """The metrics of a run by step."""
        steps: dict[int, dict[str, float]] = {}
        for key in found.data.metrics:
            for metric in self._client.get_metric_history(found.info.run_id, key):
                steps.setdefault(metric.step, {})[key] = metric.value
        return steps


class Logged:
    """See :class:`harness_loggers.tracker.OpenRun`."""

    def __init__(
        self, client: MlflowClient, key: str, run: Run, has: Mapping[int, Mapping[str, float]]
    ) -> None:
        """``has``: what the run has already, by step."""
        self._client, self._key, self._has = client, key, has
        params = [Param(name, str(value)) for name, value in run.parameters.items()]
        for begin in range(0, len(params), _AT_ONCE):
            client.log_batch(key, params=params[begin : begin + _AT_ONCE])

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        now, has = int(1000 * time.time()), self._has.get(number, {})
        named = {_allowed(name): value for name, value in values.items()}
        metrics = [Metric(n, v, now, number) for n, v in named.items() if n not in has]
        self._client.log_batch(self._key, metrics=metrics)

    def end(self, run: Run) -> None:
        self.epoch(run.epoch, run.results)
        for tag in ("status", "reason"):
            self._client.set_tag(self._key, f"harness.{tag}", getattr(run, tag))
        self._client.set_terminated(self._key, "FINISHED" if run.status == "ok" else "FAILED")
        self._client.set_tag(self._key, LOGGED, run.digest)

    def abandon(self) -> None:
        self._client.set_terminated(self._key, "KILLED")


def _allowed(name: str) -> str:
    """The name without characters that MLflow takes for no name of a metric."""
    return re.sub(r"[^\w\-. :/]", "_", name)
