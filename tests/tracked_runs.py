"""What TensorBoard, MLflow and Weights & Biases have of a run, read with their own libraries."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from harness import Cell


@dataclass(slots=True, kw_only=True)
class Tracked:
    """A logged run."""

    key: str
    """What no two cells share: the hash, or the end of the folder's name."""
    name: str
    parameters: dict[str, str]
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Metric of epochs -> (step, value), as logged: one that is logged twice is there twice."""
    results: dict[str, float] = field(default_factory=dict)
    well: bool | None = None
    """Whether it is marked as finished or as failed; None: neither."""
    said: str = ""
    """The status and the reason."""


def tensorboard_runs(study: Path) -> list[Tracked]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.util import tensor_util

    found = []
    root = study / "loggers" / "tensorboard"
    for file in sorted(root.rglob("*tfevents*")):
        events = EventAccumulator(str(file.parent), size_guidance={"tensors": 0})
        events.Reload()
        plugins = events.PluginTagToContent("hparams")
        start = metadata.parse_session_start_info_plugin_data(
            plugins[metadata.SESSION_START_INFO_TAG]
        )
        values = {
            name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()
        }
        run = Tracked(
            key=file.parent.name.rpartition("-")[2],
            name=str(file.parent.relative_to(root)),
            parameters={name: as_text(value) for name, value in values.items()},
        )
        if metadata.SESSION_END_INFO_TAG in plugins:
            end = metadata.parse_session_end_info_plugin_data(
                plugins[metadata.SESSION_END_INFO_TAG]
            )
            run.well = end.status == api_pb2.STATUS_SUCCESS
        for tag in events.Tags()["tensors"]:
            points = [
                (event.step, tensor_util.make_ndarray(event.tensor_proto))
                for event in events.Tensors(tag)
            ]
            if tag == "status":
                run.said = points[0][1].item().decode()
            elif not tag.startswith("_hparams_"):
                _sort(run, tag, [(step, float(value)) for step, value in points])
        found.append(run)
    return found


def mlflow_runs(study: Path) -> list[Tracked]:
    from mlflow import MlflowClient

    found = []
    with warnings.catch_warnings():
        # It uses something of its database library that will go.
        warnings.filterwarnings("ignore", "The ..noload.. loader", DeprecationWarning)
        client = MlflowClient(f"sqlite:///{study / 'loggers' / 'mlflow' / 'mlflow.db'}")
    for experiment in client.search_experiments():
        for record in client.search_runs([experiment.experiment_id]):
            tags = record.data.tags
            run = Tracked(
                key=tags["harness.cell"],
                name=tags["mlflow.runName"],
                parameters=dict(record.data.params),
                well={"FINISHED": True, "FAILED": False}.get(record.info.status),
                said=": ".join(filter(None, map(tags.get, ("harness.status", "harness.reason")))),
            )
            for metric in record.data.metrics:
                history = client.get_metric_history(record.info.run_id, metric)
                _sort(run, metric, [(point.step, point.value) for point in history])
            found.append(run)
    return sorted(found, key=lambda run: run.name)


def wandb_runs(study: Path) -> list[Tracked]:
    files = (study / "loggers" / "wandb").rglob("*.wandb")
    return sorted(map(wandb_run, files), key=lambda run: run.name)


def wandb_run(file: Path) -> Tracked:
    """One ``.wandb`` file, as ``wandb sync`` reads it."""
    run = Tracked(key="", name="", parameters={})
    summary: dict[str, Any] = {}
    for record in _wandb_records(file):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.key, run.name = record.run.run_id, record.run.display_name
            config = _items(record.run.config.update)
            run.parameters = {n: as_text(v) for n, v in config.items() if n != "_wandb"}
        elif kind == "history":
            values = _items(record.history.item)
            step = values["_step"]
            for name, value in values.items():
                if not name.startswith("_"):
                    run.curves.setdefault(name, []).append((step, value))
        elif kind == "summary":
            summary |= _items(record.summary.update)
        elif kind == "exit":
            run.well = record.exit.exit_code == 0
    run.said = ": ".join(filter(None, (summary.pop("status", ""), summary.pop("reason", ""))))
    run.results = {
        name: value
        for name, value in summary.items()
        if name not in run.curves and not name.startswith("_")
    }
    return run


def _wandb_records(file: Path) -> Iterator[Any]:
    """The file is a log as LevelDB writes one, after 7 bytes of its own: blocks of 32 KiB with
    pieces of records, each after its checksum, its length and its kind (1 whole, 4 the last)."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, piece = file.read_bytes(), 7, b""
    while place < len(content):
        if (left := -place % 32768) < 7 and left:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        piece += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(piece)
            piece = b""
            yield record


def _items(items: Any) -> dict[str, Any]:
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _sort(run: Tracked, name: str, points: list[tuple[int, float]]) -> None:
    if name.startswith(("train/", "val/")):
        run.curves[name] = points
    else:
        ((_, run.results[name]),) = points


def curves_of(cell: Cell) -> dict[str, list[tuple[int, float]]]:
    """What the history has of the cell's epochs; of one that was trained twice, the last."""
    found: dict[str, dict[int, float]] = {}
    for line in cell.history():
        values = {"train/loss": line["loss"], **{f"val/{n}": v for n, v in line["val"].items()}}
        for name, value in values.items():
            found.setdefault(name, {})[line["epoch"]] = value
    return {name: sorted(points.items()) for name, points in found.items()}


def as_kept(logger: str, value: Any) -> Any:
    """A number, or curves of them, as the logger keeps it: TensorBoard in 32 bits."""
    if logger != "tensorboard":
        return value
    if isinstance(value, dict):
        return {name: [(step, as_kept(logger, v)) for step, v in p] for name, p in value.items()}
    return float(np.float32(value))


def as_text(value: Any) -> str:
    """As MLflow has parameters; a number of TensorBoard's is a float."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


READ: Mapping[str, Callable[[Path], list[Tracked]]] = MappingProxyType(
    {"tensorboard": tensorboard_runs, "mlflow": mlflow_runs, "wandb": wandb_runs}
)
"""Logger -> what reads the runs that it has left in a study's folder, sorted by name."""
