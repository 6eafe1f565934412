"""The checks of a plugin that need a GPU, on one."""

from __future__ import annotations

import pytest
import torch

from harness.discovery.registry import discover
from harness.execution.devices import cuda_count
from harness.testing.checks.methods import method_checks
from harness.testing.perform import perform

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        cuda_count() == 0 or not torch.cuda.is_available(), reason="there is no CUDA device"
    ),
]


@pytest.mark.parametrize("name", ["supervised/convnext_base", "segmentation/unet"])
def test_a_bundled_method_leaves_the_gpu_as_it_was(name: str) -> None:
    plugins = discover()
    found = {
        check.promise.name: perform(check)
        for check in method_checks(plugins.methods[name], plugins)
        if check.promise.group == "timing"
    }
    assert {promise: outcome.seen for promise, outcome in found.items()} == {
        "synchronised": "",
        "memory": "",
    }
