"""What all cells of one method have in common: protocol, weights, code; or why it cannot run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from packaging.requirements import Requirement

from harness import provenance
from harness.discovery.families import family_strategies
from harness.errors import HarnessError, did_you_mean
from harness.planning import params
from harness.planning.obstacles import Kind, Obstacle, first_of
from harness.protocol import Protocol, deviations, effective
from harness.results.spec_record import (
    MethodRecord,
    MetricRecord,
    Scalar,
    TaskRecord,
    WeightsRecord,
)
from harness.runtime.home import expanded
from harness.runtime.shadows import LIBRARIES
from harness.specs import (
    TARGET_OF_KIND,
    MethodSpec,
    MetricSpec,
    TaskSpec,
    WeightsCard,
    to_json,
)
from harness.study import Request

if TYPE_CHECKING:
    from harness.discovery.registry import MethodEntry, Plugins

_NEEDS_PRETRAINED = (
    "random weights make no sense for a method that is not trained; "
    "use --weights pretrained or --weights DIR"
)
_NO_SMALL_WEIGHTS = (
    "it cannot start from random weights, and the preset's small network has no weights of its "
    "own; use --preset paper, or --weights DIR"
)


class PluginMistakeError(HarnessError):
    """A plugin describes a method wrongly: this method cannot run; others can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a method's cells have in common: a grid has many cells of few methods."""

    task: TaskSpec | None
    protocol: Protocol
    made_by: dict[str, Any]
    weights: WeightsRecord
    obstacle: Obstacle | None
    changed: dict[str, Any]
    changed_params: dict[str, list[Any]]
    deviations: dict[str, list[Scalar]]
    protocol_record: dict[str, Any]
    method_record: MethodRecord
    task_record: TaskRecord
    metric_records: list[MetricRecord]
    metric_plugins: dict[str, str]


