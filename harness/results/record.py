"""The schema of a cell directory's JSON files. ``docs/results-schema.md`` describes every field.

Every key of a record is required unless its class says otherwise; None stands for unknown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict, cast, get_args

from harness.errors import HarnessError
from harness.stopwatch import Taken

SCHEMA = 1
"""Version of the records; a change that an older reader would misread raises it."""

Status = Literal["ok", "failed", "oom", "timeout", "skipped", "load_failed", "not_installed"]
STATUSES: tuple[str, ...] = get_args(Status)

Values = dict[str, float | None]
"""Metric name -> value, None where the metric is not defined."""


class MethodRecord(TypedDict):
    """The method's spec, and where it came from. The spec's other fields come beside these."""

    task: str
    family: str
    summary: str
    params: dict[str, Any]
    twins: dict[str, str]
    weights: dict[str, Any] | None
    dist: str
    version: str


class _Dataset(TypedDict):
    name: str
    root: str | None
    fingerprint: str
    factory: str
    params: dict[str, Any]
    classes: list[str]


# ``NotRequired`` would be required here: annotations are text, and Python 3.11 does not read it.
class DatasetRecord(_Dataset, total=False):
    left_out: dict[str, list[str]]
    """Ids of what the run went on without: ``images``, and ``masks`` of images that stay."""


class _Part(TypedDict):
    images: int
    masks: int


class PartRecord(_Part, total=False):
    """How many images of a part of the split the cell used, and which: digests of the ids of all,
    and of those with a reference mask. Equal digests are equal images."""

    ids: str
    mask_ids: str


class SplitRecord(TypedDict):
    digest: str
    selected_on_test: bool
    notes: list[str]


class WeightsRecord(TypedDict):
    kind: Literal["pretrained", "random", "directory"]
    card: str | None
    digest: str | None
    files: list[str]
    """Their names in a folder of the user's; empty for any other kind."""


class CellRecord(TypedDict):
    """cell.json: the cell, and everything that can change its result."""

    schema: int
    id: str
    name: str
    hash: str
    created: str
    identity: dict[str, Any]
    provenance: dict[str, Any]
    method: MethodRecord
    task: dict[str, Any]
    metrics: list[dict[str, Any]]
    deviations: dict[str, list[Any]]
    changed_params: dict[str, list[Any]]
    dataset: DatasetRecord
    data: dict[str, PartRecord]
    split: SplitRecord
    protocol: dict[str, Any]
    weights: WeightsRecord
    weights_directory: str | None
    seed: int
    fraction: float
    device: str
    precision: str


class StatusRecord(TypedDict):
    """status.json: written last; a cell without one is unfinished."""

    status: Status
    reason: str
    finished: str
    seconds: float
    log_tail: list[str]
    concurrent: bool


class Spread(TypedDict):
    """Milliseconds of timed calls: the median, and what 95 % of them stay below."""

    p50: float
    p95: float
    calls: int
    """How many were timed."""
    cpu_p50: float
    """The median of the CPU time, of all threads."""


class ActivationsRecord(TypedDict):
    """Activations at the frozen boundary of a stage."""

    where: Literal["disk", "memory", "per batch"]
    bytes: int
    """What they take, or would."""
    seconds: float
    """Full price of making them, whoever made them; 0 where nothing is kept."""
    cpu_seconds: float | None
    """The same in CPU time."""
    other_load: float | None
    """Cores that other work kept busy meanwhile."""
    key: str | None
    """Names those on the disk: stages with the same one use the same activations."""


class EpochRecord(TypedDict):
    """What an epoch of training took."""

    stage: str
    images: int
    data_wait_seconds: float
    train: Taken
    validate: Taken


class StageRecord(TypedDict):
    """One stage of training."""

    name: str
    epochs: int
    learning_rate: float
    parameters: int
    """How many of them train in this stage."""


class TimingRecord(TypedDict, total=False):
    """timing.json: what the cell cost. Any key may be missing, where a cell ended early."""

    buckets: dict[str, float]
    blocks: dict[str, Taken]
    epochs: int
    best_epoch: int | None
    minutes_per_epoch: float | None
    minutes_per_epoch_steps: float | None
    cpu_minutes_per_epoch: float | None
    cpu_minutes_per_epoch_steps: float | None
    images_per_second_train: float | None
    images_per_second_train_steps: float | None
    images_per_cpu_second_train: float | None
    images_per_cpu_second_train_steps: float | None
    step_ms: Spread | None
    latency_ms: Spread | None
    throughput_images_per_second: float | None
    throughput_images_per_cpu_second: float | None
    end_to_end_images_per_second: float | None
    end_to_end_images_per_cpu_second: float | None
    input_size: int
    stages: list[StageRecord]
    peak_memory_bytes: int | None
    memory_kind: Literal["rss", "cuda"]
    parameters_total: int | None
    parameters_trainable: int | None
    flops_per_image: float | None
    prepare_seconds: float
    activation_seconds: float
    shared_seconds: float
    activations: dict[str, ActivationsRecord]
    first_epoch_seconds: float | None
    data_wait_seconds: float | None
    resumed: int


class SetMetrics(TypedDict):
    """The metrics of one prediction file."""

    images: int
    masks: int
    classes: list[str]
    classes_present: list[str]
    label: Values | None
    label_all_classes: Values | None
    recall_per_class: Values | None
    mask: Values | None
    primary: float | None
    primary_metrics: list[str]
    primary_higher_is_better: bool


MetricsRecord = dict[str, SetMetrics]
"""metrics.json: set name -> its metrics."""


def as_cell(path: Path, value: Any) -> CellRecord:
    """``value``, read from ``path``, as a cell record.

    Raises:
        HarnessError: it is of another schema, or lacks a field.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise HarnessError(f"{path}: has schema {schema!r}; this version reads schema {SCHEMA}")
    _require(path, value, CellRecord.__required_keys__)
    _require(path, value["method"], MethodRecord.__required_keys__)
    _require(path, value["dataset"], DatasetRecord.__required_keys__)
    _require(path, value["split"], SplitRecord.__required_keys__)
    _require(path, value["weights"], WeightsRecord.__required_keys__)
    return cast("CellRecord", value)


def as_status(path: Path, value: Any) -> StatusRecord:
    """``value``, read from ``path``, as a status record; HarnessError where it is none."""
    _require(path, value, StatusRecord.__required_keys__)
    if value["status"] not in STATUSES:
        raise HarnessError(f"{path}: has status {value['status']!r}; known: {', '.join(STATUSES)}")
    return cast("StatusRecord", value)


def as_timing(path: Path, value: Any) -> TimingRecord:
    """``value``, read from ``path``, as a timing record; HarnessError where it is none."""
    _require(path, value, frozenset())
    return cast("TimingRecord", value)


def as_metrics(path: Path, value: Any) -> MetricsRecord:
    """``value``, read from ``path``, as a metrics record; HarnessError where it is none."""
    _require(path, value, frozenset())
    for metrics in value.values():
        _require(path, metrics, SetMetrics.__required_keys__)
    return cast("MetricsRecord", value)


def _require(path: Path, value: Any, keys: frozenset[str]) -> None:
    if not isinstance(value, dict):
        raise HarnessError(f"{path}: holds {type(value).__name__} where a record belongs")
    if missing := sorted(keys - value.keys()):
        raise HarnessError(f"{path}: lacks {', '.join(missing)}")
