"""A method under test: its small member, constructed and driven as a cell drives it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from harness.discovery.registry import MethodEntry, Plugins
from harness.errors import HarnessError
from harness.planning.datasets import open_dataset
from harness.protocol import QUICK, Protocol, effective, override
from harness.runtime.resolve import resolve
from harness.seeds import derive_seed
from harness.testing.checks.check import BrokenPromiseError, NotCheckedError
from harness.testing.methods.pictures import BATCH, GRID, make_parts
from harness.training.batches import Batches, Part
from harness.training.clock import Clock
from harness.training.fit.plain_runner import PlainRunner
from harness.training.fit.runner import Parts, Runner, Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing
from harness.training.method import Batch, Method, Problem, TorchMethod
from harness.training.rows import Budget
from harness.weights.locate import WeightsMissing, locate

CLASSES = 3
CPU = torch.device("cpu")


class Subject:
    """The small member of a method, or the method where it has none.

    It starts from the small weights where they come in an installed package, and from random ones
    otherwise, unless it makes no sense without.
    """

    def __init__(self, entry: MethodEntry, plugins: Plugins) -> None:
        self.entry, self.spec = entry, entry.spec
        self.task = plugins.tasks[entry.spec.task].spec
        self.params: Mapping[str, Any] = {**self.spec.params, **self.spec.tiny}
        self._plugins = plugins

    @cached_property
    def protocol(self) -> Protocol:
        """The quick preset with batches of 8, and the method's own deviations but for the length
        of training."""
        own = {k: v for k, v in self.spec.protocol.items() if k not in ("epochs", "batch_size")}
        quick = override(QUICK, (f"batch_size={BATCH}", "epochs=2"))
        return effective(quick, self.entry.id, own)

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """The weights to start from.

        Raises:
            NotCheckedError: they are needed and not here.
        """
        card = self.spec.card(small=True)
        needed = "pretrained" in self.spec.needs
        if card is None or (card.source != "package" and not needed):
            if needed:
                raise NotCheckedError("its small network has no weights, and it needs some")
            return {}
        try:
            return locate(card, "pretrained")
        except WeightsMissing as error:
            if needed:
                raise NotCheckedError(str(error)) from error
            return {}

    @cached_property
    def _class_names(self) -> tuple[str, ...]:
        """Those of the embedded dataset, which a method that reads names may know, and others."""
        try:
            known = open_dataset(self._plugins.default_dataset(), None).samples.classes
        except HarnessError:
            known = ()
        return (*known, *(f"class {number}" for number in range(8)))

    def problem(
        self, classes: int = CLASSES, size: int | None = None, *, from_weights: bool = True
    ) -> Problem:
        """The task with so many classes at this size.

        Args:
            from_weights: whether it starts from weights where they are at hand; where it needs
                some, it does in any case.
        """
        needed = "pretrained" in self.spec.needs
        return Problem.of_task(
            self.task,
            self._class_names[:classes],
            image_size=size or self.protocol.image_size,
            seed=0,
            weights_files=self.files if from_weights or needed else {},
        )

    def construct(
        self, problem: Problem | None = None, params: Mapping[str, Any] | None = None
    ) -> TorchMethod | Method:
        """The method, which wants to run here.

        Raises:
            NotCheckedError: it does not, and says why.
            BrokenPromiseError: it is no method, or ``skip`` returns something else than a reason.
        """
        problem = problem or self.problem()
        # As the process of a cell begins.
        np.random.seed(derive_seed("numpy", problem.seed) % 2**32)
        made = resolve(self.spec.factory)(problem, **(self.params if params is None else params))
        if not isinstance(made, TorchMethod | Method):
            raise BrokenPromiseError(
                f"{self.spec.factory} returned {type(made).__name__}, which is neither a "
                "TorchMethod nor has fit, predict, save, load and skip"
            )
        reason = made.skip()
        if reason is not None and not isinstance(reason, str):
            raise BrokenPromiseError(
                f"skip() returned {reason!r:.60}; expected None, or a reason as text"
            )
        if reason:
            raise NotCheckedError(f"it skips itself: {reason}")
        return made

    def network(self, problem: Problem | None = None) -> tuple[TorchMethod, nn.Module]:
        """The method and its network, built from the problem's seed, in eval mode.

        Raises:
            NotCheckedError: the method trains itself.
        """
        method = self.construct(problem)
        if not isinstance(method, TorchMethod):
            raise NotCheckedError("it trains itself, without the harness's loop")
        return method, built(method)

    def parts(self, method: TorchMethod | Method, problem: Problem | None = None) -> Parts:
        """Images at the size that the method takes, of all classes of the problem."""
        problem = problem or self.problem()
        kinds = {target.kind for target in self.task.targets}
        return make_parts(
            method.input.size if isinstance(method, TorchMethod) else problem.image_size,
            len(problem.classes) or CLASSES,
            masks="binary-mask" in kinds,
            all_have_masks=kinds == {"binary-mask"},
        )

    @contextmanager
    def runner(
        self, method: TorchMethod | Method, problem: Problem | None = None, device: str = "cpu"
    ) -> Iterator[Runner]:
        """What drives the method in a cell, its network built, in a temporary folder."""
        with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
            yield self.runner_in(Path(folder), method, problem, device)

    def runner_in(
        self,
        folder: Path,
        method: TorchMethod | Method,
        problem: Problem | None = None,
        device: str = "cpu",
    ) -> Runner:
        """The same in a given folder."""
        problem = problem or self.problem()
        setting = Setting(
            problem=problem,
            protocol=self.protocol,
            device=device,
            threads=1,
            precision="fp32",
            seed=problem.seed,
            directory=folder,
            clock=Clock(),
            report=lambda line: None,
            mask_grid=GRID,
            sharing=Sharing(cache=folder / "cache", facts={}),
        )
        runner: Runner
        if isinstance(method, TorchMethod):
            runner = TorchRunner(method, setting)
        else:
            runner = PlainRunner(method, setting)
        runner.build()
        return runner


def built(method: TorchMethod) -> nn.Module:
    """Its network, as a cell builds it."""
    torch.manual_seed(derive_seed("init", method.problem.seed))
    module = method.build()
    if not isinstance(module, nn.Module):
        raise BrokenPromiseError(f"build() returned {type(module).__name__}, not a torch.nn.Module")
    return module.eval()


def first_batch(method: TorchMethod, part: Part, count: int = BATCH) -> Batch:
    """The first samples of a part, on the CPU."""
    batches = Batches(part, method.input, method.problem.targets, Budget(CPU, 0))
    return batches.batch(torch.arange(min(count, len(part))))


def predicted(runner: Runner, part: Part) -> dict[str, NDArray[np.float32]]:
    """Probabilities of a part per target, held to the contract."""
    batches = list(runner.probabilities(part))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
