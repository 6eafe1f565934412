"""Image files as the grey pixels and masks that a dataset hands out."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.images.decoders import MissingDecoderError, missing_in_pillow
from harness.data.images.dicom import (
    HEAD,
    dicom_size,
    is_dicom,
    read_dicom,
)
from harness.data.images.fingerprint import fingerprint_files
from harness.data.images.levels import Reading
from harness.data.images.orientation import shown_size
from harness.data.images.pillow_image import read_open
from harness.data.images.png import read_grey_png
from harness.errors import HarnessError
from harness.storage.regular_files import require_regular

__all__ = ["fingerprint_files", "image_size", "read_grey", "read_image", "read_mask"]

MASK_THRESHOLD = 127
"""Grey levels above it are inside the mask."""

# What Pillow raises for damaged files, besides OSError: its decoders do not agree.
DAMAGED = (
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """The image as 8-bit grey, uint8 [H, W], as a viewer shows it.

    Colour becomes luma (ITU-R 601) and transparency lies over black; EXIF orientation is applied,
    and white-is-zero is inverted. Deeper levels become 8 bits by :mod:`harness.data.images.levels`,
    and DICOM by :func:`harness.data.images.dicom.read_dicom`. 8-bit levels stay as they are.

    Raises:
        HarnessError: the file is missing, irregular, truncated or not a single image; names it.
    """
    return read_image(path).grey


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The mask bool [H, W]: grey levels above 127 are inside, after scaling by the file's range.

    Raises:
        HarnessError: as :func:`read_grey`.
    """
    return read_image(path, mask=True).grey > MASK_THRESHOLD


def read_image(path: Path, *, mask: bool = False) -> Reading:
    """What :func:`read_grey` and :func:`read_mask` read, and how.

    Raises:
        HarnessError: as :func:`read_grey`; MissingDecoderError where a library is missing.
    """
    with _told_about_the_file(path):
        if is_dicom(path):
            return read_dicom(path, mask=mask)
        levels = read_grey_png(path)
        if levels is not None:
            return Reading(levels)
        # Of a file that it opened by name, Pillow maps turned TIFF pixels with their sides swapped.
        with path.open("rb") as file, Image.open(file) as image:
            return read_open(image, mask=mask)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as a viewer shows it, from the file's header.

    Raises:
        HarnessError: the file is missing or its header states no size; names it.
    """
    with _told_about_the_file(path):
        if is_dicom(path):
            return dicom_size(path)
        with Image.open(path) as image:
            return shown_size(image, path)


@contextmanager
def _told_about_the_file(path: Path) -> Iterator[None]:
    require_regular(path)
    try:
        yield
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such file; restore it from the original dataset") from error
    except (OSError, *DAMAGED) as error:
        if missing := missing_in_pillow(_head(path), error):
            raise MissingDecoderError(f"{path}: {missing}") from error
        raise HarnessError(
            f"{path}: cannot be read as an image ({error}); "
            "replace it by an intact copy or remove it from the dataset"
        ) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""
