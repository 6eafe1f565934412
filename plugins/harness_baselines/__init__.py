"""Bundled plugin: what any network has to beat."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    yield harness.MethodSpec(
        name="majority",
        factory="harness_baselines.majority:Majority",
        task="classification",
        family="baseline",
        summary="Class frequencies of the training images, whatever the image",
    )
    yield harness.MethodSpec(
        name="pixels",
        factory="harness_baselines.pixels:Pixels",
        task="classification",
        family="baseline",
        summary="Logistic regression on an 8x8 thumbnail and grey-level statistics",
    )