class Resolver:
    """Resolves methods for one request."""

    def __init__(self, request: Request, plugins: Plugins) -> None:
        self._request = request
        self._plugins = plugins
        self._resolved: dict[str, Resolved] = {}
        self.changes = params.parse(request.params, plugins)
        """What ``--param`` asks for."""
        self._core: dict[str, Any] = {
            **provenance.harness_code(),
            "torch": provenance.version("torch"),
            "libraries": provenance.library_versions(LIBRARIES),
        }
        if request.device == "cpu":
            # Sums are taken in parts, one per thread, and rounded accordingly.
            self._core["threads"] = request.threads or 1
        self.absent: list[str] = []
        """Files missing from a ``--weights`` folder."""

    def resolve(self, entry: MethodEntry) -> Resolved:
        if entry.id not in self._resolved:
            self._resolved[entry.id] = self._resolve(entry)
        return self._resolved[entry.id]

    def _resolve(self, entry: MethodEntry) -> Resolved:
        spec = entry.spec
        stated = {**spec.params, **(spec.tiny if self._request.protocol.tiny else {})}
        changed = params.changes_of(entry.id, stated, self.changes)
        arguments = {**stated, **changed}
        weights, obstacle = self._weights(entry, self._request.protocol)
        task: TaskSpec | None = None
        protocol, made_by = self._request.protocol, {**self._core}
        try:
            task = self._task(entry)
            protocol = self._protocol(entry)
            packages = self._not_installed(spec)
            obstacle = first_of((packages, obstacle))
            if packages is None:
                made_by = self._provenance(entry, task, arguments)
        except PluginMistakeError as mistake:
            obstacle = Obstacle(Kind.PLUGIN_MISTAKE, str(mistake))
        return Resolved(
            task=task,
            protocol=protocol,
            made_by=made_by,
            weights=weights,
            obstacle=obstacle,
            changed=changed,
            changed_params={name: [stated[name], changed[name]] for name in changed},
            deviations={
                name: list(pair)
                for name, pair in deviations(self._request.protocol, protocol).items()
            },
            protocol_record=asdict(protocol),
            method_record=self._record(entry, arguments),
            task_record={"name": spec.task} if task is None else to_json(task),
            metric_records=[] if task is None else [to_json(m) for m in self._metrics(task)],
            metric_plugins={}
            if task is None
            else {m.name: self._plugins.metrics[m.name].plugin for m in self._metrics(task)},
        )

    def _record(self, entry: MethodEntry, arguments: Mapping[str, Any]) -> MethodRecord:
        """The spec with the parameters and the weights card that are used."""
        spec, stated = entry.spec, to_json(entry.spec)
        own, card = stated.pop("tiny_weights"), self._card(spec)
        starts_small = card is not None and card is spec.tiny_weights
        used = {
            "params": dict(arguments),
            "weights": own if starts_small else stated["weights"],
            "small": self._request.protocol.tiny and (bool(spec.tiny) or starts_small),
        }
        made = {"dist": entry.dist, "version": entry.version}
        return cast("MethodRecord", {**stated, **used, **made})

    def _task(self, entry: MethodEntry) -> TaskSpec:
        if entry.spec.task not in self._plugins.tasks:
            raise PluginMistakeError(
                f"no plugin offers its task {entry.spec.task!r}"
                f"{did_you_mean(entry.spec.task, self._plugins.tasks)}; "
                f"tasks: {', '.join(self._plugins.tasks)}"
            )
        task = self._plugins.tasks[entry.spec.task].spec
        metrics = {metric.full_name for metric in self._metrics(task)}
        if absent := [name for name in task.primary if name not in metrics]:
            raise PluginMistakeError(
                f"task {task.name!r} is ranked by {', '.join(absent)}, but no plugin offers such "
                f"a metric; metrics of its targets: {', '.join(sorted(metrics)) or 'none'}"
            )
        return self._selected(task)

    def _selected(self, task: TaskSpec) -> TaskSpec:
        """The task as the protocol's ``select_by`` wants it to select and rank."""
        if self._request.protocol.select_by is None:
            return task
        asked = [name.strip() for name in self._request.protocol.select_by.split(",")]
        offered = [entry.spec for entry in self._plugins.metrics.values()]
        known = [metric.full_name for metric in offered if metric.kind in TARGET_OF_KIND]
        if unknown := [name for name in asked if name not in known]:
            raise HarnessError(
                f"select_by: no plugin offers a metric {unknown[0]!r}"
                f"{did_you_mean(unknown[0], known)}; metrics: {', '.join(sorted(known))}",
                about="set.select_by",
            )
        targets = {target.name for target in task.targets}
        primary = tuple(name for name in asked if name.partition(".")[0] in targets)
        return replace(task, primary=primary) if primary else task

    def _protocol(self, entry: MethodEntry) -> Protocol:
        try:
            return effective(self._request.protocol, entry.id, entry.spec.protocol)
        except HarnessError as error:
            raise PluginMistakeError(str(error)) from error

    def _metrics(self, task: TaskSpec) -> list[MetricSpec]:
        kinds = {target.kind for target in task.targets}
        return [e.spec for e in self._plugins.metrics.values() if e.spec.kind in kinds]

    def _not_installed(self, spec: MethodSpec) -> Obstacle | None:
        from harness.discovery.requirements import missing_requirements

        missing = missing_requirements(spec)
        if not missing:
            return None
        wanted = (spec.install,) if spec.install else missing
        quoted = " ".join(f"'{name}'" for name in wanted)
        return Obstacle(Kind.PACKAGES_MISSING, f"pip install {quoted}")

    def _card(self, spec: MethodSpec) -> WeightsCard | None:
        """The card of what the network can start from.

        A user's folder may have files for the small network under either of the two cards.
        """
        card = spec.card(small=self._request.protocol.tiny)
        asked = self._request.weights or self._request.protocol.weights
        if asked in ("pretrained", "random"):
            return card
        if card is None or spec.weights is None:
            return card or spec.weights
        folder = expanded(asked, "--weights")
        only_full = not (folder / card.id).is_dir() and (folder / spec.weights.id).is_dir()
        return spec.weights if only_full else card

    def _weights(
        self, entry: MethodEntry, protocol: Protocol
    ) -> tuple[WeightsRecord, Obstacle | None]:
        """What the cell starts from, and why it cannot (if it cannot)."""
        from harness.weights.content import digest
        from harness.weights.locate import WeightsMissing, locate

        spec, asked = entry.spec, self._request.weights or protocol.weights
        card = self._card(spec)
        if card is None or asked == "random":
            start: WeightsRecord = {"kind": "random", "card": None, "digest": None, "files": []}
            if "pretrained" in spec.needs:
                reason = _NEEDS_PRETRAINED if asked == "random" else _NO_SMALL_WEIGHTS
                return start, Obstacle(Kind.WEIGHTS_UNFIT, reason)
            return start, None
        kind: Literal["pretrained", "directory"]
        kind = "pretrained" if asked == "pretrained" else "directory"
        # The cards of a family are known by the methods alone.
        called = entry.id if family_strategies(entry, self._plugins) else ""
        start = {"kind": kind, "card": card.id, "digest": None, "files": []}
        try:
            files = locate(card, asked if kind == "pretrained" else Path(asked), called)
        except WeightsMissing as error:
            if kind == "directory":
                self.absent.append(str(error))
            return start, Obstacle(Kind.WEIGHTS_MISSING, str(error))
        start["digest"] = digest(tuple(files.values()))
        if kind == "directory":
            start["files"] = sorted(path.name for path in files.values())
        return start, None

    def _provenance(
        self, entry: MethodEntry, task: TaskSpec, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        spec = entry.spec
        selecting = [
            metric.function for metric in self._metrics(task) if metric.full_name in task.primary
        ]
        losses = [target.loss for target in task.targets]
        try:
            return {
                **self._core,
                **provenance.plugin_code(spec.factory, entry.dist, entry.version),
                "requires": provenance.library_versions(_names(spec.requires)),
                "factory": spec.factory,
                "params": dict(arguments),
                "files": {name: provenance.file_digest(name) for name in spec.files},
                "task": to_json(task),
                "task_source": {
                    name: provenance.code_digest(name) for name in sorted({*losses, *selecting})
                },
            }
        except (HarnessError, OSError) as error:
            raise PluginMistakeError(str(error)) from error


def _names(requirements: Iterable[str]) -> list[str]:
    return sorted({Requirement(text).name for text in requirements})
