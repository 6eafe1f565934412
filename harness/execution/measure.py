"""``timing.json``: what a cell cost, from its clock, its epochs and probes of its model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.data.batches import Part
from harness.data.prepared import Store
from harness.execution.environment import peak_memory
from harness.protocol import Protocol
from harness.results.record import Spread, TimingRecord
from harness.training.probe import machine_lock, spread, timings
from harness.training.runner import Fitted, Parts, Runner


def timing_record(
    runner: Runner, protocol: Protocol, store: Store, fitted: Fitted, test: Part, device: str
) -> TimingRecord:
    """All but the clock's buckets. Memory is read first: probes must not raise its peak."""
    memory, kind = peak_memory(device)
    size = runner.size()
    activation_seconds = sum(kept["seconds"] for kept in runner.activations.values())
    return {
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
        **_inference_speed(runner, protocol, test),
        **_training_speed(fitted),
    }


def step_record(runner: Runner, protocol: Protocol, parts: Parts) -> TimingRecord:
    """Speed of a training step; nothing where the method trains itself or nothing at all."""
    step = runner.training_step(parts)
    if step is None:
        return {"step_ms": None, "images_per_second_train": None}
    with machine_lock("probe"):
        taken = spread(_timings(protocol, step))
    speed = 1000 * min(protocol.batch_size, len(parts.train)) / taken["p50"]
    return {"step_ms": taken, "images_per_second_train": speed}


def _timings(protocol: Protocol, run: Callable[[], object]) -> list[float]:
    return timings(
        run,
        warmup=protocol.probe_warmup,
        iterations=protocol.probe_iterations,
        limit=protocol.probe_seconds,
    )


def _inference_speed(runner: Runner, protocol: Protocol, test: Part) -> TimingRecord:
    measure = partial(_timings, protocol)
    with machine_lock("probe"):
        latency: Spread = spread(measure(runner.forward_fixed(1)))
        batch = spread(measure(runner.forward_fixed(protocol.batch_size)))
        whole = spread(measure(runner.end_to_end(test)))
    images = min(protocol.batch_size, len(test))
    return {
        "latency_ms": latency,
        "throughput_images_per_second": 1000 * protocol.batch_size / batch["p50"],
        "end_to_end_images_per_second": 1000 * images / whole["p50"],
    }


def _training_speed(fitted: Fitted) -> TimingRecord:
    """Steady state: without the first epoch, which warms up, where there is another."""
    epochs = fitted.epochs
    if not epochs:
        return {
            "epochs": 0,
            "minutes_per_epoch": None,
            "images_per_second_train": None,
            "first_epoch_seconds": None,
            "data_wait_seconds": None,
        }
    steady = epochs[1:] or epochs
    seconds = sum(epoch["train_seconds"] for epoch in steady)
    return {
        "epochs": len(epochs),
        "minutes_per_epoch": seconds / len(steady) / 60,
        "images_per_second_train": sum(epoch["images"] for epoch in steady) / seconds,
        "first_epoch_seconds": epochs[0]["train_seconds"],
        "data_wait_seconds": sum(epoch["data_wait_seconds"] for epoch in epochs),
    }
