"""The one training loop: every torch method is trained here, stage by stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.errors import HarnessError
from harness.protocol import Precision, Protocol
from harness.results.record import EpochRecord
from harness.runtime.stopwatch import Stopwatch
from harness.seeds import derive_seed
from harness.training.batches import Batches, in_even_chunks, shuffled
from harness.training.clock import Clock
from harness.training.fit.checkpoint import Checkpoints, DamagedCheckpointError, Figures, Progress
from harness.training.fit.stage_inputs import Logits, Views, synchronise
from harness.training.fit.stages import Span, spans
from harness.training.fit.step import Chunk, Stepper
from harness.training.frozen.freeze import Modes, apply_stage, frozen_names
from harness.training.method import Batch, Stage, TorchMethod
from harness.training.promises.contract import Unchanged

Validate = Callable[[Logits], Figures]
"""Takes what gives logits of the validation part."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the loop needs; everything in it has been decided before."""

    method: TorchMethod
    module: nn.Module
    protocol: Protocol
    train: Batches
    val: Batches
    validate: Validate
    checkpoints: Checkpoints
    clock: Clock
    report: Callable[[Mapping[str, Any]], None]
    seed: int
    device: torch.device
    precision: Precision
    views: Views
    higher_is_better: bool = True
    """Of the primary metric."""


def fit(training: Training) -> Progress:
    """Train through all stages, from the last checkpoint where there is one.

    The module ends with the weights of the epoch whose primary metric on validation is the best; of
    equals, that with the lowest validation loss, and the earliest of these. A method that trains
    nothing in any stage gets no epoch.
    """
    saved = None
    try:
        with training.clock.bucket("checkpoint"):
            saved = training.checkpoints.load_last(training.module, training.device)
    except DamagedCheckpointError as damage:
        training.report({"event": "restarted", "reason": str(damage)})
    progress = Progress()
    if saved is not None:
        progress = Progress(**saved["progress"])
        progress.resumed += 1
        training.clock.add(progress.seconds)
        training.report({"event": "resumed", "epochs_done": progress.epochs_done})
    plan = spans(training.method.stages, training.module, training.protocol.epochs)
    # Of all stages, in every checkpoint: which stage the best epoch lies in is not known before.
    moved = frozenset().union(*(span.names for span in plan if span.epochs))
    for span in plan:
        if span.epochs and progress.epochs_done < span.epochs.stop:
            within = saved is not None and progress.epochs_done > span.epochs.start
            _run_stage(training, span, moved, progress, saved if within else None)
    with training.clock.bucket("checkpoint"):
        training.checkpoints.wait()
        if progress.best_epoch not in (None, progress.epochs_done):
            training.checkpoints.load_best_so_far(training.module, training.device)
    training.module.eval()
    return progress


def stepper(training: Training, stage: Stage) -> Stepper | None:
    """What takes the stage's steps, everything else frozen; None where nothing trains."""
    parameters = apply_stage(training.module, stage)
    if not parameters:
        return None
    protocol = training.protocol
    return Stepper(
        training.method,
        training.module,
        stage,
        parameters,
        training.views.of(stage),
        training.train,
        learning_rate=protocol.learning_rate,
        weight_decay=protocol.weight_decay,
        flips=protocol.flip,
        scaled=training.precision == "fp16",
        autocast=training.views.autocast,
    )


def epoch_steps(training: Training, epoch: int) -> list[list[Chunk]]:
    """The steps of an epoch (counted from 0), each in chunks that fit a forward pass."""
    protocol = training.protocol
    flips = torch.Generator().manual_seed(derive_seed("augmentation", training.seed, epoch))
    order = shuffled(
        len(training.train), protocol.batch_size, derive_seed("order", training.seed, epoch)
    )
    return [
        [
            (part, torch.rand(len(part), generator=flips) < 0.5 if protocol.flip else None)
            for part in in_even_chunks(rows, protocol.micro_batch or len(rows))
        ]
        for rows in order
    ]


