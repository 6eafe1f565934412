"""The parts of ``cell.json``: what it repeats of specs and of a run's request.

What an older version may not have written is optional in the types of what is read. The planner
makes the types called ``…Written``, in which nothing is optional.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Scalar = str | bool | int | float | None
"""What a field of a protocol can be."""


class _Card(TypedDict):
    pretraining_method: str
    pretraining_data: str
    labels_used: bool | None
    licence: str


class CardRecord(_Card, total=False):
    """A weights card."""

    id: str
    source: str
    location: str
    files: list[dict[str, Any]]
    revision: str | None
    install: str
    mean: list[float]
    std: list[float]
    native_size: int
    interpolation: str


class _Method(TypedDict):
    task: str
    family: str
    summary: str
    params: dict[str, Any]
    twins: dict[str, str]
    weights: CardRecord | None
    dist: str
    version: str


class MethodRecord(_Method, total=False):
    """The method's spec with the parameters used, and where it came from."""

    name: str
    factory: str
    tiny: dict[str, Any]
    small: bool
    protocol: dict[str, Scalar]
    needs: list[str]
    files: list[str]
    requires: list[str]
    install: str
    prompts_param: str
    tags: list[str]
    reference: str


class _Target(TypedDict):
    name: str
    kind: str
    names: list[str]
    loss: str
    activation: str


class TargetRecord(_Target, total=False):
    """A target of a task."""

    weight: float


class _Task(TypedDict):
    name: str


class TaskRecord(_Task, total=False):
    """The task's spec; its name alone where no plugin offers it."""

    targets: list[TargetRecord]
    primary: list[str]
    summary: str


class _Metric(TypedDict):
    name: str
    kind: str
    function: str
    label: str
    summary: str


class MetricRecord(_Metric, total=False):
    """A metric's spec."""

    higher_is_better: bool


class LeftOut(TypedDict):
    """Ids of what a run left out."""

    images: list[str]
    masks: list[str]
    """Of images that stay."""


class _Dataset(TypedDict):
    name: str
    root: str | None
    fingerprint: str
    factory: str
    params: dict[str, Any]
    classes: list[str]


class DatasetRecord(_Dataset, total=False):
    """The dataset, as it was used."""

    left_out: LeftOut


class DatasetWritten(_Dataset):
    """The same, whole."""

    left_out: LeftOut


class _Part(TypedDict):
    images: int
    masks: int


class PartRecord(_Part, total=False):
    """How many images of a part of the split the cell used, and which: digests of the ids of all,
    and of those with a reference mask. Equal digests are equal images."""

    ids: str
    mask_ids: str


class PartWritten(_Part):
    """The same, whole."""

    ids: str
    mask_ids: str


class FoldRecord(TypedDict):
    """Which of the splits of a cross-validation one is."""

    number: int
    """From 1."""
    of: int
    digest: str
    """That all folds share."""


class _Split(TypedDict):
    digest: str
    selected_on_test: bool
    notes: list[str]


class SplitRecord(_Split, total=False):
    """The split of a cell."""

    fold: FoldRecord
    """Where it is one of several; missing otherwise."""


class WeightsRecord(TypedDict):
    kind: Literal["pretrained", "random", "directory"]
    card: str | None
    digest: str | None
    files: list[str]
    """Their names in a folder of the user's; empty for any other kind."""


class IdentityWritten(TypedDict):
    """What was asked of a cell."""

    method: str
    dataset: str
    dataset_fingerprint: str
    classes: list[str]
    rows: str
    protocol: dict[str, Any]
    params: dict[str, Any]
    weights: WeightsRecord
    device: str
    precision: str
    split: str
    seed: int
    fraction: float


class IdentityRecord(TypedDict, total=False):
    """The same, as it is read."""

    method: str
    dataset: str
    dataset_fingerprint: str
    classes: list[str]
    rows: str
    protocol: dict[str, Any]
    params: dict[str, Any]
    weights: WeightsRecord
    device: str
    precision: str
    split: str
    seed: int
    fraction: float


class LimitsRecord(TypedDict, total=False):
    """What the run allowed the cell, in bytes; None where it set no limit."""

    device_bytes: int | None
    activation_bytes: int | None
    keep_checkpoints: Literal["none", "best", "all"]
