"""What follows from the records of several methods: what freezing saves over a whole training."""

from __future__ import annotations

from typing import Any

from benchmarks.gpu.frozen import seconds
from harness.protocol import PAPER

FREEZE8 = "ssl/dinov2_base@freeze8"


def derive(document: dict[str, Any]) -> None:
    """Add to the document what its records give together; what is missing is left out."""
    methods, images = document["methods"], document["settings"]["images"]
    for name, record in methods.items():
        if "frozen" in record and "training" in record:
            full = methods.get(f"{name.partition('@')[0]}@full", {})
            record["frozen"] |= _against_full(record, full, images)
    if "single_precision" in document.get("course", {}):
        document["course"] |= _against_course(document["course"], methods.get(FREEZE8, {}), images)


def _against_full(record: dict[str, Any], full: dict[str, Any], images: int) -> dict[str, float]:
    """Seconds of a whole training on activations, and their share of full fine-tuning's."""
    taken = seconds(images, record["frozen"], _rate(record))
    found = {"training_seconds": taken, "epochs": PAPER.epochs}
    if "training" in full:
        found["share_of_full"] = taken / (PAPER.epochs * images / _rate(full))
    return found


def _against_course(
    course: dict[str, Any], record: dict[str, Any], images: int
) -> dict[str, float]:
    """How many times as fast as the course loop, in its usual single precision: one epoch on
    activations that are there, and a whole training that makes them."""
    if "frozen" not in record or "training" not in record:
        return {}
    rate = course["single_precision"]["images_per_second"]
    taken = seconds(images, record["frozen"], _rate(record))
    return {
        "epoch_speedup": _rate(record) / rate,
        "training_speedup": PAPER.epochs * images / rate / taken,
    }


def _rate(record: dict[str, Any]) -> float:
    """Images per second of the harness's training step."""
    rate: float = record["training"]["harness"]["images_per_second"]
    return rate
