"""An image that Pillow has opened, as grey pixels: what the file's own way of storing it means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from harness.data.images.levels import Reading, Shown, deep_grey, to_bytes, whole_range
from harness.data.images.orientation import orientation_of, upright

_SEVERAL = ("AVIF", "GIF", "PNG", "TIFF", "WEBP")
"""Formats in which a file may hold several images of equal rank."""
_BITS, _PHOTOMETRIC, _SUBFILE = 258, 262, 254
_REDUCED_OR_MASK = 5
"""Bits of TIFF's NewSubfileType: a smaller copy of another page, a transparency mask."""
_GREY_ALPHA_16 = "LA;16B"
"""How Pillow calls the pixels of a PNG file of 16-bit grey and alpha."""
_DEPTHS = {"1": 1, "L;2": 2, "L;4": 4}
"""Bits per pixel of grey PNG files of less than 8."""

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
        raise ValueError(f"it holds {frames} images instead of one")
    tags: Any = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    bits, photometric = tags.get(_BITS, (16,)), tags.get(_PHOTOMETRIC)
    tiles: Any = getattr(image, "tile", ())
    raw = str(tiles[0][3]) if tiles else ""
    with_alpha = (image.format, raw) == ("PNG", _GREY_ALPHA_16)
    if with_alpha:
        # Pillow would take the upper bytes. Read as colour, all four of a pixel are there.
        tiles[:] = [tile._replace(args="RGBA") for tile in tiles]
    halved = ";16" in raw and not (with_alpha or image.mode.startswith("I"))
    stored = orientation_of(image)
    image.load()
    if image.format != "TIFF":
        stored = orientation_of(image)  # Remarks may follow the pixels.
    mode, highest = image.mode, 255
    if with_alpha:
        mode, highest = "I;16A", 65535
        words = np.asarray(image).view(">u2").astype(np.uint16)
        read = _over_black(words[..., 0], words[..., 1], mask)
    elif image.mode.startswith("I"):
        levels, highest = _levels(image), 4095 if bits[0] == 12 else 65535
        if levels.min() < 0 or levels.max() > highest:
            raise ValueError("its levels lie outside the 16-bit range; convert them to 16 bits")
        clear = image.info.get("transparency")
        opaque = levels != clear if isinstance(clear, int) else None
        if photometric == 0:  # White is zero: Pillow inverts 8 bits and not 16.
            levels = highest - levels
        read = _deep(levels, highest, opaque, mask)
    else:
        read = Shown(_luma(image, raw))
    grey = read.grey
    if image.format != "TIFF":  # Pillow turns TIFF files itself, and no others.
        grey = upright(grey, stored)
    return Reading(
        grey,
        mode,
        highest=highest,
        stretched=read.stretched,
        dim=read.dim,
        turned=stored,
        halved=halved,
    )


def _deep(
    levels: NDArray[np.integer], highest: int, opaque: NDArray[np.bool_] | None, mask: bool
) -> Shown:
    """The levels as 8 bits, black where they are transparent, which is no film."""
    read = Shown(whole_range(levels, highest)) if mask else deep_grey(levels, highest, opaque)
    if opaque is not None:
        read.grey[~opaque] = 0
    return read


def _over_black(levels: NDArray[np.uint16], alpha: NDArray[np.uint16], mask: bool) -> Shown:
    """16-bit levels as 8 bits, over black as far as they are not opaque (65535)."""
    read = _deep(levels, 65535, alpha > 0, mask)
    return read._replace(grey=to_bytes(read.grey / 255 * (alpha / 65535)))


def _levels(image: Image.Image) -> NDArray[np.integer]:
    levels = np.asarray(image)
    return levels.astype(levels.dtype.newbyteorder("="))


def _luma(image: Image.Image, raw: str) -> NDArray[np.uint8]:
    if image.mode == "F":
        raise ValueError(
            "its levels are floating-point numbers, of no fixed range; convert them to 16 bits"
        )
    clear = image.info.get("transparency")
    if image.format == "PNG" and image.mode in ("1", "L") and isinstance(clear, int):
        # The file names a level of its own depth, and Pillow compares it with those of 8 bits.
        top = 2 ** _DEPTHS.get(raw, 8) - 1
        grey = np.array(image.convert("L"))
        grey[grey == (clear & top) * 255 // top] = 0
        return grey
    if raw == "RGB;16B" and isinstance(clear, tuple):
        image.info["transparency"] = tuple(level >> 8 for level in clear)
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
