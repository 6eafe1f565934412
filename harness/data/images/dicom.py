"""DICOM files as grey pixels, by the optional package pydicom.

A file is DICOM if its bytes say so, whatever its name: many have none but a number.
"""

from __future__ import annotations

import importlib
import importlib.util
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.data.images.decoders import MissingDecoderError, packages_for
from harness.data.images.dicom_grey import shown
from harness.data.images.levels import Reading
from harness.errors import HarnessError

DICOM_SUFFIXES = (".dcm", ".dicom")
DICOM_MAGIC = b"DICM"
"""At byte 128 of every DICOM file."""
HEAD = 132
"""Bytes of a file that tell whether it is DICOM."""

_INSTALL = "reading DICOM needs pydicom: pip install 'cxr-harness[dicom]'"


def is_dicom(path: Path) -> bool:
    """Whether the file is DICOM by its bytes, whatever its name, or says so by its name."""
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    try:
        # Opening a pipe would wait for somebody to write.
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return is_dicom_content(file.read(HEAD))
    except OSError:
        return False  # The code that reads the file reports it.


def is_dicom_content(content: bytes) -> bool:
    """Whether a file that begins so is DICOM."""
    return content[128:HEAD] == DICOM_MAGIC


def require_pydicom(path: Path) -> None:
    """Raise HarnessError, with the command that installs it, where pydicom is missing."""
    if importlib.util.find_spec("pydicom") is None:
        raise MissingDecoderError(f"{path}: {_INSTALL}")


def read_dicom(path: Path, *, mask: bool = False) -> Reading:
    """The image as 8-bit grey, as a viewer shows it.

    A window (the first that is usable) or a VOI table decides the range. Without one, 8-bit files
    keep their levels and deeper ones span their own range. Colour becomes luma; padding is black.

    Args:
        mask: levels that no window is for are scaled by the range of the bits stored.

    Raises:
        FileNotFoundError: there is no such file.
        MissingDecoderError: pydicom or a decoder for the file's compression is missing.
        HarnessError: the file is damaged, not DICOM, or not a single image; names it.
    """
    with _told_about_the_file(path):
        record = _pydicom().dcmread(path)
        if "PixelData" not in record:
            raise ValueError("it holds no pixels")
        if int(record.get("NumberOfFrames") or 1) != 1:
            raise ValueError(f"it holds {record.NumberOfFrames} frames instead of one image")
        with _decoders_of(record, path):
            record.pixel_array  # noqa: B018  Decoded here, kept by the record.
        return shown(record, mask=mask)


def dicom_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header.

    Raises:
        FileNotFoundError: there is no such file.
        HarnessError: pydicom is missing, or the file states no size; names it.
    """
    with _told_about_the_file(path):
        tags = ["Rows", "Columns"]
        record = _pydicom().dcmread(path, stop_before_pixels=True, specific_tags=tags)
        return int(record.Columns), int(record.Rows)


def _pydicom() -> Any:
    return importlib.import_module("pydicom")


@contextmanager
def _decoders_of(record: Any, path: Path) -> Iterator[None]:
    """Says what to install where no installed decoder reads the compressed pixels."""
    syntax = record.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        yield
        return
    packages = packages_for(syntax)
    try:
        decoder = importlib.import_module("pydicom.pixels").get_decoder(syntax)
    except NotImplementedError as error:
        raise ValueError(f"its compression, {syntax.name}, is not supported") from error
    if not decoder.is_available:
        raise MissingDecoderError(
            f"{path}: is compressed ({syntax.name}), and no decoder for it is installed: "
            f"pip install {packages}"
        )
    try:
        yield
    except Exception as error:  # Decoders let whatever they meet escape.
        if not packages or not decoder.missing_dependencies:
            raise
        raise MissingDecoderError(
            f"{path}: is compressed ({syntax.name}) and cannot be decoded ({_line(error)}); "
            f"if the file is intact, install another decoder: pip install {packages}"
        ) from error


@contextmanager
def _told_about_the_file(path: Path) -> Iterator[None]:
    require_pydicom(path)
    try:
        yield
    except (FileNotFoundError, MissingDecoderError):
        raise
    except Exception as error:  # pydicom and its decoders let whatever they meet escape
        raise HarnessError(
            f"{path}: cannot be read as DICOM ({_line(error)}); "
            "replace it by an intact copy or remove it from the dataset"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
