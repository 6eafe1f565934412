"""The one training loop: every torch method is trained here, stage by stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from harness.data.batches import Batches, in_chunks, shuffled
from harness.errors import HarnessError
from harness.protocol import Precision, Protocol
from harness.results.record import EpochRecord
from harness.seeds import derive_seed
from harness.stopwatch import Stopwatch
from harness.training.checkpoint import Checkpoints, DamagedCheckpointError, Progress
from harness.training.clock import Clock
from harness.training.freeze import apply_stage, set_train_mode, trainable_names
from harness.training.method import Batch, Stage, TorchMethod
from harness.training.step import Chunk, Stepper
from harness.training.views import Logits, Views, synchronise

Validate = Callable[[Logits], dict[str, float]]
"""Takes what gives logits of the validation part; returns metrics with ``primary``."""


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


def epochs_per_stage(stages: Sequence[Stage], epochs: int) -> tuple[int, ...]:
    """Whole epochs of every stage, at least one each, by rounding the cumulated shares.

    Raises:
        HarnessError: the shares do not sum to 1.
    """
    shares = [stage.share_of_epochs for stage in stages]
    if not math.isclose(sum(shares), 1.0, abs_tol=1e-6) or min(shares) <= 0:
        raise HarnessError(f"the stages' shares of the epochs are {shares}; they must sum to 1")
    ends = [math.floor(epochs * sum(shares[: i + 1]) + 0.5) for i in range(len(shares))]
    counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(max(1, count) for count in counts)


def fit(training: Training) -> Progress:
    """Train through all stages, from the last checkpoint where there is one.

    The module ends with the weights of the epoch whose primary metric on validation is the best
    (the earliest of equals). A method that trains nothing in any stage gets no epoch.
    """
    saved = None
    try:
        saved = training.checkpoints.load_last(training.module, training.device)
    except DamagedCheckpointError as damage:
        training.report({"event": "restarted", "reason": str(damage)})
    progress = Progress()
    if saved is not None:
        progress = Progress(**saved["progress"])
        progress.resumed += 1
        training.clock.add(progress.seconds)
        training.report({"event": "resumed", "epochs_done": progress.epochs_done})
    end = 0
    moved: set[str] = set()
    stages = training.method.stages
    for stage, count in zip(
        stages, epochs_per_stage(stages, training.protocol.epochs), strict=True
    ):
        start, end = end, end + count
        moved |= trainable_names(training.module, stage)
        if progress.epochs_done < end:
            resumed = saved if saved is not None and progress.epochs_done > start else None
            _run_stage(training, stage, range(start, end), moved, progress, resumed)
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
            for part in in_chunks(rows, protocol.micro_batch or len(rows))
        ]
        for rows in order
    ]


def _run_stage(
    training: Training,
    stage: Stage,
    epochs: range,
    moved: Collection[str],
    progress: Progress,
    resumed: dict[str, Any] | None,
) -> None:
    take_step = stepper(training, stage)
    if take_step is None:
        return
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
    for epoch in range(progress.epochs_done, epochs.stop):
        line: dict[str, Any] = {"event": "epoch", "stage": stage.name, "epoch": epoch + 1}
        with training.clock.bucket("train"):
            line |= _train_epoch(training, take_step, epoch)
        with training.clock.bucket("validate"):
            watch = Stopwatch()
            training.module.eval()
            line["val"] = training.validate(logits)
            synchronise(training.device)
            line["validate"] = watch.read()
        training.report(line)
        with training.clock.bucket("checkpoint"):
            # Another stage starts with an optimiser of its own.
            _keep(training, take_step if epoch + 1 < epochs.stop else None, moved, progress, line)


def _train_epoch(training: Training, take_step: Stepper, epoch: int) -> dict[str, Any]:
    """One pass over the training part; figures of it. Everything random in it comes from the
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
    set_train_mode(training.module)
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
    """Save the epoch, with the optimiser where the stage goes on."""
    primary, best = line["val"]["primary"], progress.best_primary
    better = best is None or (primary > best if training.higher_is_better else primary < best)
    if better:
        progress.best_epoch, progress.best_primary = line["epoch"], primary
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
