"""Bundled plugin: one network for the class and the lung mask."""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    yield harness.MethodSpec(
        name="unet_multitask",
        factory="harness_multitask.models:MultitaskUNet",
        task="multitask",
        family="multitask",
        summary='Plain U-Net with a class head (the study called it "VNet")',
        params={"widths": [64, 128, 256, 512, 1024], "hidden": 128},
        tiny={"widths": [8, 16, 32, 64, 128], "hidden": 32},
        needs=frozenset({"masks"}),
        reference="https://arxiv.org/abs/1505.04597",
    )