def _run_stage(
    training: Training,
    span: Span,
    moved: Collection[str],
    progress: Progress,
    resumed: dict[str, Any] | None,
) -> None:
    stage, epochs = span.stage, span.epochs
    take_step = stepper(training, stage)
    assert take_step is not None, "a stage that trains nothing has no epochs"
    if resumed is not None:
        take_step.load(resumed["stepping"])
    if training.protocol.compile:
        training.report({"event": "compiling"})
        with training.clock.bucket("compile"):
            take_step.compile(epoch_steps(training, epochs.start)[0])
            synchronise(training.device)
    view = training.views.of(stage)
    view.note(progress.activations, stage)
    logits = view.logits(training.val)
    frozen = Unchanged(training.module, frozen_names(training.module, stage))
    modes = Modes(training.module)
    for epoch in range(progress.epochs_done, epochs.stop):
        line: dict[str, Any] = {"event": "epoch", "stage": stage.name, "epoch": epoch + 1}
        with training.clock.bucket("train"):
            line |= _train_epoch(training, take_step, modes, epoch)
        with training.clock.bucket("validate"):
            watch = Stopwatch()
            modes.eval()
            line["val"] = training.validate(logits)
            synchronise(training.device)
            line["validate"] = watch.read()
        training.report(line)
        with training.clock.bucket("checkpoint"):
            # Another stage starts with an optimiser of its own.
            _keep(training, take_step if epoch + 1 < epochs.stop else None, moved, progress, line)
    frozen.check(f"while stage {stage.name!r} trained", "the stage freezes them")
    view.check()


def _train_epoch(
    training: Training, take_step: Stepper, modes: Modes, epoch: int
) -> dict[str, Any]:
    """One pass over the training part; returns its values. Everything random in it comes from the
    cell's seed and the epoch's number, so a resumed run repeats it bit by bit."""
    watch = Stopwatch()
    waited = 0.0

    def take(chunk: Chunk) -> Batch:
        nonlocal waited
        asked = time.monotonic()
        batch = take_step.batch(chunk)
        waited += time.monotonic() - asked
        return batch

    torch.manual_seed(derive_seed("dropout", training.seed, epoch))
    modes.train()
    steps = epoch_steps(training, epoch)
    take_step.inputs.announce([chunk for step in steps for chunk in step])
    total = torch.zeros((), device=training.device)
    for step in steps:
        total += take_step(step, take)
    mean_loss = float(total) / len(steps)
    if not math.isfinite(mean_loss):
        raise HarnessError(
            f"the training loss of epoch {epoch + 1} is {mean_loss}: training has diverged; "
            "lower the learning rate or train in fp32"
        )
    taken = watch.read()
    return {
        "loss": mean_loss,
        "images": sum(len(rows) for step in steps for rows, _ in step),
        "train_seconds": taken["wall_seconds"],
        "data_wait_seconds": waited,
        "train": taken,
    }


def _keep(
    training: Training,
    going_on: Stepper | None,
    moved: Collection[str],
    progress: Progress,
    line: dict[str, Any],
) -> None:
    """Save the epoch, with the optimiser where the stage continues."""
    better = _better(line["val"], progress.best_val, higher=training.higher_is_better)
    if better:
        progress.best_epoch, progress.best_primary = line["epoch"], line["val"]["primary"]
        progress.best_val = dict(line["val"])
    progress.epochs_done = line["epoch"]
    progress.seconds = training.clock.read()
    progress.epochs.append({name: line[name] for name in EpochRecord.__annotations__})
    training.checkpoints.save(
        training.module,
        moved,
        None if going_on is None else going_on.state(),
        progress,
        best=better,
    )


def _better(now: Figures, best: Figures | None, *, higher: bool) -> bool:
    """Whether an epoch is better than the best before it."""
    if best is None:
        return True
    if now["primary"] != best["primary"]:
        return (now["primary"] > best["primary"]) == higher
    loss, lowest = now.get("loss"), best.get("loss")
    return loss is not None and (lowest is None or loss < lowest)
