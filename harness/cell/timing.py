"""``timing.json``: what a cell cost, from its clock, its epochs and probes of its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.cell.environment import peak_memory
from harness.cell.probe import Timings, spread, timings
from harness.data.store.prepared import Store
from harness.protocol import Protocol
from harness.results.record import EpochRecord, TimingRecord
from harness.results.speed import frozen_pass, step_speed, training_speed
from harness.runtime.stopwatch import Taken, together
from harness.storage.lock import machine_lock
from harness.training.batches import Part
from harness.training.fit.runner import Fitted, Parts, Runner


def timing_record(
    runner: Runner, protocol: Protocol, store: Store, fitted: Fitted, test: Part, device: str
) -> TimingRecord:
    """All but the clock's buckets. Memory is read first: probes must not raise its peak."""
    memory, kind = peak_memory(device)
    size = runner.size()
    frozen = frozen_pass(runner.activations.values())
    activation_seconds = 0.0 if frozen is None else frozen["wall_seconds"]
    probes, speed = _inference_speed(runner, protocol, test)
    return {
        "blocks": {"prepare": store.taken, **_training_blocks(fitted.epochs, frozen), **probes},
        "best_epoch": fitted.best_epoch,
        "resumed": fitted.resumed,
        "prepare_seconds": store.build_seconds,
        "activation_seconds": activation_seconds,
        "shared_seconds": store.build_seconds + activation_seconds,
        "activations": {**runner.activations},
        "input_size": runner.input.size,
        "stages": list(size.stages),
        "peak_memory_bytes": memory,
        "memory_kind": kind,
        "parameters_total": size.parameters_total,
        "parameters_trainable": size.parameters_trainable,
        "flops_per_image": size.flops_per_image,
        **speed,
        **_epochs(fitted.epochs),
        **training_speed(fitted.epochs, frozen),
    }


def step_record(
    runner: Runner, protocol: Protocol, parts: Parts, *, images: int, fraction: float
) -> TimingRecord:
    """Speed of a training step; nothing where the method trains itself or nothing at all.

    Args:
        images: that training would take in an epoch, of which ``parts`` holds some.
        fraction: which part of the split's training images these are.
    """
    step = runner.training_step(parts)
    if step is None:
        return {"step_ms": None, **training_speed([], None)}
    with machine_lock("probe"):
        found = _timings(protocol, step)
    taken = spread(found)
    # The pass in front of the step was run for as many images as are needed here; training needs it
    # for all of the split.
    others = len(parts.every) - len(parts.train) / fraction
    more = (others + images / fraction) / len(parts.every)
    speed = step_speed(
        taken["p50"] / 1000,
        taken["cpu_p50"] / 1000,
        min(protocol.batch_size, len(parts.train)),
        _times(frozen_pass(runner.activations.values()), more),
        images * protocol.epochs,
    )
    return {"step_ms": taken, "blocks": {"step": found.taken}, **speed}


def _times(taken: Taken | None, factor: float) -> Taken | None:
    if taken is None:
        return None
    cpu = taken["cpu_seconds"]
    return {
        "wall_seconds": factor * taken["wall_seconds"],
        "cpu_seconds": None if cpu is None else factor * cpu,
        "other_load": taken["other_load"],
    }


def _timings(protocol: Protocol, run: Callable[[], object]) -> Timings:
    return timings(
        run,
        warmup=protocol.probe_warmup,
        iterations=protocol.probe_iterations,
        limit=protocol.probe_seconds,
    )


def _inference_speed(
    runner: Runner, protocol: Protocol, test: Part
) -> tuple[dict[str, Taken], TimingRecord]:
    """What the probes took, and the values that they give."""
    with machine_lock("probe"):
        one = _timings(protocol, runner.forward_fixed(1))
        batch = _timings(protocol, runner.forward_fixed(protocol.batch_size))
        whole = _timings(protocol, runner.end_to_end(test))
    model, images = spread(batch), min(protocol.batch_size, len(test))
    all_of_it = spread(whole)
    return {
        "latency": one.taken,
        "throughput": batch.taken,
        "end_to_end": whole.taken,
    }, {
        "latency_ms": spread(one),
        "throughput_images_per_second": _per_second(protocol.batch_size, model["p50"]),
        "throughput_images_per_cpu_second": _per_second(protocol.batch_size, model["cpu_p50"]),
        "end_to_end_images_per_second": _per_second(images, all_of_it["p50"]),
        "end_to_end_images_per_cpu_second": _per_second(images, all_of_it["cpu_p50"]),
    }


def _per_second(images: int, milliseconds: float) -> float | None:
    """None where the clock's steps are longer than what it was to measure."""
    return 1000 * images / milliseconds if milliseconds else None


def _training_blocks(epochs: Iterable[EpochRecord], frozen: Taken | None) -> dict[str, Taken]:
    every = list(epochs)
    found = {
        "train": together([epoch["train"] for epoch in every]),
        "validate": together([epoch["validate"] for epoch in every]),
        "frozen_prefix": frozen,
    }
    return {name: taken for name, taken in found.items() if taken is not None}


def _epochs(epochs: list[EpochRecord]) -> TimingRecord:
    return {
        "epochs": len(epochs),
        "first_epoch_seconds": epochs[0]["train"]["wall_seconds"] if epochs else None,
        "data_wait_seconds": sum(e["data_wait_seconds"] for e in epochs) if epochs else None,
    }
