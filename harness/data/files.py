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

from harness.data.dicom import dicom_size, is_dicom, read_dicom
from harness.data.digests import fingerprint_files
from harness.data.png import read_grey_png
from harness.errors import HarnessError

__all__ = ["fingerprint_files", "grey_levels", "image_size", "read_grey", "read_mask"]

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
    """The image as 8-bit grey, uint8 [H, W].

    Colour becomes luma (ITU-R 601), transparency lies over black, and 16-bit levels are scaled by
    255 / 65535. A ``.dcm`` file is read by :func:`harness.data.dicom.read_dicom`.

    Raises:
        HarnessError: the file is missing, truncated or no image; names it.
    """
    with _told_about_the_file(path):
        if is_dicom(path):
            return read_dicom(path)
        levels = read_grey_png(path)
        if levels is not None:
            return levels
        with Image.open(path) as image:
            return grey_levels(image)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the file's header.

    Raises:
        HarnessError: the file is missing or its header says no size; names it.
    """
    with _told_about_the_file(path):
        if is_dicom(path):
            return dicom_size(path)
        with Image.open(path) as image:
            return image.size


@contextmanager
def _told_about_the_file(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise HarnessError(f"{path}: no such file; restore it from the original dataset") from error
    except (OSError, *DAMAGED) as error:
        raise HarnessError(
            f"{path}: cannot be read as an image ({error}); "
            "replace it by an intact copy or remove it from the dataset"
        ) from error


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The mask bool [H, W]: grey levels above 127 are inside.

    Raises:
        HarnessError: as :func:`read_grey`.
    """
    return read_grey(path) > MASK_THRESHOLD


def grey_levels(image: Image.Image) -> NDArray[np.uint8]:
    """The open image as 8-bit grey, uint8 [H, W], as :func:`read_grey` makes it.

    Raises:
        OSError, ValueError: the pixels are damaged or have no fixed range.
    """
    if image.mode.startswith("I"):
        return _from_16_bit(np.asarray(image))
    if image.mode == "F":
        raise ValueError("floating-point levels have no fixed range")
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), colour)
    return np.array(image.convert("L"))


def _from_16_bit(levels: NDArray[np.integer]) -> NDArray[np.uint8]:
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("levels outside the 16-bit range")
    return ((levels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
