"""The public face of the harness: what a plugin may use.

Everything that needs torch is resolved on first use, so a plugin that imports ``harness`` to
describe itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, Skip, SpecError
from harness.hookspecs import hookimpl
from harness.specs import (
    HARNESS_API,
    DatasetSpec,
    ExecutorSpec,
    MethodSpec,
    MetricSpec,
    TargetSpec,
    TaskSpec,
    WeightsCard,
    WeightsFile,
)

if TYPE_CHECKING:
    from harness.data.dataset import Dataset, Samples
    from harness.data.files import fingerprint_files, read_grey, read_mask
    from harness.execution.executor import Executor
    from harness.results.predictions import ClassPredictions, MaskPredictions
    from harness.training.initial import load_checkpoint
    from harness.training.method import (
        IMAGENET_MEAN,
        IMAGENET_STD,
        Batch,
        FitContext,
        InputSpec,
        LabelledImages,
        Method,
        Predictions,
        Problem,
        Stage,
        TorchMethod,
    )

__version__ = "0.1.0"

_LAZY = {
    "Dataset": "harness.data.dataset",
    "Samples": "harness.data.dataset",
    "fingerprint_files": "harness.data.files",
    "read_grey": "harness.data.files",
    "read_mask": "harness.data.files",
    "Executor": "harness.execution.executor",
    "ClassPredictions": "harness.results.predictions",
    "MaskPredictions": "harness.results.predictions",
    "load_checkpoint": "harness.training.initial",
    **dict.fromkeys(
        (
            "IMAGENET_MEAN",
            "IMAGENET_STD",
            "Batch",
            "FitContext",
            "InputSpec",
            "LabelledImages",
            "Method",
            "Predictions",
            "Problem",
            "Stage",
            "TorchMethod",
        ),
        "harness.training.method",
    ),
}

__all__ = [
    "HARNESS_API",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Batch",
    "ClassPredictions",
    "Dataset",
    "DatasetSpec",
    "Executor",
    "ExecutorSpec",
    "FitContext",
    "HarnessError",
    "InputSpec",
    "LabelledImages",
    "MaskPredictions",
    "Method",
    "MethodSpec",
    "MetricSpec",
    "Predictions",
    "Problem",
    "Samples",
    "Skip",
    "SpecError",
    "Stage",
    "TargetSpec",
    "TaskSpec",
    "TorchMethod",
    "WeightsCard",
    "WeightsFile",
    "__version__",
    "fingerprint_files",
    "hookimpl",
    "load_checkpoint",
    "read_grey",
    "read_mask",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
