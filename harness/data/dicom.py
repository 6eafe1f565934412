"""DICOM files as grey pixels, by the optional package pydicom.

Stored values pass, in the order of the standard, through the modality transform (rescale slope and
intercept, or its table) and the VOI transform (window, or its table), and come out as they would be
shown: MONOCHROME1 is inverted, so that bone is bright in every file.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import HarnessError

DICOM_SUFFIXES = (".dcm", ".dicom")
DICOM_MAGIC = b"DICM"
"""At byte 128 of every DICOM file."""

_INSTALL = "reading DICOM needs pydicom: pip install 'cxr-harness[dicom]'"


def is_dicom(path: Path) -> bool:
    """Whether the file's name says DICOM."""
    return path.suffix.lower() in DICOM_SUFFIXES


def require_pydicom(path: Path) -> None:
    """Raise HarnessError, with the command that installs it, where pydicom is missing."""
    if importlib.util.find_spec("pydicom") is None:
        raise HarnessError(f"{path}: {_INSTALL}")


def read_dicom(path: Path) -> NDArray[np.uint8]:
    """The image as 8-bit grey, uint8 [H, W], as a viewer shows it.

    A window (the first, where there are several) or a VOI table decides the range. Without one,
    8-bit files keep their levels and deeper ones span the image's own range. Colour becomes luma.

    Raises:
        FileNotFoundError: there is no such file.
        HarnessError: pydicom is missing, the file is damaged or no DICOM, or it holds no single
            image; names it.
    """
    with _told_about_the_file(path):
        record = _pydicom().dcmread(path)
        if "PixelData" not in record:
            raise ValueError("it holds no pixels")
        if int(record.get("NumberOfFrames") or 1) != 1:
            raise ValueError(f"it holds {record.NumberOfFrames} frames in place of one image")
        return _shown(record)


def dicom_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header.

    Raises:
        FileNotFoundError: there is no such file.
        HarnessError: pydicom is missing, or the file says no size; names it.
    """
    with _told_about_the_file(path):
        tags = ["Rows", "Columns"]
        record = _pydicom().dcmread(path, stop_before_pixels=True, specific_tags=tags)
        return int(record.Columns), int(record.Rows)


def _pydicom() -> Any:
    return importlib.import_module("pydicom")


@contextmanager
def _told_about_the_file(path: Path) -> Iterator[None]:
    require_pydicom(path)
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # pydicom and its decoders let whatever they meet escape
        raise HarnessError(
            f"{path}: cannot be read as DICOM ({_line(error)}); "
            "replace it by an intact, uncompressed copy or remove it from the dataset"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _shown(record: Any) -> NDArray[np.uint8]:
    pixels = record.pixel_array
    if record.SamplesPerPixel == 3:
        if pixels.dtype != np.uint8:
            raise ValueError(f"colour of {record.BitsAllocated} bits is not supported")
        return np.array(Image.fromarray(pixels).convert("L"))
    if pixels.ndim != 2:
        raise ValueError(f"its pixels have shape {list(pixels.shape)} in place of rows and columns")
    kind = record.PhotometricInterpretation
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"photometric interpretation {kind} is not supported")
    grey = _windowed(record, pixels)
    return 255 - grey if kind == "MONOCHROME1" else grey


def _windowed(record: Any, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Stored values to levels 0 to 255."""
    transforms = importlib.import_module("pydicom.pixels")
    values = np.asarray(transforms.apply_modality_lut(pixels, record))
    if record.get("VOILUTSequence"):
        table = record.VOILUTSequence[0]
        levels = np.asarray(transforms.apply_voi(values, record), dtype=np.float64)
        return _to_bytes(levels / (2.0 ** int(table.LUTDescriptor[2]) - 1))
    values = values.astype(np.float64)
    if record.get("WindowWidth") is not None and record.get("WindowCenter") is not None:
        centre, width = _first(record.WindowCenter), _first(record.WindowWidth)
        return _to_bytes(_window(values, centre, width, record.get("VOILUTFunction", "LINEAR")))
    if pixels.dtype == np.uint8 and record.BitsStored == 8 and np.array_equal(values, pixels):
        return np.asarray(pixels)
    lowest, highest = values.min(), values.max()
    return _to_bytes((values - lowest) / max(highest - lowest, 1e-12))


def _window(
    values: NDArray[np.float64], centre: float, width: float, function: str
) -> NDArray[np.float64]:
    """Values to the share of full white, as DICOM PS3.3 C.11.2.1 defines the functions; the linear
    ones go beyond 0 and 1 where the window is left."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - centre) / width)))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width <= 1:
        return np.where(values <= centre - 0.5, 0.0, 1.0)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _first(value: Any) -> float:
    """Windows come alone or as a list."""
    return float(
        value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value
    )


def _to_bytes(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
