"""The one training loop: every torch method is trained here, stage by stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.data.batches import Batches, in_chunks, shuffled
from harness.errors import HarnessError
from harness.protocol import Precision, Protocol
from harness.seeds import derive_seed
from harness.training.checkpoint import Checkpoints, Progress
from harness.training.clock import Clock
from harness.training.freeze import apply_stage, set_train_mode
from harness.training.frozen import Boundary
from harness.training.method import Batch, Stage, TorchMethod

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}

Forward = Callable[[Tensor], Mapping[str, Tensor]]
Validate = Callable[[Callable[[Tensor], Mapping[str, Tensor]]], dict[str, float]]
"""Takes a function from rows of the validation part to logits; returns metrics with ``primary``."""


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
    higher_is_better: bool = True
    """Of the primary metric."""

    def autocast(self) -> AbstractContextManager[object]:
        """The precision of a forward pass."""
        return torch.autocast(
            self.device.type,
            dtype=AUTOCAST.get(self.precision),
            enabled=self.precision in AUTOCAST,
        )


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
    saved = training.checkpoints.load_last(training.device)
    progress = Progress()
    if saved is not None:
        progress = Progress(**saved["progress"])
        progress.resumed += 1
        training.module.load_state_dict(saved["module"])
        training.clock.add(progress.seconds)
        training.report({"event": "resumed", "epochs_done": progress.epochs_done})
    end = 0
    stages = training.method.stages
    for stage, count in zip(
        stages, epochs_per_stage(stages, training.protocol.epochs), strict=True
    ):
        start, end = end, end + count
        if progress.epochs_done < end:
            resumed = saved if saved is not None and progress.epochs_done > start else None
            _run_stage(training, stage, range(start, end), progress, resumed)
    if progress.best_epoch is not None:
        with training.clock.bucket("checkpoint"):
            training.checkpoints.load_best(training.module, training.device)
    training.module.eval()
    return progress


def _run_stage(
    training: Training,
    stage: Stage,
    epochs: range,
    progress: Progress,
    resumed: dict[str, Any] | None,
) -> None:
    parameters = apply_stage(training.module, stage)
    if not parameters:
        return
    optimizer = torch.optim.Adam(
        parameters,
        lr=training.protocol.learning_rate * stage.lr_scale,
        weight_decay=training.protocol.weight_decay,
        fused=True,
    )
    scaler = torch.amp.GradScaler(training.device.type) if training.precision == "fp16" else None
    if resumed is not None:
        optimizer.load_state_dict(resumed["optimizer"])
        if scaler is not None:
            scaler.load_state_dict(resumed["scaler"])
    view = _views(training, stage)
    for epoch in range(progress.epochs_done, epochs.stop):
        line: dict[str, Any] = {"event": "epoch", "stage": stage.name, "epoch": epoch + 1}
        with training.clock.bucket("train"):
            line |= _train_epoch(training, view, optimizer, scaler, epoch)
        with training.clock.bucket("validate"):
            training.module.eval()
            line["val"] = training.validate(view.validation)
            _synchronise(training.device)
        training.report(line)
        with training.clock.bucket("checkpoint"):
            _keep(training, optimizer, scaler, progress, line)


@dataclass(frozen=True)
class _Views:
    """How the stage turns rows into network inputs, and inputs into logits."""

    inputs: Callable[[Tensor, Tensor | None], Tensor] | None
    forward: Forward
    validation: Forward


def _views(training: Training, stage: Stage) -> _Views:
    method, module = training.method, training.module
    split = method.split(module, stage)
    if split is None:

        def forward(images: Tensor) -> Mapping[str, Tensor]:
            return method.forward(module, images)

        def whole(rows: Tensor) -> Mapping[str, Tensor]:
            with training.autocast():
                return forward(training.val.images(rows))

        return _Views(None, forward, whole)
    prefix, suffix = split
    if trainable := [n for n, p in prefix.named_parameters() if p.requires_grad]:
        raise HarnessError(
            f"stage {stage.name!r} trains {trainable[:3]}, which split() put into the frozen prefix"
        )
    with training.clock.bucket("frozen_prefix"):
        train, val = (
            Boundary(
                prefix,
                batches,
                autocast=training.autocast,
                dtype=AUTOCAST.get(training.precision, torch.float32),
                flips=flips,
                batch_size=training.protocol.batch_size,
            )
            for batches, flips in ((training.train, training.protocol.flip), (training.val, False))
        )
        _synchronise(training.device)

    def from_boundary(rows: Tensor) -> Mapping[str, Tensor]:
        with training.autocast():
            return suffix(val(rows))  # type: ignore[no-any-return]

    return _Views(train, suffix, from_boundary)


def _train_epoch(
    training: Training,
    view: _Views,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
    epoch: int,
) -> dict[str, Any]:
    """One pass over the training part; figures of it. Everything random in it comes from the
    cell's seed and the epoch's number, so a resumed run repeats it bit by bit."""
    protocol, train = training.protocol, training.train
    started = time.monotonic()
    waited = 0.0
    torch.manual_seed(derive_seed("dropout", training.seed, epoch))
    flips = torch.Generator().manual_seed(derive_seed("augmentation", training.seed, epoch))
    set_train_mode(training.module)
    total = torch.zeros((), device=training.device)
    steps = shuffled(len(train), protocol.batch_size, derive_seed("order", training.seed, epoch))
    for rows in steps:
        optimizer.zero_grad(set_to_none=True)
        for part in in_chunks(rows, protocol.micro_batch or len(rows)):
            asked = time.monotonic()
            flipped = torch.rand(len(part), generator=flips) < 0.5 if protocol.flip else None
            inputs = None if view.inputs is None else view.inputs(part, flipped)
            batch = train.batch(part, flipped, inputs)
            waited += time.monotonic() - asked
            loss = _loss(training, view, batch) * (len(part) / len(rows))
            (loss if scaler is None else scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
    mean_loss = float(total) / len(steps)
    if not math.isfinite(mean_loss):
        raise HarnessError(
            f"the training loss of epoch {epoch + 1} is {mean_loss}: training has diverged; "
            "lower the learning rate or train in fp32"
        )
    return {
        "loss": mean_loss,
        "images": sum(len(rows) for rows in steps),
        "train_seconds": time.monotonic() - started,
        "data_wait_seconds": waited,
    }


def _loss(training: Training, view: _Views, batch: Batch) -> Tensor:
    with training.autocast():
        outputs = view.forward(batch.images)
    terms = training.method.loss({name: o.float() for name, o in outputs.items()}, batch)
    return torch.stack([term.float() for term in terms.values()]).sum()


def _keep(
    training: Training,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
    progress: Progress,
    line: dict[str, Any],
) -> None:
    primary = line["val"]["primary"]
    progress.epochs_done = line["epoch"]
    best = progress.best_primary
    if best is None or (primary > best if training.higher_is_better else primary < best):
        progress.best_epoch, progress.best_primary = line["epoch"], primary
        training.checkpoints.save_best(training.module)
    progress.seconds = training.clock.read()
    progress.epochs.append({k: line[k] for k in ("images", "train_seconds", "data_wait_seconds")})
    training.checkpoints.save_last(training.module, optimizer, scaler, progress)


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
