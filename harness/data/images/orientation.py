"""EXIF orientation: how a stored image is turned before it is shown (CIPA DC-008, tag 274)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.images.png_chunks import chunks

_TAG, _SHORT = 274, 3
_WIDTH, _HEIGHT = 256, 257


def orientation_of(image: Image.Image) -> int:
    """1 to 8; 1, upright, where the file does not say, or says what is not defined."""
    if image.format == "TIFF":
        # Tags are read when the file is opened; loading turns the image and deletes the tag.
        return _defined(getattr(image, "tag_v2", {}).get(_TAG))
    return _in_exif(image.info.get("exif"))


def upright(grey: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored pixels [H, W] as a viewer shows them, [W, H] from orientation 5 on."""
    turned = grey.T if orientation >= 5 else grey
    rows, columns = {
        1: (1, 1),
        2: (1, -1),
        3: (-1, -1),
        4: (-1, 1),
        5: (1, 1),
        6: (1, -1),
        7: (-1, -1),
        8: (-1, 1),
    }[orientation]
    return np.ascontiguousarray(turned[::rows, ::columns])


def shown_size(image: Image.Image, path: Path) -> tuple[int, int]:
    """Width and height of the open image as it is shown, from the headers of the file."""
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    else:
        width, height = image.size
    turned = orientation_of(image)
    if image.format == "PNG" and "exif" not in image.info:
        turned = _in_exif(_late_exif(path))
    return (height, width) if turned >= 5 else (width, height)


def _in_exif(exif: bytes | None) -> int:
    """The orientation in an EXIF block: a TIFF header and tags of 12 bytes. Viewers show an image
    with a damaged block as it is stored, and its pixels are whole."""
    block = (exif or b"").removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", block, entry)
            if (tag, kind) == (_TAG, _SHORT):
                return _defined(value)
    except struct.error:
        pass
    return 1


def _defined(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _late_exif(path: Path) -> bytes | None:
    """The eXIf chunk of a PNG file, which may also follow the pixels."""
    with path.open("rb") as file:
        for chunk in chunks(file):
            if chunk.kind == b"eXIf":
                file.seek(chunk.start)
                return file.read(chunk.end - chunk.start)
            if chunk.kind == b"IEND":
                break
    return None
