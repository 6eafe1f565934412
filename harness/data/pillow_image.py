"""An image that Pillow has opened, as grey pixels: what the file's own way of storing it means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from harness.data.levels import Reading, deep_grey, whole_range
from harness.data.orientation import orientation_of, upright

_SEVERAL = ("AVIF", "GIF", "PNG", "TIFF", "WEBP")
"""Formats in which a file may hold several images of equal rank."""
_BITS, _PHOTOMETRIC, _SUBFILE = 258, 262, 254
_REDUCED_OR_MASK = 5
"""Bits of TIFF's NewSubfileType: a smaller copy of another page, a transparency mask."""

# What Pillow decodes in one byte order, or with black at zero, it decodes in the other as well.
for _order, _white, _bits, _mode, _raw in (
    (b"MM", 0, 16, "I;16B", "I;16B"),
    (b"II", 0, 12, "I;16", "I;12"),
):
    TiffImagePlugin.OPEN_INFO.setdefault((_order, _white, (1,), 1, (_bits,), ()), (_mode, _raw))


def read_open(image: Image.Image, *, mask: bool = False) -> Reading:
    """The open image as 8-bit grey, as a viewer shows it.

    Args:
        mask: levels are scaled by the file's range, whatever they are.

    Raises:
        OSError, ValueError: the pixels are damaged, have no fixed range, or are several images.
    """
    frames = _frames(image)
    if frames > 1:
        raise ValueError(f"it holds {frames} images in place of one")
    tags: Any = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    bits, photometric = tags.get(_BITS, (16,)), tags.get(_PHOTOMETRIC)
    halved = any(
        ";16" in str(tile[3]) for tile in getattr(image, "tile", ())
    ) and not image.mode.startswith("I")
    stored = orientation_of(image)
    image.load()
    if image.format != "TIFF":
        stored = orientation_of(image)  # Remarks may follow the pixels.
    stretched = False
    if image.mode.startswith("I"):
        levels = _levels(image)
        highest = 4095 if bits[0] == 12 else 65535
        if levels.min() < 0 or levels.max() > highest:
            raise ValueError("its levels lie outside the 16-bit range; convert them to 16 bits")
        grey, stretched = (
            (whole_range(levels, highest), False) if mask else deep_grey(levels, highest)
        )
        if photometric == 0:  # White is zero: Pillow inverts 8 bits and not 16.
            grey = 255 - grey
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            grey[levels == clear] = 0
    else:
        grey = _luma(image)
    if image.format != "TIFF":  # Pillow turns TIFF files itself, and no others.
        grey = upright(grey, stored)
    return Reading(grey, image.mode, stretched=stretched, turned=stored, halved=halved)


def _levels(image: Image.Image) -> NDArray[np.integer]:
    levels = np.asarray(image)
    return levels.astype(levels.dtype.newbyteorder("="))


def _luma(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise ValueError(
            "its levels are floating-point numbers, of no fixed range; convert them to 16 bits"
        )
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), colour)
    return np.array(image.convert("L"))


def _frames(image: Image.Image) -> int:
    """How many images of equal rank the file holds."""
    count = int(getattr(image, "n_frames", 1)) if image.format in _SEVERAL else 1
    if count == 1 or image.format != "TIFF":
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not (getattr(image, "tag_v2", {}).get(_SUBFILE, 0) & _REDUCED_OR_MASK)
    image.seek(0)
    return full
