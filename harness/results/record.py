"""The schema of a cell directory's JSON files. ``docs/results-schema.md`` describes every field.

Every key of a record is required unless its class says otherwise; None means unknown.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, get_args

from harness.results.spec_record import (
    DatasetRecord,
    DatasetWritten,
    IdentityRecord,
    IdentityWritten,
    LimitsRecord,
    MethodRecord,
    MetricRecord,
    PartRecord,
    PartWritten,
    Scalar,
    SplitRecord,
    TaskRecord,
    WeightsRecord,
)
from harness.runtime.stopwatch import Taken

SCHEMA = 1
"""Version of the records; a change that an older reader would misread raises it."""

Status = Literal["ok", "failed", "oom", "timeout", "skipped", "load_failed", "not_installed"]
STATUSES: tuple[str, ...] = get_args(Status)

Values = dict[str, float | None]
"""Metric name -> value, None where the metric is not defined."""


class _Cell(TypedDict):
    schema: int
    id: str
    name: str
    hash: str
    provenance: dict[str, Any]
    method: MethodRecord
    task: TaskRecord
    metrics: list[MetricRecord]
    deviations: dict[str, list[Scalar]]
    changed_params: dict[str, list[Any]]
    split: SplitRecord
    protocol: dict[str, Any]
    weights: WeightsRecord
    weights_directory: str | None
    seed: int
    fraction: float
    device: str
    precision: str


class _Planned(_Cell):
    identity: IdentityWritten
    metric_plugins: dict[str, str]
    dataset: DatasetWritten
    data: dict[str, PartWritten]


class PlannedCell(_Planned, total=False):
    """What is planned of a cell: all of ``cell.json`` but what a run adds when it starts it."""

    sweep: list[str]
    """Fields of the protocol that the run had several values of; missing where it had none."""


class WrittenCell(PlannedCell):
    """cell.json as this version writes it: the cell, and everything that can change its result."""

    created: str
    environment: dict[str, dict[str, Any]]
    limits: LimitsRecord
    import_from: list[str]
    """Folders of plugins that are not installed."""


class _ReadCell(_Cell):
    created: str
    identity: IdentityRecord
    dataset: DatasetRecord
    data: dict[str, PartRecord]


# ``NotRequired`` would be required here: annotations are text, and Python 3.11 does not read it.
class CellRecord(_ReadCell, total=False):
    """cell.json as it is read: the fields of :class:`WrittenCell`, of which older versions did not
    write all."""

    metric_plugins: dict[str, str]
    """Metric -> the plugin that offers it."""
    environment: dict[str, dict[str, Any]]
    """Plugin -> what it states about the machine."""
    limits: LimitsRecord
    import_from: list[str]
    sweep: list[str]


class StatusRecord(TypedDict):
    """status.json: written last; a cell without one is unfinished."""

    status: Status
    reason: str
    finished: str
    seconds: float
    log_tail: list[str]
    concurrent: bool


class Quantiles(TypedDict):
    """Milliseconds: the median, and what 95 % stay below."""

    p50: float
    p95: float


class Spread(Quantiles, total=False):
    """Milliseconds of timed calls."""

    calls: int
    """How many were timed."""
    cpu_p50: float
    """The median of the CPU time, of all threads."""


class _Activations(TypedDict):
    where: Literal["disk", "memory", "per batch"]
    bytes: int
    """What they take, or would."""
    seconds: float
    """Full cost of making them, whichever cell made them; 0 where nothing is kept."""


class ActivationsRecord(_Activations, total=False):
    """Activations at the frozen boundary of a stage. Older records lack what is optional."""

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


class _Stage(TypedDict):
    name: str
    epochs: int
    learning_rate: float
    parameters: int
    """How many of them train in this stage."""


class StageRecord(_Stage, total=False):
    """One stage of training. Older records lack what is optional."""

    normalises_batches: bool
    """Whether batch normalisation takes its statistics from the batch."""


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


class _SetMetrics(TypedDict):
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


class SetMetrics(_SetMetrics, total=False):
    """The metrics of one prediction file."""

    notes: list[str]
    """Metrics that failed and have no value, each with its plugin and the reason."""


class EnvironmentRecord(TypedDict, total=False):
    """environment.json: the facts about the machine that results depend on."""

    cpu: str
    gpu: str
    threads: int
    cpu_count: int | None
    packages: dict[str, str | None]


MetricsRecord = dict[str, SetMetrics]
"""metrics.json: set name -> its metrics."""
