"""The public face of the harness: what a plugin may use.

Everything that needs torch is resolved on first use, so a plugin that imports ``harness`` to
describe itself costs nothing.
"""

from __future__ import annotations

# First of all imports: what it does decides where the others are found.
import harness.runtime.startup  # noqa: F401

# isort: split
import importlib
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, Skip, SpecError
from harness.hookspecs import hookimpl
from harness.specs import (
    HARNESS_API,
    DatasetSpec,
    ExecutorSpec,
    FamilySpec,
    LoggerSpec,
    MethodSpec,
    MetricSpec,
    TargetSpec,
    TaskSpec,
    WeightsCard,
    WeightsFile,
)

if TYPE_CHECKING:
    from harness import testing
    from harness.api.results import Results, load
    from harness.api.run import run
    from harness.cell.run import run_cell
    from harness.data.dataset import Dataset, Samples
    from harness.data.images.dicom import require_pydicom
    from harness.data.images.read import fingerprint_files, image_size, read_grey, read_mask
    from harness.data.images.signatures import image_format
    from harness.data.prompt_file import parse_prompts
    from harness.data.sources.defect import Defect, SampleFiles, stray_files
    from harness.data.sources.folders import (
        IMAGE_SUFFIXES,
        RASTER_SUFFIXES,
        FolderContents,
        LeftOut,
        count_files,
        count_images,
        folder_contents,
        is_image_file,
        undoubled_folder,
    )
    from harness.data.sources.mask_files import named_like_masks
    from harness.data.sources.mask_grid import mask_grid, on_mask_grid
    from harness.data.sources.missing_values import counted_spellings, is_missing_mark, says_missing
    from harness.data.sources.table_paths import is_existing_file, named_file, relative_path
    from harness.data.sources.tables import GROUP_COLUMNS, TableRow, read_table
    from harness.data.spelling import name_order, refuse_alike
    from harness.execution.contract.executor import (
        CellFacts,
        Ending,
        Executor,
        ExecutorError,
        ExecutorSettings,
        RunningCell,
        Slots,
        SlotsRequest,
        Submission,
        cell_command,
    )
    from harness.machine import Resources
    from harness.results.predictions import ClassPredictions, MaskPredictions
    from harness.results.set_predictions import SetPredictions
    from harness.storage.regular_files import require_regular
    from harness.study import Cell
    from harness.training.initial_weights import load_checkpoint
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

__version__: str
"""Of the installed harness."""

_LAZY = {
    "Dataset": "harness.data.dataset",
    "Samples": "harness.data.dataset",
    **dict.fromkeys(("Defect", "SampleFiles", "stray_files"), "harness.data.sources.defect"),
    "require_pydicom": "harness.data.images.dicom",
    "fingerprint_files": "harness.data.images.read",
    "image_size": "harness.data.images.read",
    "read_grey": "harness.data.images.read",
    "read_mask": "harness.data.images.read",
    **dict.fromkeys(
        (
            "IMAGE_SUFFIXES",
            "RASTER_SUFFIXES",
            "FolderContents",
            "LeftOut",
            "count_files",
            "count_images",
            "folder_contents",
            "is_image_file",
            "undoubled_folder",
        ),
        "harness.data.sources.folders",
    ),
    **dict.fromkeys(("mask_grid", "on_mask_grid"), "harness.data.sources.mask_grid"),
    **dict.fromkeys(
        ("is_missing_mark", "says_missing", "counted_spellings"),
        "harness.data.sources.missing_values",
    ),
    "named_like_masks": "harness.data.sources.mask_files",
    "parse_prompts": "harness.data.prompt_file",
    "require_regular": "harness.storage.regular_files",
    "image_format": "harness.data.images.signatures",
    **dict.fromkeys(("name_order", "refuse_alike"), "harness.data.spelling"),
    **dict.fromkeys(
        ("is_existing_file", "named_file", "relative_path"),
        "harness.data.sources.table_paths",
    ),
    **dict.fromkeys(
        ("GROUP_COLUMNS", "TableRow", "read_table"),
        "harness.data.sources.tables",
    ),
    "run": "harness.api.run",
    **dict.fromkeys(("Results", "load"), "harness.api.results"),
    "Cell": "harness.study",
    "SetPredictions": "harness.results.set_predictions",
    "run_cell": "harness.cell.run",
    "Resources": "harness.machine",
    **dict.fromkeys(
        (
            "CellFacts",
            "Ending",
            "Executor",
            "ExecutorError",
            "ExecutorSettings",
            "RunningCell",
            "Slots",
            "SlotsRequest",
            "Submission",
            "cell_command",
        ),
        "harness.execution.contract.executor",
    ),
    "ClassPredictions": "harness.results.predictions",
    "MaskPredictions": "harness.results.predictions",
    "load_checkpoint": "harness.training.initial_weights",
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
    "GROUP_COLUMNS",
    "HARNESS_API",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "IMAGE_SUFFIXES",
    "RASTER_SUFFIXES",
    "Batch",
    "Cell",
    "CellFacts",
    "ClassPredictions",
    "Dataset",
    "DatasetSpec",
    "Defect",
    "Ending",
    "Executor",
    "ExecutorError",
    "ExecutorSettings",
    "ExecutorSpec",
    "FamilySpec",
    "FitContext",
    "FolderContents",
    "HarnessError",
    "InputSpec",
    "LabelledImages",
    "LeftOut",
    "LoggerSpec",
    "MaskPredictions",
    "Method",
    "MethodSpec",
    "MetricSpec",
    "Predictions",
    "Problem",
    "Resources",
    "Results",
    "RunningCell",
    "SampleFiles",
    "Samples",
    "SetPredictions",
    "Skip",
    "Slots",
    "SlotsRequest",
    "SpecError",
    "Stage",
    "Submission",
    "TableRow",
    "TargetSpec",
    "TaskSpec",
    "TorchMethod",
    "WeightsCard",
    "WeightsFile",
    "__version__",
    "cell_command",
    "count_files",
    "count_images",
    "counted_spellings",
    "fingerprint_files",
    "folder_contents",
    "hookimpl",
    "image_format",
    "image_size",
    "is_existing_file",
    "is_image_file",
    "is_missing_mark",
    "load",
    "load_checkpoint",
    "mask_grid",
    "name_order",
    "named_file",
    "named_like_masks",
    "on_mask_grid",
    "parse_prompts",
    "read_grey",
    "read_mask",
    "read_table",
    "refuse_alike",
    "relative_path",
    "require_pydicom",
    "require_regular",
    "run",
    "run_cell",
    "says_missing",
    "stray_files",
    "testing",
    "undoubled_folder",
]


def __getattr__(name: str) -> Any:
    if name == "testing":
        return importlib.import_module("harness.testing")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "__version__":
        return importlib.import_module("harness.provenance").harness_version()
    raise AttributeError(f"module 'harness' has no attribute {name!r}")
