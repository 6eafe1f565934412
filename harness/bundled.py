"""The bundled plugin ``core``: tasks, metrics and executors, offered as anybody's would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import harness

HARNESS_API = 1

LABEL = harness.TargetSpec(
    name="label",
    kind="classes",
    loss="harness.tasks.losses:cross_entropy",
    activation="softmax",
)
MASK = harness.TargetSpec(
    name="mask",
    kind="binary-mask",
    loss="harness.tasks.losses:bce_dice",
    activation="sigmoid",
)

_CLASS_METRICS = (
    ("f1", "F1", "F1, macro-averaged over the classes"),
    ("precision", "precision", "Precision, macro-averaged over the classes"),
    ("recall", "recall", "Recall, macro-averaged over the classes"),
    ("accuracy", "accuracy", "Share of images whose most probable class is the right one"),
    ("balanced_accuracy", "bal. acc.", "Mean recall of the classes that occur"),
    ("auroc", "AUROC", "Area under the ROC curve, one against the rest, macro-averaged"),
    ("mcc", "MCC", "Matthews correlation coefficient over all classes"),
)
_MASK_METRICS = (
    ("dice", "Dice", "Dice coefficient, mean over images"),
    ("dice_pooled", "pooled Dice", "Dice coefficient of the pixels of all images together"),
    ("iou", "IoU", "Intersection over union, mean over images"),
    ("dice_soft", "soft Dice", "Dice of probabilities, pooled over 16 images, then averaged"),
)


@harness.hookimpl
def harness_tasks() -> Iterator[harness.TaskSpec]:
    yield harness.TaskSpec(
        name="classification",
        summary="One class per image",
        targets=(LABEL,),
        primary=("label.f1",),
    )
    yield harness.TaskSpec(
        name="segmentation",
        summary="The lungs' pixels, against the reference mask",
        targets=(MASK,),
        primary=("mask.dice",),
    )
    yield harness.TaskSpec(
        name="multitask",
        summary="Class and lung mask from one network, losses weighted alike",
        targets=(replace(LABEL, weight=0.5), replace(MASK, weight=0.5)),
        primary=("label.f1", "mask.dice"),
    )


@harness.hookimpl
def harness_metrics() -> Iterator[harness.MetricSpec]:
    for kind, module, metrics in (
        ("classes", "harness.metrics.classification", _CLASS_METRICS),
        ("binary-mask", "harness.metrics.segmentation", _MASK_METRICS),
    ):
        for name, label, summary in metrics:
            yield harness.MetricSpec(
                name=name, kind=kind, function=f"{module}:{name}", label=label, summary=summary
            )


@harness.hookimpl
def harness_executors() -> Iterator[harness.ExecutorSpec]:
    yield harness.ExecutorSpec(
        name="process",
        factory="harness.execution.workers.process:ProcessExecutor",
        summary="A fresh process for every cell",
    )
    yield harness.ExecutorSpec(
        name="inline",
        factory="harness.execution.workers.inline:InlineExecutor",
        summary="Every cell in this process, for debugging",
    )
