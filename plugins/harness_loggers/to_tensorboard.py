"""Event files: a folder for each cell, ``<plugin>/<method>/seed0-frac100-<hash12>``."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from harness_loggers.logged import Run
from harness_loggers.marks import mark, marked


def open_tracker(folder: Path) -> TensorBoard:
    return TensorBoard(folder)


class TensorBoard:
    """See :class:`harness_loggers.tracker.Tracker`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, run: Run) -> bool:
        return marked(self._place(run), run)

    def begin(self, run: Run) -> Events:
        place = self._place(run)
        if place.exists():
            shutil.rmtree(place)
        return Events(place, run)

    def _place(self, run: Run) -> Path:
        return self._folder / quote(run.folder, safe="/@._-")


class Events:
    """See :class:`harness_loggers.tracker.OpenRun`. Another thread writes the file, and raises in
    ``flush`` what it has met."""

    def __init__(self, place: Path, run: Run) -> None:
        self._place = place
        self._writer = EventFileWriter(str(place))
        self._add(hparams_pb(run.parameters, trial_id=run.folder))
        self._writer.flush()

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._add(scalar_pb(name, value), number)
        self._writer.flush()

    def end(self, run: Run) -> None:
        for name, value in run.results.items():
            self._add(scalar_pb(name, value), run.epoch)
        self._add(text_pb("status", ": ".join(filter(None, (run.status, run.reason)))))
        self._add(_session_end(run.status == "ok"))
        self._writer.flush()
        self._writer.close()
        mark(self._place, run)

    def abandon(self) -> None:
        self._writer.close()

    def _add(self, summary: Any, step: int = 0) -> None:
        event = event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
        self._writer.add_event(event)


def _session_end(well: bool) -> Any:
    """What the page of parameters shows as the run's status."""
    status = api_pb2.STATUS_SUCCESS if well else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
    summary = summary_pb2.Summary()
    summary.value.add(
        tag=hparams.SESSION_END_INFO_TAG,
        metadata=hparams.create_summary_metadata(data),
        tensor=hparams.NULL_TENSOR,
    )
    return summary
